"""Flask-Caching's memcached backends: a cached view and function, and the cache itself. Given a
login, the backend that logs in by SASL, and the one that spreads large values over keys."""
import importlib.metadata
import logging

import pylibmc
from flask import Flask, current_app
from flask_caching import Cache

from common import HOST, LOGIN, PORT, check, done, raises, stop_daemon

logging.getLogger("flask_caching").setLevel(logging.CRITICAL)


def cache_of(app, kind, login):
    config = {"CACHE_TYPE": kind, "CACHE_MEMCACHED_SERVERS": [f"{HOST}:{PORT}"],
              "CACHE_KEY_PREFIX": kind}
    if login:
        config["CACHE_MEMCACHED_USERNAME"], config["CACHE_MEMCACHED_PASSWORD"] = login
    return Cache(app, config=config)


def operations(c):
    for value in ["text", b"bytes \0\r\n", 42, {"a": [1, (2, 3)]}, "ü" * 1000]:
        check("set and get", (c.set("k", value), c.get("k")), (True, value))
    check("get, absent", c.get("absent"), None)
    check("add", (c.add("k", 1), c.add("new", 1)), (False, True))
    check("has", (c.has("k"), c.has("absent")), (True, False))
    check("delete", (c.delete("k"), c.delete("k"), c.get("k")), (True, False, None))
    values = {f"many{n}": n for n in range(300)}
    check("set_many", sorted(c.set_many(values)), sorted(values))
    check("get_many", c.get_many(*values, "absent"), [*range(300), None])
    check("get_dict", c.get_dict(*values), values)
    check("delete_many", sorted(c.delete_many(*values)), sorted(values))
    check("get_many, none left", set(c.get_many(*values)), {None})
    big = bytes(range(256)) * 4000
    check("large", (c.set("big", big), c.get("big") == big), (True, True))
    raises("too large", pylibmc.TooBig, lambda: c.set("big", big * 2))
    c.set("e", "v", timeout=60 * 86400)
    check("timeout of 60 days", c.get("e"), "v")


def decorators(c):
    calls = []

    @current_app.route("/page")
    @c.cached(timeout=60)
    def page():
        calls.append("page")
        return f"page {len(calls)}"

    @c.memoize(60)
    def double(x):
        calls.append(x)
        return x * 2

    browser = current_app.test_client()
    check("cached view", [browser.get("/page").data for _ in range(3)], [b"page 1"] * 3)
    check("memoize", [double(x) for x in (1, 2, 1, 2)], [2, 4, 2, 4])
    check("calls", calls, ["page", 1, 2])
    c.delete_memoized(double, 1)
    check("after delete_memoized", ([double(1), double(2)], calls), ([2, 4], ["page", 1, 2, 1]))
    c.clear()
    check("after clear", (browser.get("/page").data, double(2)), (b"page 5", 4))


def spread(c):
    big = bytes(range(256)) * 16_000
    c.set("spread", big)
    check("4 MB over several keys", c.get("spread") == big, True)
    c.delete("spread")
    check("deleted", c.get("spread"), None)


def with_cache(kind, login, *parts):
    """Runs these parts in an application with such a cache."""
    app = Flask(kind)
    with app.app_context():
        for part in parts:
            part(cache_of(app, kind, login))


def gone(c):
    check("before the end", c.set("k", 1), True)
    stop_daemon()
    raises("the server is gone", pylibmc.Error, lambda: c.set("k", 1))


if LOGIN:
    with_cache("SpreadSASLMemcachedCache", LOGIN, spread)
    with_cache("SASLMemcachedCache", [LOGIN[0], "wrong"], lambda c: raises(
        "wrong password", pylibmc.Error, lambda: c.set("k", 1)))
with_cache("SASLMemcachedCache" if LOGIN else "MemcachedCache", LOGIN,
           operations, decorators, gone)
done("Flask-Caching", importlib.metadata.version("Flask-Caching"))

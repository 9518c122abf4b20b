"""Django's two memcached backends, as its cache framework calls them."""
import django
import pylibmc
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheKey
from pymemcache.exceptions import MemcacheError, MemcacheServerError

from common import HOST, PORT, check, done, raises, stop_daemon

SERVER = f"{HOST}:{PORT}"
BACKENDS = {"pymemcache": "PyMemcacheCache", "pylibmc": "PyLibMCCache"}
settings.configure(CACHES={
    alias: {"BACKEND": f"django.core.cache.backends.memcached.{name}", "LOCATION": SERVER,
            "KEY_PREFIX": alias, "VERSION": 2}
    for alias, name in BACKENDS.items()
})


def basics(c):
    for value in ["text", b"bytes \0\r\n", 42, True, None, {"a": [1, (2, 3)]}, "ü" * 1000, ""]:
        c.set("k", value)
        check("set and get", c.get("k", "missing"), value)
    check("get, absent", (c.get("absent"), c.get("absent", "d")), (None, "d"))
    check("add", (c.add("k", "w"), c.add("new", "w")), (False, True))
    check("has_key", (c.has_key("k"), "absent" in c), (True, False))
    check("delete", (c.delete("k"), c.delete("k")), (True, False))
    check("get_or_set", (c.get_or_set("g", lambda: 5), c.get_or_set("g", 6)), (5, 5))
    check("key with ü", (c.set("schlüssel", 1), c.get("schlüssel")), (None, 1))
    c.set("versioned", "old", version=1)
    check("versions", (c.get("versioned"), c.get("versioned", version=1)), (None, "old"))
    c.incr_version("versioned", version=1)
    check("incr_version", c.get("versioned"), "old")


def arithmetic(c):
    c.set("n", 10)
    check("incr and decr", (c.incr("n"), c.incr("n", 5), c.decr("n", 100)), (11, 16, 0))
    raises("incr, absent", ValueError, lambda: c.incr("absent"))
    raises("decr, absent", ValueError, lambda: c.decr("absent"))


def many(c):
    values = {f"many{n}": f"value {n}" for n in range(300)}
    check("set_many", c.set_many(values), [])
    check("get_many", c.get_many([*values, "absent"]), values)
    c.delete_many(values)
    check("get_many, none left", c.get_many(values), {})


def expiry(c):
    for timeout in [0, -1]:
        c.set("e", "v", timeout)
        check(f"timeout of {timeout}", c.get("e"), None)
    for timeout in [1000, 60 * 86400, None]:
        c.set("e", "v", timeout)
        check(f"timeout of {timeout}", c.get("e"), "v")
    check("touch", (c.touch("e", 100), c.touch("absent", 100)), (True, False))
    check("touch to now", (c.touch("e", 0), c.get("e")), (True, None))


def limits(c, refusal):
    big = bytes(range(256)) * 4000
    check("large", (c.set("big", big), c.get("big") == big), (None, True))
    raises("too large", refusal, lambda: c.set("big", big * 2))
    check("old value is gone", c.get("big"), None)
    raises("key of 251", InvalidCacheKey, lambda: c.get("k" * 251))
    raises("key with a space", InvalidCacheKey, lambda: c.set("a b", 1))


pymemcache, libmemcached = caches["pymemcache"], caches["pylibmc"]
for cache, refusal in [(pymemcache, MemcacheServerError), (libmemcached, pylibmc.TooBig)]:
    for part in [basics, arithmetic, many, expiry]:
        part(cache)
    limits(cache, refusal)
pymemcache.set("mine", 1)
libmemcached.clear()
check("clear, seen by the other", pymemcache.get("mine"), None)
stop_daemon()
gone = (OSError, MemcacheError)  # as it finds out at the first request, and at the next ones
for _ in range(2):
    raises("pymemcache: the server is gone", gone, lambda: pymemcache.set("k", 1))
raises("pylibmc: the server is gone", pylibmc.Error, lambda: libmemcached.set("k", 1))
done("Django", django.get_version())

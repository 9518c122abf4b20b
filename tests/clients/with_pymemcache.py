"""Every operation of pymemcache, as its users call them."""
import importlib.metadata
import tempfile
from concurrent.futures import ThreadPoolExecutor

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import (
    MemcacheClientError,
    MemcacheError,
    MemcacheIllegalInputError,
    MemcacheServerError,
    MemcacheUnexpectedCloseError,
    MemcacheUnknownCommandError,
)

from common import HOST, PORT, PROGRAM, check, done, raises, stop_daemon
from daemon import start

BIG = bytes(range(256)) * 4000  # 1,024,000 bytes: chained
address = (HOST, PORT)


def basics(c):
    check("set", c.set("k", b"v", noreply=False), True)
    check("get", c.get("k"), b"v")
    check("get, absent", c.get("absent"), None)
    check("get with default", c.get("absent", b"d"), b"d")
    check("add, present", c.add("k", b"w", noreply=False), False)
    check("replace", c.replace("k", b"w", noreply=False), True)
    check("replace, absent", c.replace("absent", b"w", noreply=False), False)
    check("append", c.append("k", b">", noreply=False), True)
    check("prepend", c.prepend("k", b"<", noreply=False), True)
    check("get after them", c.get("k"), b"<w>")
    check("delete", c.delete("k", noreply=False), True)
    check("delete, absent", c.delete("k", noreply=False), False)
    check("touch, absent", c.touch("k", 10, noreply=False), False)
    check("flags", (c.set("f", b"v", flags=77, noreply=False), c.get("f")), (True, b"v"))


def many(c):
    values = {f"many{i}": f"value {i}".encode() for i in range(500)}
    check("set_many", c.set_many(values, noreply=False), [])
    check("get_many", c.get_many(list(values) + ["absent"]), values)
    found = c.gets_many(["many1", "absent", "many2"])
    check("gets_many, keys", sorted(found), ["many1", "many2"])
    check("gets_many, value", found["many1"][0], b"value 1")
    check("delete_many", c.delete_many(list(values), noreply=False), True)
    check("get_many, none left", c.get_many(list(values)), {})


def cas(c):
    c.set("k", b"one", noreply=False)
    value, token = c.gets("k")
    check("gets", value, b"one")
    check("gets, absent", c.gets("absent"), (None, None))
    check("cas", c.cas("k", b"two", token, noreply=False), True)
    check("cas, too late", c.cas("k", b"three", token, noreply=False), False)
    check("cas, absent", c.cas("absent", b"x", token, noreply=False), None)
    check("get after cas", c.get("k"), b"two")


def arithmetic(c):
    c.set("n", b"10", noreply=False)
    check("incr", c.incr("n", 5), 15)
    check("decr", c.decr("n", 20), 0)
    check("incr, absent", c.incr("absent", 1), None)
    check("incr, noreply", c.incr("n", 7, noreply=True), None)
    check("get after incr", c.get("n").strip(), b"7")
    c.set("text", b"abc", noreply=False)
    raises("incr of text", MemcacheClientError, lambda: c.incr("text", 1))


def expiry(c):
    check("set with expiry", c.set("e", b"v", expire=100, noreply=False), True)
    check("touch", c.touch("e", 50, noreply=False), True)
    gat = c.raw_command(b"gat 100 e", b"END\r\n")
    check("gat, for which it has no method", gat, b"VALUE e 0 1\r\nv\r\n")
    check("set, already over", c.set("e", b"v", expire=-1, noreply=False), True)
    check("get, expired", c.get("e"), None)


def large_and_odd(c):
    check("set, large", c.set("big", BIG, noreply=False), True)
    check("get, large", c.get("big"), BIG)
    check("append to large", c.append("big", b"tail", noreply=False), True)
    check("get, larger", c.get("big"), BIG + b"tail")
    raises("too large", MemcacheServerError, lambda: c.set("big", BIG * 2, noreply=False))
    check("old value is gone", c.get("big"), None)
    # An item of at most 1 MB, key and header included.
    check("just small enough", c.set("edge", b"x" * ((1 << 20) - 100), noreply=False), True)
    raises("just too large", MemcacheServerError,
           lambda: c.set("edge", b"x" * (1 << 20), noreply=False))
    check("empty value", (c.set("z", b"", noreply=False), c.get("z")), (True, b""))
    check("key of 250", (c.set("k" * 250, b"v", noreply=False), c.get("k" * 250)), (True, b"v"))
    raises("key of 251", MemcacheIllegalInputError, lambda: c.get("k" * 251))
    line_ends = b"\r\nEND\r\nVALUE x 0 1\r\n"
    check("line ends in a value", (c.set("l", line_ends), c.get("l")), (True, line_ends))


def noreply(c):
    for verb, value in [(c.set, b"1"), (c.add, b"2"), (c.replace, b"3"), (c.append, b"4")]:
        verb("quiet", value, noreply=True)
    check("after noreply commands", c.get("quiet"), b"34")
    c.delete("quiet", noreply=True)
    c.touch("quiet", 1, noreply=True)
    check("after a quiet delete", c.get("quiet"), None)


def administration(c):
    check("version", c.version().startswith(b"1.6."), True)
    stats = c.stats()
    check("stats", stats[b"limit_maxbytes"] > 0 and stats[b"curr_items"] > 0, True)
    check("stats settings", b"item_size_max" in c.stats("settings"), True)
    check("stats items", any(key.startswith(b"items:") for key in c.stats("items")), True)
    check("stats slabs", b"active_slabs" in c.stats("slabs"), True)
    raises("stats bogus", MemcacheUnknownCommandError, lambda: c.stats("bogus"))
    check("raw command", c.raw_command(b"get absent", b"END\r\n"), b"")
    check("flush_all", c.flush_all(noreply=False), True)
    check("get after flush", c.get("n"), None)
    c.quit()


def pooled():
    c = PooledClient(address, max_pool_size=4, timeout=10)
    for part in [basics, many, cas, arithmetic, expiry]:
        part(c)

    def worker(number):
        return [c.set(f"{number}/{n}", b"%d" % n, noreply=False) for n in range(200)]

    with ThreadPoolExecutor(4) as threads:
        check("four threads", all(map(all, threads.map(worker, range(8)))), True)
    check("what they stored", len(c.get_many([f"{w}/{n}" for w in range(8) for n in range(200)])),
          1600)


def two_servers(directory):
    """The hash client and the retrying client, and a second server that goes and returns."""
    second, port = start(PROGRAM, directory)
    servers = [address, (HOST, int(port))]
    try:
        hashed = HashClient(servers, timeout=10)
        for part in [basics, many, cas, arithmetic]:
            part(hashed)
        hash_client(servers, second)
        retrying = RetryingClient(Client(servers[0]), attempts=2, retry_for=[MemcacheError])
        basics(retrying)
        second, _ = start(PROGRAM, directory, "-p", port)
        retrying = RetryingClient(Client(servers[1]), attempts=2, retry_for=[MemcacheError])
        check("retrying client", retrying.set("r", b"v", noreply=False), True)
        second.terminate()
        second.wait()
        second, _ = start(PROGRAM, directory, "-p", port)
        check("retrying client, a new server", retrying.get("r"), None)
        check("retrying client, set", retrying.set("r", b"w", noreply=False), True)
    finally:
        second.kill()


def hash_client(servers, second):
    """One that takes errors for misses, while the second server ends."""
    c = HashClient(servers, timeout=10, ignore_exc=True, use_pooling=True, retry_attempts=0,
                   dead_timeout=600)
    values = {f"hashed{n}": b"%d" % n for n in range(200)}
    check("hash client, set_many", c.set_many(values, noreply=False), [])
    check("hash client, get_many", c.get_many(values), values)
    held = Client(servers[1]).get_many(values)
    check("hash client, both hold some", 0 < len(held) < 200, True)
    second.terminate()
    second.wait()
    rest = {key: value for key, value in values.items() if key not in held}
    # At the first error it takes the server for failed, at the second for dead.
    for _ in range(2):
        check("hash client, one is gone", c.get_many(values), rest)
    check("hash client, goes on with the other", c.set_many(values, noreply=False), [])
    check("hash client, get_many of one", c.get_many(values), values)


def gone(c):
    """What a client sees of a server that ends, and then of none at all."""
    check("before the end", c.set("k", b"v", noreply=False), True)
    stop_daemon()
    raises("the server ends", (MemcacheUnexpectedCloseError, OSError), lambda: c.get("k"))
    raises("the server is gone", ConnectionRefusedError, lambda: c.get("k"))


client = Client(address, timeout=10)
for part in [basics, many, cas, arithmetic, expiry, large_and_odd, noreply, administration]:
    part(client)
pooled()
with tempfile.TemporaryDirectory() as folder:
    two_servers(folder)
gone(client)
done("pymemcache", importlib.metadata.version("pymemcache"))

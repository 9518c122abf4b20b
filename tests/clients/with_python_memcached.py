"""Every operation of python-memcached, as its users call them."""
import importlib.metadata

import memcache

from common import HOST, PORT, check, done, raises, stop_daemon

c = memcache.Client([f"{HOST}:{PORT}"], debug=0, socket_timeout=10, cache_cas=True)
check("a server", len(c.get_stats()), 1)
for value in ["text", b"bytes", 42, 2**40, True, [1, {"two": (3, 4)}], None, "ü" * 1000, ""]:
    check("set", c.set("k", value), True)
    check("get", c.get("k"), value)
check("add, present", c.add("k", "x"), False)
check("replace", c.replace("k", "mid"), True)
check("append", c.append("k", ">"), True)
check("prepend", c.prepend("k", "<"), True)
check("get after them", c.get("k"), "<mid>")
check("get, absent", c.get("absent"), None)
check("get with default", c.get("absent", "d"), "d")
check("delete", c.delete("k"), 1)
check("delete, absent", c.delete("k"), 0)
check("replace, absent", c.replace("k", "x"), False)
check("append, absent", c.append("k", "x"), False)

c.set("n", "10")
check("incr", c.incr("n", 5), 15)
check("decr", c.decr("n", 100), 0)
check("incr, absent", c.incr("absent"), None)

check("touch", (c.set("t", "v"), c.touch("t", 100)), (True, 1))
check("expired", (c.set("e", "v", time=-1), c.get("e")), (True, None))
check("set noreply", (c.set("q", "v", noreply=True), c.get("q")), (True, "v"))

check("gets", (c.set("c", "one"), c.gets("c")), (True, "one"))
check("cas", c.cas("c", "two"), True)
c.gets("c")
memcache.Client([f"{HOST}:{PORT}"]).set("c", "someone else's")
check("cas, too late", c.cas("c", "three"), False)
check("get after cas", c.get("c"), "someone else's")

values = {f"m{i}": f"value {i}" for i in range(300)}
check("set_multi", c.set_multi(values), [])
check("get_multi", c.get_multi(list(values) + ["absent"]), values)
check("delete_multi", c.delete_multi(list(values)), 1)
check("get_multi, none left", c.get_multi(list(values)), {})

big = "0123456789" * 100_000
check("large", (c.set("big", big), c.get("big") == big), (True, True))
check("too large", c.set("big", big * 2), 0)
big = big.encode()
compressed = (c.set("z", big, min_compress_len=100), c.get("z") == big)
check("compressed", compressed, (True, True))

check("stats", "limit_maxbytes" in map(str, c.get_stats()[0][1]), True)
check("slab stats", len(c.get_slab_stats()), 1)
# get_slabs cannot work with any server: version 1.62 splits bytes by text there.
check("flush_all", (c.flush_all(), c.get("big")), (None, None))
check("odd bytes", (c.set("o", bytes(range(256))), c.get("o") == bytes(range(256))), (True, True))
check("key of 250", (c.set("k" * 250, "v"), c.get("k" * 250)), (True, "v"))
raises("key of 251", memcache.Client.MemcachedKeyLengthError, lambda: c.get("k" * 251))
raises("key with a space", memcache.Client.MemcachedKeyCharacterError, lambda: c.get("a b"))
stop_daemon()
check("the server is gone", (c.set("k", "v"), c.get("k"), c.get_stats()), (0, None, []))
done("python-memcached", importlib.metadata.version("python-memcached"))

"""Every operation of pylibmc, and through it of libmemcached, in the classic text protocol."""
import pylibmc

from common import HOST, PORT, check, done, raises, stop_daemon

c = pylibmc.Client([f"{HOST}:{PORT}"], binary=False, behaviors={"cas": True, "tcp_nodelay": True})
for value in ["text", b"bytes", 42, 2**40, True, [1, {"two": (3, 4)}], "ü" * 1000, ""]:
    check("set", c.set("k", value), True)
    check("get", c.get("k"), value)
check("add, present", c.add("k", "x"), False)
check("replace", c.replace("k", b"mid"), True)
check("append", c.append("k", b">"), True)
check("prepend", c.prepend("k", b"<"), True)
check("get after them", c.get("k"), b"<mid>")
check("get, absent", c.get("absent"), None)
check("get with default", c.get("absent", "d"), "d")
check("in", ("k" in c, "absent" in c), (True, False))
check("delete", c.delete("k"), True)
check("delete, absent", c.delete("k"), False)
check("replace, absent", c.replace("k", "x"), False)
check("append, absent", c.append("k", b"x"), False)
check("touch", (c.set("t", "v"), c.touch("t", 100), c.touch("absent", 1)), (True, True, False))
check("already over", (c.set("e", "v", time=-1), c.get("e")), (True, None))
check("expiry", (c.set("e", "v", time=1000), c.get("e")), (True, "v"))

c.set("n", 10)
check("incr", c.incr("n", 5), 15)
check("decr", c.decr("n", 100), 0)
for name, call in [("incr", c.incr), ("decr", c.decr)]:
    raises(f"{name}, absent", pylibmc.NotFound, lambda: call("absent"))

check("gets", c.set("c", "one"), True)
value, token = c.gets("c")
check("gets, value", value, "one")
check("cas", c.cas("c", "two", token), True)
check("cas, too late", c.cas("c", "three", token), False)
check("get after cas", c.get("c"), "two")

values = {f"m{i}": f"value {i}" for i in range(300)}
check("set_multi", c.set_multi(values), [])
check("get_multi", c.get_multi(list(values) + ["absent"]), values)
check("add_multi, all present", len(c.add_multi(values)), 300)
check("incr_multi", (c.set_multi({"a": 1, "b": 2}), c.incr_multi(["a", "b"])), ([], None))
check("get after incr_multi", c.get_multi(["a", "b"]), {"a": 2, "b": 3})
check("delete_multi", c.delete_multi(list(values)), True)
check("get_multi, none left", c.get_multi(list(values)), {})

big = b"0123456789" * 100_000
check("large", (c.set("big", big), c.get("big") == big), (True, True))
check("compressed", (c.set("z", big, min_compress_len=100), c.get("z") == big), (True, True))
raises("too large", pylibmc.TooBig, lambda: c.set("big", big * 2))
check("odd bytes", (c.set("o", bytes(range(256))), c.get("o") == bytes(range(256))), (True, True))
check("key of 250", (c.set("k" * 250, "v"), c.get("k" * 250)), (True, "v"))
raises("key of 251", ValueError, lambda: c.get("k" * 251))

check("stats", len(c.get_stats()), 1)
check("flush_all", (c.flush_all(), c.get("big")), (True, None))

buffered = pylibmc.Client([f"{HOST}:{PORT}"], behaviors={"no_block": True, "_noreply": True})
for i in range(1000):
    buffered.set(f"quiet{i}", str(i))
check("noreply sets", buffered.get("quiet999"), "999")
ketama = pylibmc.Client([f"{HOST}:{PORT}"], behaviors={"ketama": True})
check("ketama", (ketama.set("k", "v"), ketama.get("k")), (True, "v"))
stop_daemon()
raises("the server is gone", pylibmc.Error, lambda: c.set("k", "v"))
done("pylibmc", f"{pylibmc.__version__} (libmemcached {pylibmc.libmemcached_version})")

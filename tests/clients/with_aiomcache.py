"""Every operation of aiomcache, many at a time over its pool."""
import asyncio
import importlib.metadata

import aiomcache
from aiomcache.exceptions import ClientException, ValidationException

from common import HOST, PORT, check, done, stop_daemon

BIG = bytes(range(256)) * 4000  # 1,024,000 bytes: chained


async def refused(what, error, call):
    try:
        got = await call
    except error:
        return check(what, True, True)
    check(what, got, error)


async def basics(c):
    check("set", await c.set(b"k", b"v"), True)
    check("get", await c.get(b"k"), b"v")
    check("get, absent", await c.get(b"absent"), None)
    check("get with default", await c.get(b"absent", b"d"), b"d")
    check("add, present", await c.add(b"k", b"w"), False)
    check("replace", await c.replace(b"k", b"w"), True)
    check("replace, absent", await c.replace(b"absent", b"w"), False)
    check("append", await c.append(b"k", b">"), True)
    check("append, absent", await c.append(b"absent", b">"), False)
    check("prepend", await c.prepend(b"k", b"<"), True)
    check("get after them", await c.get(b"k"), b"<w>")
    check("delete", await c.delete(b"k"), True)
    check("delete, absent", await c.delete(b"k"), False)
    check("add, absent", await c.add(b"k", b"w"), True)


async def cas(c):
    await c.set(b"k", b"one")
    value, token = await c.gets(b"k")
    check("gets", value, b"one")
    check("gets, absent", await c.gets(b"absent"), (None, None))
    check("cas", await c.cas(b"k", b"two", token), True)
    check("cas, too late", await c.cas(b"k", b"three", token), False)
    check("cas, absent", await c.cas(b"absent", b"x", token), False)
    check("get after cas", await c.get(b"k"), b"two")


async def arithmetic(c):
    await c.set(b"n", b"10")
    check("incr", await c.incr(b"n", 5), 15)
    check("decr", await c.decr(b"n", 20), 0)
    await c.set(b"n", b"18446744073709551615")
    check("incr wraps", await c.incr(b"n"), 0)
    await refused("incr, absent", ClientException, c.incr(b"absent"))
    await c.set(b"text", b"abc")
    await refused("incr of text", ClientException, c.incr(b"text"))


async def expiry(c):
    check("set with expiry", await c.set(b"e", b"v", 100), True)
    check("touch", await c.touch(b"e", 50), True)
    check("touch, absent", await c.touch(b"absent", 50), False)
    check("touch, already over", await c.touch(b"e", -1), True)
    check("get, expired", await c.get(b"e"), None)


async def many(c):
    keys = [b"many%d" % n for n in range(300)]
    stored = await asyncio.gather(*(c.set(key, b"value of " + key) for key in keys))
    check("300 sets at a time", all(stored), True)
    found = await c.multi_get(*keys, b"absent")
    check("multi_get", found, tuple(b"value of " + key for key in keys) + (None,))
    deleted = await asyncio.gather(*(c.delete(key) for key in keys))
    check("300 deletes at a time", all(deleted), True)
    check("multi_get, none left", set(await c.multi_get(*keys)), {None})


async def large_and_odd(c):
    check("set, large", await c.set(b"big", BIG), True)
    check("get, large", await c.get(b"big") == BIG, True)
    await refused("too large", ClientException, c.set(b"big", BIG * 2))
    check("old value is gone", await c.get(b"big"), None)
    line_ends = b"\r\nEND\r\nVALUE x 0 1\r\n\0\xff"
    for value in [b"", line_ends, bytes(range(256))]:
        check("odd bytes", (await c.set(b"z", value), await c.get(b"z")), (True, value))
    for key in [b"k" * 250, "schlüssel-鍵".encode()]:
        check("odd keys", (await c.set(key, b"v"), await c.get(key)), (True, b"v"))
    await refused("key of 251", ValidationException, c.get(b"k" * 251))


async def administration(c):
    check("version", (await c.version()).startswith(b"1.6."), True)
    check("stats", int((await c.stats())[b"curr_items"]) > 0, True)
    check("stats settings", b"maxconns" in await c.stats(b"settings"), True)
    await refused("stats bogus", ClientException, c.stats(b"bogus"))
    await c.flush_all()
    check("get after flush", await c.get(b"n"), None)


async def flags(host, port):
    """Values of other types, which the caller's handlers turn into bytes and flags."""
    async def on_set(value):
        return str(value).encode(), 7

    async def on_get(value, flags):
        return (int(value), flags)

    c = aiomcache.FlagClient(host, port, get_flag_handler=on_get, set_flag_handler=on_set)
    check("flags", (await c.set(b"f", 42), await c.get(b"f")), (True, (42, 7)))
    await c.close()


async def main():
    c = aiomcache.Client(HOST, PORT, pool_size=4)
    for part in [basics, cas, arithmetic, expiry, many, large_and_odd, administration]:
        await part(c)
    await flags(HOST, PORT)
    await asyncio.to_thread(stop_daemon)
    await refused("the server is gone", OSError, c.set(b"k", b"v"))


asyncio.run(asyncio.wait_for(main(), 60))
done("aiomcache", importlib.metadata.version("aiomcache"))

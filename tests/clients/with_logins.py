"""Clients that log in: SASL through two libraries, text by hand, and the password tool on a
terminal. The daemon has -S and -Y, with ann (a hash of `secret`) and bob (`to ken`)."""
import os
import pty
import socket

import bmemcached
import pylibmc
from bmemcached.exceptions import MemcachedException

from common import HOST, PORT, PROGRAM, check, done, raises, stop_daemon

SERVER = f"{HOST}:{PORT}"


def binary_memcached():
    for user, password in [("ann", "secret"), ("bob", "to ken")]:
        c = bmemcached.Client((SERVER,), user, password)
        for value in ["text", b"bytes", 42, [1, {"two": 3}], "ü" * 100_000]:
            check("bmemcached set", c.set("k", value), True)
            check("bmemcached get", c.get("k"), value)
        check("bmemcached add, present", c.add("k", "x"), False)
        check("bmemcached replace", c.replace("k", "y"), True)
        value, cas = c.gets("k")
        check("bmemcached cas", (c.cas("k", "z", cas), c.cas("k", "z", cas)), (True, False))
        check("bmemcached set_multi", c.set_multi({f"m{n}": n for n in range(100)}), [])
        check("bmemcached get_multi", len(c.get_multi([f"m{n}" for n in range(200)])), 100)
        check("bmemcached incr", (c.incr("n" + user, 1), c.incr("n" + user, 5)), (0, 5))
        check("bmemcached delete", (c.delete("k"), c.get("k")), (True, None))
        check("bmemcached decr", (c.decr("n" + user, 2), c.decr("n" + user, 9)), (3, 0))
        # What is longer than 30 days is a date, and this one is in 1970.
        check("bmemcached, already over", (c.set("e", "v", time=2592001), c.get("e")), (True, None))
        check("bmemcached delete_multi", c.delete_multi([f"m{n}" for n in range(99)]), True)
        check("bmemcached get_multi, one left", c.get_multi([f"m{n}" for n in range(100)]),
              {"m99": 99})
        random = os.urandom(2_000_000)  # that cannot be compressed
        check("bmemcached, large", (c.set("big", random[:1_000_000]), c.get("big")),
              (True, random[:1_000_000]))
        raises("bmemcached, too large", MemcachedException, lambda: c.set("big", random))
        check("bmemcached, old value is gone", c.get("big"), None)
        raises("bmemcached, key of 251", MemcachedException, lambda: c.set("k" * 251, "v"))
        c = bmemcached.Client((SERVER,), user, password)
        check("bmemcached stats", "pid" in c.stats()[SERVER], True)
        check("bmemcached flush_all", (c.flush_all(), c.get("m99")), (True, None))
        check("bmemcached set, for the next part", c.set("m1", 1), True)
        c.disconnect_all()
    for user, password in [("ann", "wrong"), ("eve", "secret")]:
        try:
            found = bmemcached.Client((SERVER,), user, password).get("m1")
        except MemcachedException:
            found = "refused"
        check("bmemcached with a wrong password", found, "refused")


def libmemcached():
    check("pylibmc has SASL", pylibmc.support_sasl, True)
    c = pylibmc.Client([SERVER], binary=True, username="ann", password="secret")
    for value in ["text", b"bytes", 42, [1, {"two": 3}], "ü" * 100_000]:
        check("pylibmc set and get", (c.set("k", value), c.get("k")), (True, value))
    check("pylibmc set_multi", c.set_multi({f"p{n}": n for n in range(100)}), [])
    check("pylibmc get_multi", len(c.get_multi([f"p{n}" for n in range(200)])), 100)
    check("pylibmc delete", (c.delete("k"), c.get("k")), (True, None))
    for options in [{"username": "ann", "password": "wrong"}, {}]:
        try:
            found = pylibmc.Client([SERVER], binary=True, **options).get("p1")
        except pylibmc.Error:
            found = None
        check(f"pylibmc with {options}", found, None)


def text():
    with socket.create_connection((HOST, PORT), timeout=10) as s:
        lines = s.makefile("rwb")
        for request, answer in [
            (b"get p1\r\n", b"CLIENT_ERROR unauthenticated\r\n"),
            (b"set login 0 0 9\r\nann wrong\r\n", b"CLIENT_ERROR authentication failure\r\n"),
            (b"set login x y 10\r\nann secret\r\n", b"STORED\r\n"),
            (b"get nothing\r\n", b"END\r\n"),
        ]:
            lines.write(request)
            lines.flush()
            check(f"text: {request}", lines.readline(), answer)


def password_on_terminal():
    for again, code in [(b"hidden word", 0), (b"other word", 1), (b"\x03", 1)]:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(PROGRAM, [PROGRAM, "passwd"])
        seen = b""
        for prompt, typed in [
            (b"User: ", b"ann\n"),
            (b"Password: ", b"hidden word\n"),
            (b"Again: ", again if again == b"\x03" else again + b"\n"),
        ]:
            while not seen.endswith(prompt):
                seen += os.read(terminal, 1024)
            os.write(terminal, typed)
        try:
            while chunk := os.read(terminal, 1024):
                seen += chunk
        except OSError:
            pass  # the other end is gone
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        check(f"passwd, {again}", status, code)
        check("passwd shows nothing of it", b"hidden" in seen or b"other" in seen, False)
        check("passwd makes a line", b"ann:$argon2id$" in seen, code == 0)


def gone():
    c = bmemcached.Client((SERVER,), "ann", "secret", socket_timeout=10)
    check("before the end", c.set("k", "v"), True)
    stop_daemon()
    check("the server is gone", (c.set("k", "v"), c.get("k")), (False, None))


binary_memcached()
libmemcached()
text()
password_on_terminal()
gone()
done("logins", f"by bmemcached and pylibmc {pylibmc.__version__}")

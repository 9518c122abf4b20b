"""libmemcached's command line tools, of Debian's package: in text and, where they can, binary."""
import pathlib
import re
import socket
import subprocess
import tempfile

from common import HOST, PORT, check, done, stop_daemon

SERVERS = f"--servers={HOST}:{PORT}"


def tool(name, *words, code=0):
    """What it prints, or else complains of; it must end with this exit code."""
    result = subprocess.run([name, SERVERS, *words], capture_output=True, timeout=60)
    check(f"{name} {words}: exit code, {result.stderr[:200]}", result.returncode, code)
    return result.stdout or result.stderr


def ask(line):
    with socket.create_connection((HOST, PORT), timeout=10) as connection:
        connection.sendall(line + b"\r\n")
        return connection.makefile("rb").readline()


def files(*dialect):
    """Files in and out again, and what else the tools do to an item."""
    contents = {"small": b"text\r\n", "every": bytes(range(256)) * 10, "large": b"x" * 1_000_000}
    with tempfile.TemporaryDirectory() as directory:
        paths = {name: pathlib.Path(directory) / name for name in contents}
        for name, path in paths.items():
            path.write_bytes(contents[name])
        tool("memccp", *dialect, *map(str, paths.values()))
        for name, content in contents.items():
            copy = paths[name].with_suffix(".copy")
            tool("memccat", *dialect, f"--file={copy}", name)
            check(f"memccat {name}", copy.read_bytes().removesuffix(b"\n") == content.removesuffix(
                b"\n"), True)
        paths["small"].write_bytes(b"changed")
        tool("memccp", *dialect, "--add", str(paths["small"]), code=1)
        check("after memccp --add", tool("memccat", *dialect, "small"), b"text\r\n\n")
        tool("memccp", *dialect, "--replace", "--flags=7", str(paths["small"]))
        check("after memccp --replace", tool("memccat", *dialect, "--flags", "small"),
              b"7\nchanged\n")
        paths["large"].write_bytes(b"x" * 2_000_000)
        tool("memccp", *dialect, str(paths["large"]), code=1)
    tool("memcexist", *dialect, "small")
    tool("memcexist", *dialect, "absent", code=1)
    tool("memctouch", *dialect, "--expire=1000", "small")
    tool("memctouch", *dialect, "--expire=1000", "absent", code=1)
    tool("memctouch", *dialect, "--expire=2592001", "every")  # a date in 1970
    tool("memcexist", *dialect, "every", code=1)
    tool("memcrm", *dialect, "small")
    tool("memcrm", *dialect, "small", code=1)
    tool("memccat", *dialect, "small", code=1)
    ask(b"set k 0 0 1\r\nv")
    tool("memcflush", *dialect)
    tool("memcexist", *dialect, "k", code=1)


def stats(*dialect):
    ask(b"set k 0 0 1\r\nv")
    lines = tool("memcstat", *dialect).decode()
    check("memcstat", int(re.search(r"curr_items: (\d+)", lines)[1]) > 0, True)
    for group, field in [("settings", "maxconns: 1024"), ("slabs", "active_slabs"),
                         ("items", "number: ")]:
        check(f"memcstat {group}", field in tool("memcstat", *dialect, group).decode(), True)
    check("memcstat --server-version", b" 1.6." in tool("memcstat", *dialect, "--server-version"),
          True)
    said = tool("memcstat", *dialect, "--analyze").decode()
    check("memcstat --analyze", bool(re.search(r"Servers Analyzed +: 1\n", said)), True)


def dump():
    """memcdump asks `stats cachedump`, which lists the last of a class's queues."""
    check("lru mode flat", ask(b"lru mode flat"), b"OK\r\n")
    keys = {f"dumped{'x' * (n % 100)}/{n}" for n in range(1000)}
    with socket.create_connection((HOST, PORT), timeout=10) as connection:
        for key in keys:
            connection.sendall(b"set %s 0 0 1 noreply\r\nv\r\n" % key.encode())
        connection.sendall(b"version\r\n")
        connection.makefile("rb").readline()
    check("memcdump", keys - set(tool("memcdump").decode().split()), set())


def load(*dialect):
    """memcslap: its three tests, from two threads."""
    for test in ["set", "get", "mget"]:
        said = tool("memcslap", *dialect, f"--test={test}", "--concurrency=2",
                    "--execute-number=2000")
        check(f"memcslap {test}", b"Time" in said and b"rror" not in said, True)
    check("the daemon answers after memcslap", ask(b"mn"), b"MN\r\n")


for options in [[], ["--binary"]]:
    files(*options)
    stats(*options)
    load(*options)
dump()
tool("memcping")
stop_daemon()
tool("memcping", code=1)
tool("memcexist", "k", code=1)
version = subprocess.run(["memcstat", "--version"], capture_output=True, text=True).stdout
done("libmemcached's tools", re.search(r"libmemcached v([\d.]+)", version)[1])

"""memcached's own memcached-tool, from Debian's package: every mode, and what it prints."""
import re
import socket
import subprocess
import time

from common import HOST, PORT, check, done

TOOL = "/usr/share/memcached/scripts/memcached-tool"
KEYS = 500


def tool(*words):
    command = ["perl", TOOL, f"{HOST}:{PORT}", *words]
    result = subprocess.run(command, capture_output=True, timeout=60)
    check(f"{words}: exit code", result.returncode, 0)
    return result.stdout.decode(errors="replace")


def fill():
    with socket.create_connection((HOST, PORT)) as connection:
        lines = connection.makefile("rwb")
        lines.write(b"flush_all\r\n")
        for n in range(KEYS):
            value = b"v" * (n * 3 % 1500)
            lines.write(b"set tool/%d:%%x 5 0 %d noreply\r\n%s\r\n" % (n, len(value), value))
        lines.write(b"set in_time 0 3600 1\r\nx\r\n")
        lines.flush()
        check("flush_all", lines.readline(), b"OK\r\n")
        check("set", lines.readline(), b"STORED\r\n")


fill()
display = tool("display").splitlines()
check("display: header", display[0].split()[:4], ["#", "Item_Size", "Max_age", "Pages"])
classes = [line.split() for line in display[1:]]
check("display: items", sum(int(fields[4]) for fields in classes) >= KEYS + 1, True)
check("display: every class has pages", all(int(fields[3]) > 0 for fields in classes), True)

stats = dict(line.split() for line in tool("stats").splitlines()[1:])
check("stats: curr_items", int(stats["curr_items"]) >= KEYS + 1, True)
check("stats: version", stats["version"].startswith("1.6."), True)
settings = dict(line.split(maxsplit=1) for line in tool("settings").splitlines()[1:])
check("settings: maxconns", settings["maxconns"], "1024")
check("sizes", "sizes_status" in tool("sizes"), True)

keys = re.findall(r"^key=(\S+) exp=(-?\d+) la=\d+ cas=\d+ fetch=(?:yes|no) cls=\d+ size=\d+",
                  tool("keys"), re.MULTILINE)
mine = {key: int(exp) for key, exp in keys if key.startswith("tool") or key == "in_time"}
check("keys: how many", len(mine), KEYS + 1)
check("keys: encoded", "tool%2F7%3A%25x" in mine, True)
check("keys: without expiry", mine["tool%2F7%3A%25x"], -1)
check("keys: with expiry", mine["in_time"] > 1_600_000_000, True)

dump = tool("dump")
adds = re.findall(r"^add (tool/\d+:%x) 5 0 (\d+)\r?\n(v*)\r?$", dump, re.MULTILINE)
check("dump: how many", len({key for key, _, _ in adds}), KEYS)
check("dump: values are whole", all(len(value) == int(length) for _, length, value in adds), True)


def pages():
    """Of each class, as the tool displays them."""
    return {line.split()[0]: int(line.split()[3]) for line in tool("display").splitlines()[1:]}


def move():
    """Debian's tool takes `move` and then only displays; so the page is moved by hand, and seen."""
    with socket.create_connection((HOST, PORT), timeout=10) as connection:
        lines = connection.makefile("rwb")
        for n in range(8000):
            lines.write(b"set moved/%d 0 0 400 noreply\r\n%s\r\n" % (n, b"m" * 400))
        lines.write(b"version\r\n")
        lines.flush()
        lines.readline()
        before = pages()
        source = max(before, key=before.get)
        target = min(before, key=before.get)
        check("the largest class has pages to give", before[source] > 2, True)
        check("move", tool("move", "6", "8"), tool("display"))
        lines.write(f"slabs reassign {source} {target}\r\n".encode())
        lines.flush()
        check("slabs reassign", lines.readline(), b"OK\r\n")
    after = before
    deadline = time.monotonic() + 20
    while after == before and time.monotonic() < deadline:
        after = pages()
    check("display after the move", (after[source], after[target]),
          (before[source] - 1, before[target] + 1))


move()
for mode, word in [("keys", "key="), ("dump", "add ")]:
    # It counts lines, and the first is the OK that newer versions of memcached say.
    check(f"{mode}, 10 lines", sum(line.startswith(word) for line in tool(mode, "10").splitlines()),
          9)
done("memcached-tool", "of Debian")

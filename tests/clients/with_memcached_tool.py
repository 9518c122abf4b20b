"""memcached's own memcached-tool, from Debian's package: every mode, and what it prints."""
import re
import socket
import subprocess

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
done("memcached-tool", "of Debian")

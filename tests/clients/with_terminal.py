"""A person at a terminal: telnet on a pseudo-terminal, typed line by line, and nc in a pipe."""
import os
import pty
import re
import subprocess
import time

from common import HOST, PORT, check, done


def telnet_session():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("telnet", ["telnet", HOST, str(PORT)])
    seen = read_until(terminal, "Escape character")
    read_until(terminal, "\n", seen)
    for line, expected in [
        ("set greeting 0 0 11", None),
        ("hello world", "STORED"),
        ("get greeting", "VALUE greeting 0 11\nhello world\nEND"),
        ("incr greeting 1", "CLIENT_ERROR cannot increment or decrement non-numeric value"),
        ("gte greeting", "ERROR"),
        ("delete greeting", "DELETED"),
        ("get greeting", "END"),
        ("stats nonsense", "ERROR"),
    ]:
        os.write(terminal, line.encode() + b"\n")
        if expected:
            text = read_until(terminal, expected.split("\n")[-1])
            check(f"telnet: {line}", expected in text, True)
    os.write(terminal, b"version\n")
    said = read_until(terminal, "VERSION 1.6.")
    check("telnet: version", bool(re.search(r"VERSION 1\.6\.", said)), True)
    os.write(terminal, b"quit\n")
    check("telnet: quit", "closed by foreign host" in read_until(terminal, "foreign host"), True)
    os.waitpid(pid, 0)


def read_until(terminal, text, seen=""):
    deadline = time.monotonic() + 10
    while text not in seen and time.monotonic() < deadline:
        try:
            seen += os.read(terminal, 4096).decode().replace("\r", "")
        except OSError:
            break
    return seen


def nc_session():
    script = b"set k 5 0 5\r\nhello\r\nget k\r\ndelete k\r\nget k\r\n"
    expected = b"STORED\r\nVALUE k 5 5\r\nhello\r\nEND\r\nDELETED\r\nEND\r\n"
    check("printf | nc -N", nc(["-N"], script), expected)
    check("nc with bare line feeds", nc(["-N"], b"set k 0 0 1\nx\r\nget k\n"),
          b"STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n")
    check("nc and quit", nc([], b"get none\r\nquit\r\n"), b"END\r\n")


def nc(options, script):
    command = ["nc", *options, HOST, str(PORT)]
    return subprocess.run(command, input=script, capture_output=True, timeout=20).stdout


telnet_session()
nc_session()
done("telnet and nc", "as installed")

"""Runs every client against a daemon of its own: run.py <path of slabd>. One line each."""
import glob
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SCRIPTS = ["with_pymemcache.py", "with_python_memcached.py", "with_pylibmc.py", "with_terminal.py",
           "with_memcached_tool.py"]


def start(program, directory, *more):
    """The daemon, with these options besides, and the port it chose."""
    port_file = pathlib.Path(directory) / "ports"
    options = ["-l", "127.0.0.1", "-p", "-1", "-u", "root", "-m", "128", *more]
    environment = {**os.environ, "MEMCACHED_PORT_FILENAME": str(port_file)}
    daemon = subprocess.Popen([program, *options], env=environment, stderr=subprocess.DEVNULL)
    for _ in range(1000):
        if port_file.exists():
            return daemon, port_file.read_text().split()[-1]
        time.sleep(0.01)
    sys.exit("the daemon did not start")


def run(name, command):
    """One client; the last line it wrote says how it went."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        lines = (result.stdout + result.stderr).strip().splitlines() or ["no output"]
        failed = result.returncode != 0 or any("[FAIL]" in line for line in lines)
    except subprocess.TimeoutExpired:
        lines, failed = ["no end after 120 s"], True
    shown = [line for line in lines if "[FAIL]" in line or "not ok" in line] or lines[-1:]
    print(f"{'FAILED' if failed else 'ok':6} {name}: {'; '.join(shown)}", flush=True)
    return failed


def logins(program):
    """Clients that log in, against a daemon that asks them to."""
    # pylibmc brings a SASL library that looks for its mechanisms where Debian does not have them.
    os.environ.setdefault("SASL_PATH", ":".join(glob.glob("/usr/lib/*/sasl2")))
    with tempfile.TemporaryDirectory() as directory:
        users = pathlib.Path(directory) / "users"
        line = subprocess.run([program, "passwd", "--user", "ann"], input="secret\n",
                              capture_output=True, text=True, timeout=60).stdout
        users.write_text(line + "bob:to ken\n")
        daemon, port = start(program, directory, "-S", "-Y", str(users))
        try:
            script = str(HERE / "with_logins.py")
            return run("with_logins.py", [sys.executable, script, "127.0.0.1", port, program])
        finally:
            daemon.kill()


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        daemon, port = start(sys.argv[1], directory)
        try:
            for script in SCRIPTS:
                command = [sys.executable, str(HERE / script), "127.0.0.1", port]
                failed += run(script, command)
            failed += run("memccapable", ["memccapable", "-h", "127.0.0.1", "-p", port])
        finally:
            daemon.kill()
    failed += logins(sys.argv[1])
    sys.exit(1 if failed else 0)


main()

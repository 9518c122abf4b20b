"""Runs every client against a daemon of its own: run.py <path of slabd>. One line each."""
import contextlib
import glob
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

from daemon import start

HERE = pathlib.Path(__file__).parent
PROGRAM = sys.argv[1]
INTERPRETERS = {".py": sys.executable, ".js": "node", ".pl": "perl"}
SCRIPTS = [
    "with_pymemcache.py",
    "with_python_memcached.py",
    "with_pylibmc.py",
    "with_aiomcache.py",
    "with_django.py",
    "with_flask_caching.py",
    "with_memjs.js",
    "with_memcached.js",
    "with_cache_memcached.pl",
    "with_terminal.py",
    "with_libmemcached_tools.py",
    "with_memcached_tool.py",
]
# Those of them that can log in, and one that does nothing else.
SCRIPTS_THAT_LOG_IN = ["with_logins.py", "with_memjs.js", "with_flask_caching.py"]


def run(name, command):
    """One client; the last line it wrote says how it went."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        lines = (result.stdout + result.stderr).strip().splitlines() or ["no output"]
        failed = result.returncode != 0 or any("[FAIL]" in line for line in lines)
    except subprocess.TimeoutExpired:
        lines, failed = ["no end after 120 s"], True
    except OSError as error:
        lines, failed = [str(error)], True
    shown = [line for line in lines if "[FAIL]" in line or "not ok" in line] or lines[-1:]
    print(f"{'FAILED' if failed else 'ok':6} {name}: {'; '.join(shown)}", flush=True)
    return failed


@contextlib.contextmanager
def daemon_with(options=()):
    """A daemon with these options, as its port and its process; gone in the end."""
    with tempfile.TemporaryDirectory() as directory:
        daemon, port = start(PROGRAM, directory, *options)
        # A client may end the daemon itself, to see what becomes of it then: somebody must wait,
        # or its process would stay as a zombie that is there and is not.
        threading.Thread(target=daemon.wait, daemon=True).start()
        try:
            yield port, str(daemon.pid)
        finally:
            daemon.kill()
            daemon.wait()


def run_script(script, options=(), login=()):
    """A script, and a daemon with these options for it alone."""
    interpreter = INTERPRETERS[pathlib.Path(script).suffix]
    name = f"{script}, logged in" if login else script
    with daemon_with(options) as (port, pid):
        return run(name, [interpreter, str(HERE / script), "127.0.0.1", port, PROGRAM, pid, *login])


def run_memccapable():
    with daemon_with() as (port, _):
        return run("memccapable", ["memccapable", "-h", "127.0.0.1", "-p", port])


def run_logins():
    """Clients that log in, against daemons that ask them to."""
    # pylibmc brings a SASL library that looks for its mechanisms where Debian does not have them.
    os.environ.setdefault("SASL_PATH", ":".join(glob.glob("/usr/lib/*/sasl2")))
    with tempfile.TemporaryDirectory() as directory:
        users = pathlib.Path(directory) / "users"
        line = subprocess.run([PROGRAM, "passwd", "--user", "ann"], input="secret\n",
                              capture_output=True, text=True, timeout=60).stdout
        users.write_text(line + "bob:to ken\n")
        options = ["-S", "-Y", str(users)]
        return sum(run_script(script, options, ["ann", "secret"])
                   for script in SCRIPTS_THAT_LOG_IN)


def main():
    failed = sum(run_script(script) for script in SCRIPTS)
    failed += run_memccapable()
    failed += run_logins()
    sys.exit(1 if failed else 0)


main()

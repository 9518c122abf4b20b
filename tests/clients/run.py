"""Runs every client against a daemon of its own: run.py <path of slabd>. One line each."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SCRIPTS = ["with_pymemcache.py", "with_python_memcached.py", "with_pylibmc.py", "with_terminal.py",
           "with_memcached_tool.py"]


def start(program, directory):
    """The daemon and the port it chose."""
    port_file = pathlib.Path(directory) / "ports"
    options = ["-l", "127.0.0.1", "-p", "-1", "-u", "root", "-m", "128"]
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
    sys.exit(1 if failed else 0)


main()

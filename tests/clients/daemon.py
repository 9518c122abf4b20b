"""Starts daemons for clients to talk to."""
import os
import pathlib
import subprocess
import sys
import time


def start(program, directory, *more):
    """The daemon, with these options besides, and the port it chose."""
    port_file = pathlib.Path(directory) / "ports"
    port_file.unlink(missing_ok=True)
    options = ["-l", "127.0.0.1", "-p", "-1", "-u", "root", "-m", "128", *more]
    environment = {**os.environ, "MEMCACHED_PORT_FILENAME": str(port_file)}
    daemon = subprocess.Popen([program, *options], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1000):
        if port_file.exists():
            return daemon, port_file.read_text().split()[-1]
        time.sleep(0.01)
    daemon.kill()
    sys.exit("the daemon did not start")

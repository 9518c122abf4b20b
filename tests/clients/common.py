"""What every client script uses: its arguments, a check that tells, and the end of the daemon.

A script is run as `with_X.py HOST PORT PROGRAM PID [USER PASSWORD]`: where a daemon listens that
nobody else talks to, the path of its program, and its process."""
import os
import signal
import sys
import time

HOST, PORT, PROGRAM, PID = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
LOGIN = sys.argv[5:7]
checks = 0


def check(what, got, expected):
    """`got` must be `expected`; says what it was otherwise, and ends the script."""
    global checks
    checks += 1
    if got != expected:
        sys.exit(f"{what}: got {got!r:.200}, expected {expected!r:.200}")


def raises(what, error, action):
    """`action` must end in an `error`."""
    try:
        got = action()
    except error:
        return check(what, True, True)
    check(what, got, error)


def stop_daemon():
    """Ends the daemon, and returns once it is no more."""
    os.kill(PID, signal.SIGTERM)
    for _ in range(1000):
        try:
            os.kill(PID, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    sys.exit("the daemon did not end")


def done(name, version):
    print(f"{name} {version}: {checks} checks passed")

"""What every client script uses: the address from the command line, and a check that tells."""
import sys

HOST, PORT = sys.argv[1], int(sys.argv[2])
checks = 0


def check(what, got, expected):
    """`got` must be `expected`; says what it was otherwise, and ends the script."""
    global checks
    checks += 1
    if got != expected:
        sys.exit(f"{what}: got {got!r:.200}, expected {expected!r:.200}")


def done(name, version):
    print(f"{name} {version}: {checks} checks passed")

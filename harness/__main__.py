"""The command ``harness``, also as ``python -m harness``: what interrupts it before it begins, or once it is over, makes no traceback."""

import sys


def main() -> int:
    """Run the command; returns its exit code. Once that is known an interruption changes nothing any more."""
    try:
        import signal

        from harness.cli import main as command

        code = command()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())

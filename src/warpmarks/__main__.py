"""``python -m warpmarks``, and the command ``warpmarks``."""

import signal
import sys


def main() -> int:
    """Run the command line; Ctrl-C and SIGTERM end its imports as they end a command later on."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from warpmarks.system.streams import prepare_streams

        prepare_streams()
        from warpmarks.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""``python -m warpmarks`` is the command ``warpmarks``."""

import sys

from warpmarks.cli import main

if __name__ == "__main__":
    sys.exit(main())

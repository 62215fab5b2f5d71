"""`python -m parity DIR [--json]`: see `parity.comparison`."""

import sys

from parity.comparison import main

if __name__ == "__main__":
    sys.exit(main())

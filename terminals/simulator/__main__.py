"""`python -m terminals.simulator`."""

import sys

from terminals.simulator.commands import main

if __name__ == "__main__":
    sys.exit(main())

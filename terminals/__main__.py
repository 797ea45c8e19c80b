"""`python -m terminals`."""

import sys

from terminals.commands import main

if __name__ == "__main__":
    sys.exit(main())

"""The words `simulate` and `tap` of the command line.

Knows argparse; the work stands in server.py and control.py.
"""

from __future__ import annotations

import argparse

Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_arguments(subparsers: Subparsers) -> None:
    """Add the simulator's commands to a command line."""

"""Runs the command that the command line names; decides nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app import command_line
from app.commands import COMMANDS, validate


def main(argv: Sequence[str], *, program: str) -> int:
    """Run a command; returns the exit code. `program` is the name by which this was called."""
    return command_line.main(argv, COMMANDS, program=program, default="serve", validate=validate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="server.py"))

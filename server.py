"""Runs the command that the command line names, from a checkout; decides nothing else."""

from __future__ import annotations

import sys

from app.commands.table import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="server.py"))

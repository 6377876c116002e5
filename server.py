"""Runs the command that the command line names, from a checkout; decides nothing else."""

from __future__ import annotations

import sys

from app import requirements


def main() -> int:
    refusal = requirements.refusal()
    if refusal is not None:
        print("server.py: " + refusal, file=sys.stderr)
        return 1
    from app.commands.table import main as run  # imported only here: it needs what was just looked for

    return run(sys.argv[1:], program="server.py")


if __name__ == "__main__":
    sys.exit(main())

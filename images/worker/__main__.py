"""Run by path, in a checkout and installed alike: the process that images/worker_process.py starts.

Its arguments are the descriptor of its socket and the server's process id.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Take jobs until the server closes its end."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    from images.worker import confinement, job_loop

    requests, parent_pid = (int(argument) for argument in sys.argv[1:])
    confinement.die_with(parent_pid)
    job_loop.run(requests)


if __name__ == "__main__":
    main()

"""The command `chat-rooms` of an installed Chat Rooms, and `python -m chat_rooms`. Decides nothing: server.py does.

Installed, the tree lies under `chat_rooms/`, where no name of it meets that of another package, while its modules
import each other as they do in a checkout. So this puts the folder it lies in first on the path of its own process.
Whoever imports `chat_rooms` is not touched.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run the command that `sys.argv` names; returns the exit code."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import server

    return server.main(sys.argv[1:], program="chat-rooms")


if __name__ == "__main__":
    sys.exit(main())

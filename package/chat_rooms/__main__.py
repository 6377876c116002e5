"""The command `chat-rooms` of an installed Chat Rooms, and `python -m chat_rooms`: what server.py is in a checkout.

Installed, all folders of the product are packages below `chat_rooms`, where none of their names meets that of another
package. Their modules import each other by the names of a checkout. So `main` puts the folder that holds them first on
the path of its own process. An import of `chat_rooms` changes no path.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """Run the command that `sys.argv` names; returns the exit code."""
    # In an editable installation the folders are the checkout's, and do not lie beside this file.
    app = find_spec("chat_rooms.app")
    assert app is not None
    assert app.origin is not None
    sys.path.insert(0, str(Path(app.origin).parent.parent))
    from app.commands import table

    return table.main(sys.argv[1:], program="chat-rooms")


if __name__ == "__main__":
    sys.exit(main())

"""WebSocket connections in a process of their own: `python -m tests.support.connection_crowd PORT COUNT ROOM TOKEN`.

They end with the process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.raw_websocket_client import RawWebSocket

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def joined_crowd(port: int, count: int, room_id: str, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with `count` connections that have joined a room. Killing it ends all of them at once."""
    arguments = [sys.executable, "-m", "tests.support.connection_crowd", str(port), str(count), room_id, token]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"joined\n"
            yield child
        finally:
            child.kill()


def main(port: str, count: str, room_id: str, token: str) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(RawWebSocket(int(port), token=token)) for _ in range(int(count))]
        for one in sockets:
            one.send_command("joinRoom", roomId=room_id)
        for one in sockets:
            while (one.read_message() or {})["event"] != "ack":
                pass
        print("joined", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

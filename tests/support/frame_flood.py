"""Connections that send the same frames without pause, in a process of their own.

Run as `python -m tests.support.frame_flood PORT COUNT HEX [TOKEN]`. No connection reads, and each reconnects at once
after it was closed. The process prints a line once all have been connected, and ends when stdin ends.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.raw_websocket_client import RawWebSocket

ROOT = Path(__file__).parent.parent.parent
CHUNK_BYTES = 65_536


def send_repeatedly(
    port: int, frames: bytes, token: str | None, ready: threading.Semaphore, over: threading.Event
) -> None:
    chunk = frames * max(1, CHUNK_BYTES // len(frames))
    is_first = True
    while not over.is_set():
        try:
            with RawWebSocket(port, token=token) as raw:
                if is_first:
                    ready.release()
                    is_first = False
                raw.socket.settimeout(0.5)
                while raw.status == 101 and not over.is_set():
                    raw.socket.sendall(chunk)
        except OSError:
            pass
        over.wait(0.01)  # refused connections must not retry without pause


@contextmanager
def flooding(port: int, count: int, frames: bytes, token: str | None = None) -> Iterator[None]:
    """Flood the server with `count` connections until the end of the block."""
    arguments = [
        sys.executable,
        "-m",
        "tests.support.frame_flood",
        str(port),
        str(count),
        frames.hex(),
        *([token] if token else []),
    ]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"flooding\n"
            yield
            assert child.poll() is None
        finally:
            child.kill()


def main(port: str, count: str, frames: str, token: str | None = None) -> None:
    ready, over = threading.Semaphore(0), threading.Event()
    for _ in range(int(count)):
        threading.Thread(
            target=send_repeatedly, args=(int(port), bytes.fromhex(frames), token, ready, over), daemon=True
        ).start()
    for _ in range(int(count)):
        ready.acquire()
    print("flooding", flush=True)
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main(*sys.argv[1:])

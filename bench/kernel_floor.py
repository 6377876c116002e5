"""The kernel floor: the CPU time per `send()` of a bare Python loop over as many loopback sockets.

A server in Python cannot deliver one message to each connection for less; the difference is the server's own cost.
"""

from __future__ import annotations

import multiprocessing
import selectors
import signal
import socket
import statistics
import time
from multiprocessing.connection import Connection as Pipe

from bench.errors import BenchError

_HOST = "127.0.0.1"
_WITHIN_S = 30
_SOCKETS, _MESSAGE_BYTES, _ROUNDS, _PAUSE_S = 300, 400, 20, 1 / 30


def of_this_moment() -> float:
    """The floor by which CPU times of different runs are compared: always the same sockets, bytes and pauses."""
    return measure(sockets=_SOCKETS, message_bytes=_MESSAGE_BYTES, rounds=_ROUNDS, pause_s=_PAUSE_S)


def measure(*, sockets: int, message_bytes: int, rounds: int, pause_s: float) -> float:
    """µs of this process's CPU for each send. The pause between rounds is the one between the server's fan-outs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with socket.create_server((_HOST, 0), backlog=4096) as listener:
        reader = context.Process(target=_read, args=(theirs, listener.getsockname()[1], sockets), daemon=True)
        reader.start()
        theirs.close()
        accepted: list[socket.socket] = []
        try:
            listener.settimeout(_WITHIN_S)
            for _ in range(sockets):
                accepted.append(listener.accept()[0])
                accepted[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _rounds(accepted, b"x" * message_bytes, rounds, pause_s)
        except OSError as error:
            raise BenchError(f"the floor could not be measured: {error}") from error
        finally:
            for one in accepted:
                one.close()
            ours.close()
            reader.join(5)
            if reader.is_alive():
                reader.kill()
                reader.join()
            reader.close()


def _rounds(accepted: list[socket.socket], message: bytes, rounds: int, pause_s: float) -> float:
    sends = [one.send for one in accepted]
    spent_s = []
    for _ in range(rounds):
        before = time.process_time()
        for send in sends:
            send(message)
        spent_s.append(time.process_time() - before)
        time.sleep(pause_s)
    return statistics.median(spent_s) * 1e6 / len(accepted)  # a round that was disturbed does not count


def _read(pipe: Pipe, port: int, sockets: int) -> None:
    """The receiving process: read and discard everything; end when the sender closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    selector = selectors.DefaultSelector()
    selector.register(pipe, selectors.EVENT_READ)
    for _ in range(sockets):
        one = socket.create_connection((_HOST, port))
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ)
    while True:
        for key, _mask in selector.select():
            if key.fileobj is pipe:
                return  # the socket was closed
            try:
                key.fileobj.recv(65536)  # type: ignore[union-attr]
            except OSError:
                return

"""Run as a script: a process that has imported the server and forks for each start of one, without the 0.3 s of CPU
that the imports take. tests/support/forked_process.py talks to it, over the socket whose descriptor is its argument.

A request is a JSON message. `env` and `argv`, with a descriptor for the output: start a process of `server.py argv`;
the reply is its pid. `wait`: the reply is the wait status of that process, which must have ended.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path

REQUEST_MAX_BYTES = 200_000


def start_requested(requests: socket.socket) -> list[str]:
    """Serve requests until the other end is closed, which ends the process. Returns the arguments in each new one."""
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, REQUEST_MAX_BYTES, 1)
        if not message:
            sys.exit(0)
        request = json.loads(message)
        if "wait" in request:
            reply = os.waitpid(request["wait"], 0)[1]
        else:
            (output,) = descriptors
            reply = os.fork()
            if reply == 0:
                requests.detach()
                signal.signal(signal.SIGINT, signal.default_int_handler)
                become(request["env"], output)
                argv: list[str] = request["argv"]
                return argv
            os.close(output)
        requests.send(str(reply).encode())


def become(env: dict[str, str], output: int) -> None:
    """Have what a process that was started with this environment and this output has: no descriptor besides."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(env)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    import pymongo  # noqa: F401  the driver that reads the environment when imported, Motor, is each process's own

    import cluster.redis_connection.client  # noqa: F401
    from app.commands.table import main

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: who runs the tests ends with it
    gc.freeze()  # else its first collection would copy all memory that a process shares
    sys.argv[1:] = start_requested(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(main(sys.argv[1:], program="server.py"))

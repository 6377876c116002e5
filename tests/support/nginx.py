"""The shipped nginx.conf in a real nginx, before processes of a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.cluster import SBIN, configuration
from tests.support.server import ROOT, STOP_WITHIN_S, free_port
from tests.support.waiting import poll

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:{SBIN}")
NGINX_MISSING = "need nginx on PATH (Debian: apt-get install nginx)"
SHIPPED = (ROOT / "deploy" / "nginx.conf").read_text()


@contextmanager
def running_nginx(
    folder: Path, processes: Sequence[int], *, shipped: str = SHIPPED, port: int | None = None
) -> Iterator[str]:
    """nginx in front of the processes at these ports; yields where it listens: at a free port, or the one that
    `shipped` says.
    """
    port = port or free_port()
    folder.mkdir(mode=0o711)
    folder.parent.chmod(0o711)  # its workers are somebody else, if we are root
    listen = f"127.0.0.1:{port}"
    (folder / "nginx.conf").write_text(configuration(shipped, folder=folder, listen=listen, processes=processes))
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"]
    with (folder / "log").open("ab") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        poll(lambda: _listens(port) or running.poll() is not None)
        assert running.poll() is None, (folder / "log").read_text()
        yield f"http://{listen}"
    finally:
        running.terminate()
        running.wait(STOP_WITHIN_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

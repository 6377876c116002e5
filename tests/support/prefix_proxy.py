"""An nginx that serves a process below a path prefix, which it strips, and ends TLS where there is a certificate."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.cluster import SBIN
from tests.support.certificate import Certificate
from tests.support.server import STOP_WITHIN_S, free_port
from tests.support.waiting import poll

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:{SBIN}")
CONF = """
daemon off; pid {folder}/pid; error_log stderr; events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_header {{ default close; websocket upgrade; }}
    server {{
        listen 127.0.0.1:{port}{tls};
        location = /team/chat {{ return 308 /team/chat/; }}
        location /team/chat/ {{
            proxy_pass http://127.0.0.1:{process}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_header;
        }}
    }}
}}
"""


@contextmanager
def prefix_proxy(folder: Path, process_port: int, certificate: Certificate | None = None) -> Iterator[str]:
    """Yields the base URL; nothing outside the prefix is served."""
    if NGINX is None:
        pytest.skip("need nginx on PATH (Debian: apt-get install nginx)")
    port = free_port()
    folder.mkdir(mode=0o711)
    folder.parent.chmod(0o711)
    secure = certificate is not None
    tls = f" ssl; ssl_certificate {certificate.path}; ssl_certificate_key {certificate.key}" if certificate else ""
    (folder / "conf").write_text(CONF.format(folder=folder, port=port, process=process_port, tls=tls))
    with (folder / "log").open("ab") as log:
        running = subprocess.Popen(
            [NGINX, "-p", str(folder), "-c", str(folder / "conf"), "-e", "stderr"], stdout=log, stderr=log
        )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        poll(lambda: listens() or running.poll() is not None)
        assert running.poll() is None, (folder / "log").read_text()
        yield f"{'https' if secure else 'http'}://127.0.0.1:{port}/team/chat"
    finally:
        running.terminate()
        running.wait(STOP_WITHIN_S)

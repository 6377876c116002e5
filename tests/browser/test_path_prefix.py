"""The pages below a path prefix that nginx strips: all their files, requests and WebSockets use the prefix."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.cluster import SBIN
from tests.browser.person import Person
from tests.support.server import ROOT, STOP_WITHIN_S, ServerProcess, free_port
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
        listen 127.0.0.1:{port};
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


@pytest.fixture
def prefixed(server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """The server's base URL behind the proxy, which serves nothing outside the prefix."""
    if NGINX is None:
        pytest.skip("need nginx on PATH (Debian: apt-get install nginx)")
    folder, port = tmp_path / "nginx", free_port()
    folder.mkdir(mode=0o711)
    tmp_path.chmod(0o711)
    (folder / "conf").write_text(CONF.format(folder=folder, port=port, process=server.port))
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
        yield f"http://127.0.0.1:{port}/team/chat"
    finally:
        running.terminate()
        running.wait(STOP_WITHIN_S)


def test_chat_and_dashboard_work_below_a_path_prefix(prefixed: str, new_context: Callable[..., BrowserContext]) -> None:
    requested_urls: list[str] = []

    def page() -> Page:
        one = new_context().new_page()
        one.on("request", lambda request: requested_urls.append(request.url))
        one.on("websocket", lambda opened: requested_urls.append(opened.url.replace("ws://", "http://")))
        return one

    ada = Person(page(), url=prefixed, name="ada").register()
    bob = Person(page(), url=f"{prefixed}/", name="bob").register()
    ada.make_room("general")
    ada.expect_in_room()
    bob.join_room("general")
    ada.send_message("through the prefix")
    bob.expect_message("through the prefix")
    ada.page.reload()
    ada.expect_message("through the prefix")
    watcher = Person(page(), url=prefixed, name="watcher")
    watcher.page.goto(f"{prefixed}/dashboard?every=1")
    expect(watcher.page.locator("html")).to_have_attribute("data-state", "live")
    assert {person.name: person.console_errors for person in (ada, bob, watcher) if person.console_errors} == {}
    for path in ("ws", "auth/register", "health/performance", r"static/dashboard/dashboard\.[0-9a-f]{8}\.js"):
        assert [one for one in requested_urls if re.fullmatch(f"{re.escape(prefixed)}/{path}", one)] != []
    assert [one for one in requested_urls if not one.startswith((f"{prefixed}/", "data:")) and one != prefixed] == []


ABSOLUTE = re.compile(
    r"""(?:href|src|action|poster|srcset)=["']/ | url\(\s*["']?/ | (?:from|import)\s*\(?\s*["']/ | ["'`]/[A-Za-z]
    | location\.origin""",
    re.VERBOSE,
)


FILES = sorted(path for path in (ROOT / "web").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "web")))
def test_no_file_of_a_page_names_an_absolute_path(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if ABSOLUTE.search(line) and not line.lstrip().startswith(("*", "/*", "//"))] == []

"""A page that loads while the processes are restarted one by one with another version of the pages' files.

The other version renames what its modules export to each other: two modules of different versions do not load together.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.person import Person
from tests.support import package
from tests.support.client import call
from tests.support.nginx import NGINX, NGINX_MISSING, running_nginx
from tests.support.server import ROOT, ServerProcess, serving

NAMED = re.compile(r"""(?:\b(?:src|href)=|\bfrom |\bimport |": (?="\./))["']([^"'#]+\.[a-z]+)["']""")
HASHED = re.compile(r".*\.([0-9a-f]{8})\.[a-z]+")
TITLE = "Chat Rooms, the next version"

pytestmark = pytest.mark.skipif(NGINX is None, reason=NGINX_MISSING)


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A process of the next version, with data of its own: a page that nobody is logged in at needs no other."""
    folder = tmp_path_factory.mktemp("next")
    tree = folder / "tree"
    for path in (*package.product_files(), Path("server.py")):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tree / path)
    for path in (one for one in (tree / "web").rglob("*.*") if one.suffix != ".png"):
        text = path.read_text()
        path.write_text(re.sub(r"\biconButton\b", "buttonWithIcon", text).replace("Chat Rooms", TITLE))
    process = ServerProcess(folder / "data", program=[sys.executable, "server.py"], cwd=tree)
    try:
        yield process.start()
    finally:
        process.stop()


@pytest.fixture
def both(server: ServerProcess, next_version: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """Where the shipped nginx listens, which has one process of each version behind it."""
    with running_nginx(tmp_path / "nginx", [server.port, next_version.port]) as url:
        yield url


def files_of(url: str, page: bytes) -> dict[str, bytes]:
    """All that a page loads, by path, in which a hash is that of the content."""
    found: dict[str, bytes] = {}
    waiting = [f"/{name}" for name in NAMED.findall(page.decode()) if name.startswith("static/")]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = body = call(url, "GET", path).body
            hashed = HASHED.fullmatch(path)
            assert hashed is not None
            assert hashlib.sha256(body).hexdigest().startswith(hashed[1]), f"{path} is of another version"
            waiting += [urlsplit(urljoin(url + path, name)).path for name in NAMED.findall(body.decode())]
    return found


def test_each_file_of_a_page_is_of_the_version_of_the_page_whichever_process_is_asked(
    both: str, server: ServerProcess, next_version: ServerProcess
) -> None:
    loaded = {}
    for process in (server, next_version):
        page = call(process.url, "GET", "/").body
        loaded[process.port] = files_of(both, page)
    one, other = loaded.values()
    assert len(one.keys() & other.keys()) >= 2
    assert len(one.keys() ^ other.keys()) >= 2


def test_pages_load_from_two_versions_at_once(both: str, new_context: Callable[..., BrowserContext]) -> None:
    titles = set()
    for number in range(6):
        person = Person(new_context().new_page(), url=both, name=f"visitor{number}")
        person.page.goto(both)
        expect(person.page.get_by_role("form", name="Log in")).to_be_visible()
        titles.add(person.page.title())
        assert person.console_errors == []
        if number % 2:
            call(both, "GET", "/health")  # nginx takes turns, and a page may be an even number of requests
    assert titles == {"Chat Rooms", TITLE}


def test_a_page_of_a_version_that_is_gone_gets_the_files_of_the_one_that_there_is(
    next_version: ServerProcess, server: ServerProcess, tmp_path: Path
) -> None:
    page = call(server.url, "GET", "/").body
    with running_nginx(tmp_path / "nginx", [next_version.port]) as url:
        gone = [f"/{name}" for name in NAMED.findall(page.decode()) if "app." in name]
        assert gone
        for path in gone:
            assert call(next_version.url, "GET", path, version="this").status == 404
            reply = call(url, "GET", path)
            assert (reply.status, reply.headers["cache-control"]) == (200, "no-cache")
            assert b"buttonWithIcon" in reply.body
        assert (missing := call(url, "GET", "/static/chat/gone.00000000.js")).status == 404
        assert missing.code == "not_found"


def test_a_process_that_is_away_is_no_loss(server: ServerProcess, tmp_path: Path) -> None:
    page = call(server.url, "GET", "/").body
    with serving(tmp_path / "data") as away:
        ports = [away.port, server.port]
    with running_nginx(tmp_path / "nginx", ports) as url:
        assert len(files_of(url, page)) > 2

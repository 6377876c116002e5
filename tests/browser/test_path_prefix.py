"""The pages below a path prefix that nginx strips: all their files, requests and WebSockets use the prefix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.person import Person
from tests.support.prefix_proxy import prefix_proxy
from tests.support.server import ROOT, ServerProcess


@pytest.fixture
def prefixed(server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """The server's base URL behind the proxy."""
    with prefix_proxy(tmp_path / "nginx", server.port) as url:
        yield url


BASE_URL_OF_THE_LIBRARY = """async () => {
  const { ChatClient, memoryStorage } = await import("./static/chat.js");
  return new ChatClient({ storage: memoryStorage() }).api.baseUrl;
}"""


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
    assert ada.page.evaluate(BASE_URL_OF_THE_LIBRARY) == f"{prefixed}/"
    watcher = Person(page(), url=prefixed, name="watcher")
    watcher.page.goto(f"{prefixed}/dashboard?every=1")
    expect(watcher.page.locator("html")).to_have_attribute("data-state", "live")
    docs = page()
    docs.goto(f"{prefixed}/docs")
    expect(docs.locator("#record-Message")).to_be_attached()
    expect(docs.locator("#post_messages pre")).to_contain_text(f"{prefixed}/messages")
    assert {person.name: person.console_errors for person in (ada, bob, watcher) if person.console_errors} == {}
    for path in ("ws", "auth/register", r"metrics/snapshot\?.*", r"static/dashboard/dashboard\.[0-9a-f]{8}\.js"):
        assert [one for one in requested_urls if re.fullmatch(f"{re.escape(prefixed)}/{path}", one)] != []
    assert [one for one in requested_urls if not one.startswith((f"{prefixed}/", "data:")) and one != prefixed] == []


# A quote and a slash begin a path, except where they end a regular expression with its flags: "/g;
ABSOLUTE = re.compile(
    r"""(?:href|src|action|poster|srcset)=["']/ | url\(\s*["']?/ | (?:from|import)\s*\(?\s*["']/
    | ["'`]/(?![a-z]*[;,.)])[A-Za-z] | location\.origin""",
    re.VERBOSE,
)


FILES = sorted(path for path in (ROOT / "web").rglob("*") if path.is_file() and path.suffix != ".png")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "web")))
def test_no_file_of_a_page_names_an_absolute_path(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if ABSOLUTE.search(line) and not line.lstrip().startswith(("*", "/*", "//"))] == []

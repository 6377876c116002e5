"""The client library in one file, imported by a page of another site that the server allows."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import StartServer
from tests.support.server import ServerProcess

PAGE = """<!doctype html><title>Another site</title><script type="module">
import * as library from "%s/static/chat.js";
window.library = library;
</script>"""

# Two clients with storage of their own: each registers, one sends, and both are asked for what they hold.
CONVERSATION = """
async ([name, baseUrl]) => {
  const { ChatClient, memoryStorage } = window.library;
  const until = (chat, condition) => new Promise((resolve) => {
    const check = () => condition() && resolve();
    for (const event of ["state", "list", "messages", "people", "outbox"]) chat.addEventListener(event, check);
    check();
  });
  const client = async (suffix) => {
    const chat = new ChatClient({ storage: memoryStorage(), locks: null, ...(baseUrl && { baseUrl }) });
    const username = name + suffix;
    await chat.register({ username, email: `${username}@example.test`, password: "correct horse battery" });
    await until(chat, () => chat.link.isOnline && chat.rooms.isListed);
    return chat;
  };
  const [ann, bob] = [await client("ann"), await client("bob")];
  const room = await ann.createRoom({ name: "Kitchen" });
  await bob.join(room.id);
  for (const chat of [ann, bob]) await chat.open(room.id);
  for (const text of ["one", "two", "three"]) ann.send(room.id, text);
  const held = (chat) => chat.rooms.get(room.id).timeline.messages.map(({ content }) => content);
  await Promise.all([ann, bob].map((chat) => until(chat, () => held(chat).length >= 3)));
  const found = await bob.api.messages.search("two").then(({ messages }) => messages.length);
  const shown = [held(ann), held(bob), found];
  await Promise.all([ann.logout(), bob.logout()]);
  return shown;
}
"""


@pytest.fixture
def other_site() -> Iterator[ThreadingHTTPServer]:
    """Another origin. `page` is what it serves."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server calls it by this name
            body: bytes = site.page  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield site
    site.shutdown()
    site.server_close()
    thread.join()


def opened(context: BrowserContext, site: ThreadingHTTPServer, url: str) -> tuple[Page, list[str], list[str]]:
    """The other site's page, which imports the library of `url`, with its errors and what it asks for."""
    site.page = (PAGE % url).encode()  # type: ignore[attr-defined]
    page = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://127.0.0.1:{site.server_port}/")
    return page, errors, asked


def origin_of(site: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{site.server_port}"


def test_a_page_of_an_allowed_site_converses_by_one_import(
    start_server: StartServer, other_site: ThreadingHTTPServer, new_context: Callable[..., BrowserContext]
) -> None:
    server = start_server(CORS_ORIGINS=origin_of(other_site))
    page, errors, asked = opened(new_context(), other_site, server.url)
    page.wait_for_function("window.library")
    assert [url for url in asked if "/static/" in url] == [f"{server.url}/static/chat.js"]
    for name, base_url in (("default", None), ("given", server.url)):
        shown = page.evaluate(CONVERSATION, [name, base_url])
        assert shown == [["one", "two", "three"], ["one", "two", "three"], 1], json.dumps(shown)
    assert errors == []


def test_a_page_of_a_site_that_is_not_allowed_gets_nothing(
    server: ServerProcess, other_site: ThreadingHTTPServer, new_context: Callable[..., BrowserContext]
) -> None:
    page, errors, _ = opened(new_context(), other_site, server.url)
    assert page.evaluate("window.library === undefined")
    assert any("CORS" in error for error in errors)

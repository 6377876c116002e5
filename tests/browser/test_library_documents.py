"""The documented examples of the client library, run as they are written."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.library_page import LibraryPage
from tests.support.client import PASSWORD, register
from tests.support.server import ROOT, ServerProcess, free_port

NewLibraryPage = Callable[..., LibraryPage]
IMPORT = 'import { ChatClient } from "https://chat.example/static/chat.js";'
# What the examples call of the page that they would be part of.
PAGE = """
  const { ChatClient } = library;
  const told = { texts: [], progress: [], errors: [], statuses: [] };
  const drawn = ({ content, reactions }) => [content, Object.keys(reactions)];
  const show = (messages) => (told.messages = messages.map(drawn));
  const showText = (text) => told.texts.push(text);
  const showProgress = (share) => told.progress.push(share);
  const showStatus = (status) => told.statuses.push(status);
  const showError = (code, details) => told.errors.push([code, Object.keys(details)]);
  const showLogin = () => (told.isLoggedOut = true);
"""


def test_the_examples_of_the_page_about_the_library_are_one_program_that_works(
    server: ServerProcess, new_library_page: NewLibraryPage
) -> None:
    blocks = re.findall(r"```js\n(.*?)```", (ROOT / "docs/chat-js.md").read_text(), re.DOTALL)
    program = "\n".join(blocks)
    assert program.count(IMPORT) == 1
    register(server.url, "ann")
    program = program.replace(IMPORT, PAGE).replace("correct horse battery", PASSWORD)
    told = new_library_page().run(
        f"""
        {program}
        const bob = make({{ storage: library.memoryStorage() }});
        await bob.register({{ username: "bob", email: "bob@example.test", password: "{PASSWORD}" }});
        await isReady(bob);
        await bob.join(room.id);
        await bob.open(room.id);
        bob.send(room.id, "ping");
        await until(() => held(bob, room.id).at(-1).content === "pong");
        await until(() => told.messages.at(-1)?.[0] === "pong");
        chat.connection.stop();
        chat.connection.start();
        await isReady(chat);
        await chat.logout();
        return told;
        """
    )
    contents = [["Hello, kitchen", ["👍"]], ["The list", []], ["ping", []], ["pong", []]]
    assert told["messages"] == contents
    assert told["texts"] == ["Milk, bread"]
    assert told["progress"][-1] == 1
    assert told["errors"] == [["validation_failed", ["name"]]]
    assert {"connecting", "online"} <= set(told["statuses"])
    assert told["isLoggedOut"]


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, as another site does; yields its origin."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on stderr."""

    site = ThreadingHTTPServer(("127.0.0.1", free_port()), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{site.server_address[1]}"
    finally:
        site.shutdown()
        site.server_close()
        thread.join()


def test_the_page_of_another_site_holds_a_conversation(
    start_server: Callable[..., ServerProcess], new_context: Callable[..., BrowserContext]
) -> None:
    example = ROOT / "examples/embedded_page.html"
    assert len(example.read_text().splitlines()) < 40
    with serving_folder(example.parent) as site:
        server = start_server(CORS_ORIGINS=site)
        ann, bob = register(server.url, "ann"), register(server.url, "bob")
        room_id = ann.make_room()["id"]
        ann.post(room_id, "How can we help?")
        context = new_context()
        url = f"{site}/{example.name}?server={server.url}&room={room_id}"

        def opened() -> Page:
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(url)
            return page

        errors: list[str] = []
        page = opened()
        page.locator("[name=username]").fill(bob.username)
        page.locator("[name=password]").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#status")).to_contain_text("password")
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("li")).to_have_text(["ann: How can we help?"])
        page.locator("[name=text]").fill("<b>My order is late</b>")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("li").last).to_have_text("bob: <b>My order is late</b>")
        ann.post(room_id, "It is on its way")
        expect(page.locator("li").last).to_have_text("ann: It is on its way")
        page.reload()
        expect(page.locator("li")).to_have_count(3)
        other = opened()
        expect(other.locator("li")).to_have_count(3)
        assert errors == []

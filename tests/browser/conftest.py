"""A real server process, killed and started again at will, and real Chromium pages that talk through it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.support.server import ServerProcess

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PASSWORD = "correct horse battery"
EXPECT_WITHIN_MS = 20_000

expect.set_options(timeout=EXPECT_WITHIN_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


class Person:
    """Somebody at a page: what people do, by the labels they see."""

    def __init__(self, page: Page, *, url: str, name: str) -> None:
        self.page = page
        self.url = url
        self.name = name
        self.complaints: list[str] = []  # of the console: errors, and what the CSP refused
        self.ignored: tuple[str, ...] = ()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.ignored):
            self.complaints.append(message.text)

    def register(self) -> Person:
        page = self.page
        page.goto(self.url)
        page.get_by_role("button", name="Create an account").click()
        page.locator("#register-username").fill(self.name)
        page.locator("#register-email").fill(f"{self.name}@example.test")
        page.locator("#register-password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        self.is_online()
        return self

    def is_online(self) -> None:
        expect(self.page.locator("html")).to_have_attribute("data-link", "online")

    def make_room(self, name: str, *, private: bool = False) -> str:
        """Make a room; returns its id."""
        page = self.page
        page.locator("#new-room").click()
        page.locator("#create-name").fill(name)
        page.locator("#create-private").set_checked(private)
        page.locator("#create-submit").click()
        expect(page.locator("#room-name")).to_have_text(name)
        return page.url.partition("room=")[2]

    def join_room(self, name: str) -> None:
        page = self.page
        page.locator("#find-rooms").click()
        page.locator("#find-q").fill(name)
        page.get_by_role("button", name=f"Join {name}").click()
        expect(page.locator("#room-name")).to_have_text(name)
        self.is_in_room()

    def is_in_room(self) -> None:
        expect(self.page.locator("#messages")).to_have_attribute("aria-busy", "false")

    def say(self, text: str) -> None:
        self.page.locator("#composer").fill(text)
        self.page.locator("#composer").press("Enter")

    def sees(self, text: str) -> None:
        """A stored message is on the screen."""
        stored = self.page.locator('[data-state="stored"] .content', has_text=text)
        expect(stored.last).to_be_visible()

    @property
    def stored(self) -> list[str]:
        """What is shown as stored, in the order of the screen."""
        return self.page.locator('[data-state="stored"] .content').all_inner_texts()

    @property
    def seqs(self) -> list[int]:
        found = self.page.locator("[data-seq]").evaluate_all("nodes => nodes.map((node) => Number(node.dataset.seq))")
        return [int(seq) for seq in found]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    one = ServerProcess(tmp_path / "data").start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


NewPerson = Callable[..., Person]


@pytest.fixture
def new_person(server: ServerProcess, browser: Browser) -> Iterator[NewPerson]:
    """Call with a name (and options of a browser context): somebody registered, in a context of their own.

    Ends with the check that no page complained: no error in the console, no violation of the policy.
    """
    people: list[Person] = []
    contexts: list[BrowserContext] = []

    def make(name: str, *, registered: bool = True, **options: object) -> Person:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})  # type: ignore[arg-type]
        contexts.append(context)
        person = Person(context.new_page(), url=server.url, name=f"{name}-{secrets.token_hex(3)}")
        people.append(person)
        return person.register() if registered else person

    yield make
    complaints = {person.name: person.complaints for person in people if person.complaints}
    for context in contexts:
        context.close()
    assert complaints == {}

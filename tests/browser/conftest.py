"""Fixtures: server processes that a test can kill and restart, Chromium, and people at pages of it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.library_page import LibraryPage
from tests.browser.person import Person
from tests.support.server import ServerProcess, serving

# Both are the same engine. The shell has no windows and uses a third of the CPU for each new page.
CHROMIUMS = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# A worker in each context would fetch all files of the page. Tests of it ask for `service_workers="allow"`.
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "service_workers": "block"}

expect.set_options(timeout=60_000)

NewPerson = Callable[..., Person]
NewLibraryPage = Callable[..., LibraryPage]
StartServer = Callable[..., ServerProcess]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.name != "test_client_library.py":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the tests of a module share: each test uses names of people and rooms of its own."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as one:
        yield one


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start a server for one test, with settings: `start_server(VARIABLE="value", …)`."""
    numbers = itertools.count()
    with ExitStack() as processes:
        yield lambda **env: processes.enter_context(serving(tmp_path / f"data{next(numbers)}", env))


@pytest.fixture
def room_name() -> str:
    """A unique name for a room."""
    return f"Kitchen {secrets.token_hex(3)}"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for the package, closed after its last test, because Playwright's event loop runs in this thread,
    and so do the loops of other tests.
    """
    found = next((path for path in CHROMIUMS if path.exists()), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make a browser context with these options: it has its own storage, as on another computer."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        contexts.append(browser.new_context(**{**DESKTOP, **options}))
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def new_person(server: ServerProcess, new_context: Callable[..., BrowserContext]) -> Iterator[NewPerson]:
    """Make a person with a name and options of a browser context: registered, with the page open.

    With registered=False there is no account and no page is open. `at`: another server than the shared one. At the end
    no page may have an error in its console, such as a violation of the Content-Security-Policy.
    """
    people: list[Person] = []

    def make(
        name: str,
        *,
        registered: bool = True,
        at: ServerProcess | None = None,
        context: BrowserContext | None = None,
        **options: Any,
    ) -> Person:
        page = (context or new_context(**options)).new_page()
        person = Person(page, url=(at or server).url, name=f"{name}-{secrets.token_hex(3)}")
        people.append(person)
        return person.open_with_session() if registered else person

    yield make
    assert {person.name: person.console_errors for person in people if person.console_errors} == {}


@pytest.fixture
def new_library_page(server: ServerProcess, new_context: Callable[..., BrowserContext]) -> Iterator[NewLibraryPage]:
    """Open a bare page with a client of the server at `url` (default: the shared one); pages of one `context` share
    their storage. At the end no page may have had an uncaught error or an unhandled rejection.
    """
    pages: list[LibraryPage] = []

    def make(name: str = "ann", *, url: str | None = None, context: BrowserContext | None = None) -> LibraryPage:
        page = (context or new_context()).new_page()
        pages.append(LibraryPage(page, url or server.url, name=name))
        return pages[-1].open()

    yield make
    assert {page.name: page.problems for page in pages if page.problems} == {}


@pytest.fixture
def pair(new_person: NewPerson, room_name: str) -> tuple[Person, Person]:
    """Ann, who owns a room, and Bob, both in it."""
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    return ann, bob

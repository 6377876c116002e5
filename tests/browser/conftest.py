"""A real server process, killed and started again at will, and real Chromium pages that talk through it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.person import Person
from tests.support.server import ServerProcess, serving

# The same engine in both: the shell has no windows to make, and takes a third of the CPU for each new page.
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
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}

expect.set_options(timeout=60_000)

NewPerson = Callable[..., Person]
Start = Callable[..., ServerProcess]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.name != "test_library.py":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the module's tests share: people and rooms have names of their own."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as one:
        yield one


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of a test's own: `start(VARIABLE="value", …)`."""
    numbers = itertools.count()
    with ExitStack() as processes:
        yield lambda **env: processes.enter_context(serving(tmp_path / f"data{next(numbers)}", env))


@pytest.fixture
def kitchen() -> str:
    """A name for a room that no other test's room has."""
    return f"Kitchen {secrets.token_hex(3)}"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for the package, gone with it:
    Playwright's loop runs in this thread, where other tests run theirs.
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
    """Call with options of a browser context: a storage of its own, as another computer has."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        contexts.append(browser.new_context(**{**DESKTOP, **options}))
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def new_person(server: ServerProcess, new_context: Callable[..., BrowserContext]) -> Iterator[NewPerson]:
    """Call with a name, and options of a browser context: somebody who is registered and looks at the page.

    With registered=False they are at no page yet, and nobody knows them. `at` is another server than the one that is
    shared. Ends with the check that no page complained: no error in the console, no violation of the policy.
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
        return person.arrive() if registered else person

    yield make
    assert {person.name: person.complaints for person in people if person.complaints} == {}

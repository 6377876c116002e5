"""A real server process, killed and started again at will, and real Chromium pages that talk through it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.person import Person
from tests.support.server import ServerProcess, serving

CHROMIUM = Path("/usr/bin/chromium")
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.name != "test_library.py":
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server of the test's own; parametrize it indirectly with more of its environment."""
    with serving(tmp_path / "data", getattr(request, "param", None)) as one:
        yield one


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for the package, gone with it: Playwright's loop runs in this thread, where other tests run theirs."""
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
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

    Ends with the check that no page complained: no error in the console, no violation of the policy.
    """
    people: list[Person] = []

    def make(name: str, *, registered: bool = True, context: BrowserContext | None = None, **options: Any) -> Person:
        page = (context or new_context(**options)).new_page()
        person = Person(page, url=server.url, name=f"{name}-{secrets.token_hex(3)}")
        people.append(person)
        return person.register() if registered else person

    yield make
    assert {person.name: person.complaints for person in people if person.complaints} == {}

"""Pages that stay open for hours: what they hold stays bounded, and they ask the server for no more than at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

NewPerson = Callable[..., Person]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server without limits: what comes in hours comes here in seconds."""
    with serving(tmp_path_factory.mktemp("unlimited") / "data", {"RATE_LIMIT_ENABLED": "false"}) as one:
        yield one


def requests_of(page: Page) -> Counter[str]:
    """The requests of the page from now on, by path."""
    asked: Counter[str] = Counter()
    page.on("request", lambda request: asked.update([urlsplit(request.url).path]))
    return asked


def test_what_replies_answer_is_asked_for_once_however_many_there_are(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), client.register(server.url)
    room_id = ann.make_room(room_name)
    bob.join(room_id)
    old = [bob.post(room_id, f"question {number}")["id"] for number in range(110)]
    for number in range(60):
        bob.post(room_id, f"between {number}")
    ann.send_message("I have read all")
    ann.expect_message("I have read all")
    ann.page.reload()
    ann.expect_message("I have read all")
    asked = requests_of(ann.page)
    for number, message_id in enumerate(old):
        bob.post(room_id, f"answer {number}", replyToId=message_id)
    ann.expect_message("answer 109")
    bob.post(room_id, "one more")
    ann.expect_message("one more")
    quotes = ann.timeline.locator(".quote")
    for number in range(3):
        bob.post(room_id, f"again {number}")
        ann.expect_message(f"again {number}")
        poll(lambda: all("question" in text for text in quotes.all_inner_texts()))
    read = Counter({path: count for path, count in asked.items() if path.startswith("/messages/")})
    assert read.most_common(1)[0][1] == 1, read
    assert len(read) <= len(old)

"""The server dies and restarts, a tab is closed, a room is left: nothing is lost, nothing doubled, and the person is
told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Error, expect

from tests.browser.person import Person
from tests.support.server import ServerProcess, serving

NewPerson = Callable[..., Person]
WATCH_SOCKETS = """
    const sockets = (window.sockets = {});
    let current = null;
    window.WebSocket = class extends WebSocket {
        constructor(...args) {
            super(...args);
            current = this;
            if (sockets.announcedAt) sockets.reopenedAt ??= performance.now();
        }
    };
    window.watchSockets = () => {
        current.addEventListener("message", ({ data }) => {
            const frame = JSON.parse(data);
            if (frame.event === "serverRestarting") {
                sockets.announced = frame.data;
                sockets.announcedAt = performance.now();
            }
        });
    };
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for the module: whoever ends it starts it again."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as one:
        yield one


@pytest.fixture
def server(shared: ServerProcess) -> ServerProcess:
    """The same, up also where a test failed while it was down."""
    return shared if shared.is_running else shared.start()


def test_nothing_is_lost_or_doubled_when_the_server_is_killed_while_messages_are_sent(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(kitchen)
    bob.join_room(kitchen)
    texts = [f"message {number}" for number in range(40)]
    for text in texts[:15]:
        ann.say(text)
    server.kill()
    for text in texts[15:25]:
        ann.say(text)
    expect(ann.page.locator("#banner-text")).to_contain_text("kept and sent when the connection is back")
    expect(ann.page.locator('[data-state="waiting"]').last).to_contain_text("Waiting to be sent")
    server.start()
    for text in texts[25:]:
        ann.say(text)
    for person in (ann, bob):
        person.sees(texts[-1])
        expect(person.page.locator('[data-state="stored"]')).to_have_count(len(texts))
        expect(person.page.locator(".unsent")).to_have_count(0)
        expect(person.page.locator("#banner")).to_be_hidden()
        assert person.stored == texts
        assert person.seqs == list(range(1, len(texts) + 1))
    ann.page.reload()
    ann.sees(texts[-1])
    assert ann.stored == texts


def test_both_sides_write_while_the_server_is_down_and_agree_in_the_end(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(kitchen)
    bob.join_room(kitchen)
    ann.say("before")
    bob.sees("before")
    server.kill()
    for number in range(5):
        ann.say(f"ann {number}")
        bob.say(f"bob {number}")
    server.start()
    for person in (ann, bob):
        expect(person.page.locator('[data-state="stored"]')).to_have_count(11)
    assert ann.stored == bob.stored
    for name in ("ann", "bob"):
        assert [text for text in ann.stored if text.startswith(name)] == [f"{name} {number}" for number in range(5)]


def test_an_unsent_message_survives_a_reload_while_the_server_is_down(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(kitchen)
    server.kill()
    ann.say("written in the dark")
    expect(ann.page.locator('[data-state="waiting"]')).to_contain_text("written in the dark")
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        ann.page.reload()
    server.start()
    ann.page.goto(f"{server.url}/#room={room_id}")
    ann.sees("written in the dark")
    expect(ann.page.locator(".unsent")).to_have_count(0)
    assert ann.stored == ["written in the dark"]


def test_a_planned_restart_is_announced_and_gone_through(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann, bob = new_person("ann", registered=False), new_person("bob")
    ann.page.add_init_script(WATCH_SOCKETS)
    ann.register()
    ann.make_room(kitchen)
    bob.join_room(kitchen)
    ann.say("before")
    bob.sees("before")
    ann.page.evaluate("watchSockets()")
    server.terminate()
    expect(ann.page.locator("#banner")).to_be_visible()
    ann.say("during")
    server.start()
    bob.sees("during")
    ann.sees("during")
    assert ann.stored == bob.stored == ["before", "during"]
    sockets = ann.page.evaluate("sockets")
    assert sockets["announced"]["reconnectAfterMs"] > 0
    assert sockets["reopenedAt"] - sockets["announcedAt"] >= sockets["announced"]["reconnectAfterMs"] - 20


def test_what_was_missed_while_away_is_filled_in_without_a_hole(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(kitchen)
    bob.join_room(kitchen)
    ann.say("first")
    bob.sees("first")
    server.kill()  # an open socket outlives the emulated outage, and so at times does its close
    expect(bob.page.locator("#banner")).to_be_visible()
    bob.ignored = (*bob.ignored, "ERR_INTERNET_DISCONNECTED")
    bob.page.context.set_offline(True)
    server.start()
    for number in range(30):
        ann.say(f"missed {number}")
    ann.sees("missed 29")
    expect(bob.page.locator("#banner-text")).to_contain_text("You are offline")
    bob.page.context.set_offline(False)
    bob.sees("missed 29")
    assert bob.seqs == list(range(1, 32))


def test_the_unsent_messages_of_a_closed_tab_are_sent_by_the_one_that_is_left(
    server: ServerProcess, new_person: NewPerson, new_context: Callable[..., BrowserContext], kitchen: str
) -> None:
    context = new_context()
    first = new_person("ann", context=context)
    first.make_room(kitchen)
    second = new_person("ann", context=context, registered=False)
    second.page.goto(first.page.url)
    second.is_in_room()
    server.kill()
    first.say("from a tab that is closed")
    expect(first.page.locator('[data-state="waiting"]')).to_have_count(1)
    # Opened later: it knows of the first one's part
    second_again = new_person("ann", context=context, registered=False)
    first_url = first.page.url
    server.start()
    server.kill()
    first.page.close()
    server.start()
    second_again.page.goto(first_url)
    second_again.sees("from a tab that is closed")
    second.sees("from a tab that is closed")
    assert second.stored == ["from a tab that is closed"]


def test_a_message_to_a_room_that_one_was_taken_out_of_is_not_dropped_silently(
    server: ServerProcess, new_person: NewPerson, kitchen: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(kitchen)
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in()
    server.kill()
    expect(ann.page.locator("#banner")).to_be_visible()
    ann.ignored = (*ann.ignored, "ERR_INTERNET_DISCONNECTED")
    ann.page.context.set_offline(True)
    server.start()
    elsewhere.is_online()
    ann.say("too late")
    assert elsewhere.call("POST", f"/rooms/{room_id}/leave") == 204
    ann.page.context.set_offline(False)
    expect(ann.page.locator("#toast")).to_contain_text("too late")
    expect(ann.page.locator("button.room-button")).to_have_count(0)

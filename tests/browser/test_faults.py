"""The server is killed and restarted, a tab is closed, a room is left: no message is lost or duplicated, and the page
says what happened.
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
    """One server for the module. A test that kills it starts it again."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as one:
        yield one


@pytest.fixture
def server(shared: ServerProcess) -> ServerProcess:
    """The shared server, started again if a test failed while it was down."""
    return shared if shared.is_running else shared.start()


def test_nothing_is_lost_or_doubled_when_the_server_is_killed_while_messages_are_sent(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    texts = [f"message {number}" for number in range(40)]
    for text in texts[:15]:
        ann.send_message(text)
    server.kill()
    for text in texts[15:25]:
        ann.send_message(text)
    expect(ann.banner).to_contain_text("kept and sent when the connection is back")
    expect(ann.messages("waiting").last).to_contain_text("Waiting to be sent")
    server.start()
    for text in texts[25:]:
        ann.send_message(text)
    for person in (ann, bob):
        person.expect_message(texts[-1])
        expect(person.messages("stored")).to_have_count(len(texts))
        expect(person.unsent).to_have_count(0)
        expect(person.banner).to_be_hidden()
        assert person.stored == texts
        assert person.seqs == list(range(1, len(texts) + 1))
    ann.page.reload()
    ann.expect_message(texts[-1])
    assert ann.stored == texts


def test_both_sides_write_while_the_server_is_down_and_agree_in_the_end(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    ann.send_message("before")
    bob.expect_message("before")
    server.kill()
    for number in range(5):
        ann.send_message(f"ann {number}")
        bob.send_message(f"bob {number}")
    server.start()
    for person in (ann, bob):
        expect(person.messages("stored")).to_have_count(11)
    assert ann.stored == bob.stored
    for name in ("ann", "bob"):
        assert [text for text in ann.stored if text.startswith(name)] == [f"{name} {number}" for number in range(5)]


def test_an_unsent_message_survives_a_reload_while_the_server_is_down(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    server.kill()
    ann.send_message("written in the dark")
    expect(ann.messages("waiting")).to_contain_text("written in the dark")
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        ann.page.reload()
    server.start()
    ann.page.goto(f"{server.url}/#room={room_id}")
    ann.expect_message("written in the dark")
    expect(ann.unsent).to_have_count(0)
    assert ann.stored == ["written in the dark"]


def test_a_planned_restart_is_announced_and_the_page_reconnects_after_it(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann", registered=False), new_person("bob")
    ann.page.add_init_script(WATCH_SOCKETS)
    ann.register()
    ann.make_room(room_name)
    bob.join_room(room_name)
    ann.send_message("before")
    bob.expect_message("before")
    ann.page.evaluate("watchSockets()")
    server.terminate()
    expect(ann.banner).to_be_visible()
    ann.send_message("during")
    server.start()
    bob.expect_message("during")
    ann.expect_message("during")
    assert ann.stored == bob.stored == ["before", "during"]
    sockets = ann.page.evaluate("sockets")
    assert sockets["announced"]["reconnectAfterMs"] > 0
    assert sockets["reopenedAt"] - sockets["announcedAt"] >= sockets["announced"]["reconnectAfterMs"] - 20


def test_messages_missed_while_offline_are_loaded_without_a_gap(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    ann.send_message("first")
    bob.expect_message("first")
    server.kill()  # an emulated outage does not close an open socket, and sometimes delays its close
    expect(bob.banner).to_be_visible()
    bob.ignored_errors = (*bob.ignored_errors, "ERR_INTERNET_DISCONNECTED")
    bob.page.context.set_offline(True)
    server.start()
    for number in range(30):
        ann.send_message(f"missed {number}")
    ann.expect_message("missed 29")
    expect(bob.banner).to_contain_text("You are offline")
    bob.page.context.set_offline(False)
    bob.expect_message("missed 29")
    seqs = bob.seqs  # of the rows around what is visible
    assert seqs == list(range(seqs[0], 32))
    assert len(seqs) > 10


def test_the_unsent_messages_of_a_closed_tab_are_sent_by_another_tab(
    server: ServerProcess, new_person: NewPerson, new_context: Callable[..., BrowserContext], room_name: str
) -> None:
    context = new_context()
    first = new_person("ann", context=context)
    first.make_room(room_name)
    second = new_person("ann", context=context, registered=False)
    second.page.goto(first.page.url)
    second.expect_in_room()
    server.kill()
    first.send_message("from a tab that is closed")
    expect(first.messages("waiting")).to_have_count(1)
    # Opened later, so it waits for the lock of the first tab's outbox
    second_again = new_person("ann", context=context, registered=False)
    first_url = first.page.url
    server.start()
    server.kill()
    first.page.close()
    server.start()
    second_again.page.goto(first_url)
    second_again.expect_message("from a tab that is closed")
    second.expect_message("from a tab that is closed")
    assert second.stored == ["from a tab that is closed"]


def test_a_message_to_a_room_that_the_user_has_left_is_shown_as_undeliverable(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    elsewhere = new_person("ann", registered=False)
    elsewhere.name = ann.name
    elsewhere.log_in()
    server.kill()
    expect(ann.banner).to_be_visible()
    ann.ignored_errors = (*ann.ignored_errors, "ERR_INTERNET_DISCONNECTED")
    ann.page.context.set_offline(True)
    server.start()
    elsewhere.expect_online()
    ann.send_message("too late")
    assert elsewhere.call("POST", f"/rooms/{room_id}/leave") == 204
    ann.page.context.set_offline(False)
    expect(ann.toasts).to_contain_text("too late")
    expect(ann.room_button(room_name)).to_have_count(0)

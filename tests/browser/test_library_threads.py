"""The client library alone: the threads of a room, live, and whole over a lost connection."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.library_page import LibraryPage

NewLibraryPage = Callable[..., LibraryPage]
REPLIES = "return chat.threads.get(argument).messages.map(({ content }) => content)"


def test_an_open_thread_has_its_replies_live_with_their_changes_and_what_was_missed(
    new_library_page: NewLibraryPage,
) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_id = ann.make_room()
    bob.open_room(room_id)
    bob.run("const say = chat.send(argument, 'root'); chat.send(argument, 'no reply');", room_id)
    for page in (ann, bob):
        page.until_held(room_id, 2)
    root_id = ann.run("return held(chat, argument)[0].id", room_id)
    reply = "for (const text of argument[2]) chat.send(argument[0], text, { threadId: argument[1] });"
    bob.run(reply, [room_id, root_id, ["one", "two"]])
    ann.until_held(room_id, 4)
    assert ann.run("return chat.threads.counts(argument[0]).get(argument[1])", [room_id, root_id]) == {
        "count": 2,
        "lastSeq": 4,
        "isExact": True,
    }
    opened = "const thread = chat.threads.open(held(chat, argument)[2]); await thread.loadMore(); "
    assert ann.run(f"{opened} return [thread.root.content, thread.count]", room_id) == ["root", 2]
    bob.run("await chat.threads.open(held(chat, argument)[0]).loadMore()", room_id)
    bob.run(reply, [room_id, root_id, ["three"]])
    ann.until("chat.threads.get(argument).messages.length === 3", root_id)
    bob.run("const [one] = chat.threads.get(argument).messages; await chat.edit(one.id, 'one, edited');", root_id)
    ann.until("chat.threads.get(argument).messages[0].content === 'one, edited'", root_id)
    ann.run("chat.connection.stop()")
    bob.run(reply, [room_id, root_id, ["four"]])
    bob.until("chat.threads.get(argument).messages.length === 4", root_id)
    bob.run("const [, two] = chat.threads.get(argument).messages; await chat.remove(two);", root_id)
    ann.run("chat.connection.start(); await isReady(chat);")
    ann.until("chat.threads.get(argument).messages.length === 4", root_id)
    for page in (ann, bob):
        page.until("chat.threads.get(argument).messages[1].deletedAt", root_id)
        assert page.run(REPLIES, root_id) == ["one, edited", None, "three", "four"]
        assert page.run("return chat.threads.get(argument).count", root_id) == 4
    ann.run("await chat.logout()")
    assert ann.run("return chat.threads") is None

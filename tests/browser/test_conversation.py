"""Conversations, presence, invitations and errors on the chat page."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]
StartServer = Callable[..., ServerProcess]
HTML = "<img src=x onerror=alert(1)><b>bold</b>"


def test_two_people_talk_in_a_room_and_see_each_other_and_who_types(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    ann.open_panel("People")
    expect(ann.people("here")).to_have_count(2)
    expect(ann.person(bob.name)).to_have_attribute("data-status", "online")
    expect(ann.page.get_by_role("button", name="People, 2 online")).to_be_visible()
    expect(ann.page.locator("main header")).to_contain_text("2 members")
    ann.send_message("Tea?")
    bob.expect_message("Tea?")
    bob.composer.press_sequentially("Yes")
    expect(ann.typing).to_have_text(f"{bob.name} is typing…")
    bob.composer.press("Enter")
    ann.expect_message("Yes")
    bob.expect_message("Yes")
    expect(ann.typing).to_have_text("")
    assert ann.stored == bob.stored == ["Tea?", "Yes"]
    assert ann.seqs == [1, 2]
    bob.page.context.close()
    expect(ann.people("here")).to_have_count(1)
    expect(ann.people("others")).to_contain_text(bob.name)


def test_a_status_is_shown_to_others(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    bob.choose(bob.own_line, "Busy")
    bob.choose(bob.own_line, "Set a status")
    bob.dialog.get_by_label("A few words").fill("In a meeting")
    bob.dialog.get_by_role("button", name="Save").click()
    expect(bob.own_line).to_contain_text("Busy · In a meeting")
    ann.open_panel("People")
    expect(ann.person(bob.name)).to_have_attribute("data-status", "busy")
    ann.person(bob.name).click()
    expect(ann.panel).to_contain_text("Busy")
    expect(ann.panel).to_contain_text("In a meeting")


def test_scrolling_back_through_150_messages_shows_each_of_them_once_and_in_order(
    new_person: NewPerson, start_server: StartServer, room_name: str
) -> None:
    ann = new_person("ann", at=start_server(RATE_LIMIT_MESSAGES="off"))
    room_id = ann.make_room(room_name)
    ann.page.evaluate(
        """async (roomId) => {
            const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
            const headers = { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" };
            for (let number = 1; number <= 150; number += 1) {
                const body = JSON.stringify({ roomId, content: `number ${number}` });
                const reply = await fetch("/messages", { method: "POST", headers, body });
                if (!reply.ok) throw new Error(await reply.text());
            }
        }""",
        room_id,
    )
    ann.page.reload()
    ann.expect_message("number 150")
    expect(ann.timeline.locator('[data-seq="150"]')).to_be_in_viewport()
    assert ann.seqs[0] > 1
    shown: set[int] = set()
    while 1 not in shown:
        seqs = ann.seqs
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        shown.update(seqs)
        ann.timeline.locator(f'[data-seq="{seqs[0]}"]').scroll_into_view_if_needed()
        if seqs[0] > 1:
            expect(ann.timeline.locator(f'[data-seq="{seqs[0] - 1}"]')).to_be_attached()
    assert shown == set(range(1, 151))
    expect(ann.timeline).to_contain_text(f"This is where {room_name} began.")
    ann.page.get_by_role("button", name="Jump to latest").click()
    expect(ann.timeline.locator('[data-seq="150"]')).to_be_in_viewport()


def test_a_private_room_is_entered_by_invitation_and_left_again(new_person: NewPerson) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room("Secret plan", private=True)
    ann.choose_of_room("Invite people")
    ann.search_in_dialog(bob.name)
    ann.dialog.get_by_role("button", name=f"Invite {bob.name}").click()
    expect(ann.dialog.get_by_role("status")).to_contain_text("is now in Secret plan")
    ann.page.keyboard.press("Escape")
    bob.room_button("Secret plan").click()
    ann.send_message("You are in.")
    ann.expect_message("You are in.")
    bob.expect_message("You are in.")
    bob.choose_of_room("Leave the room")
    bob.dialog.get_by_role("button", name="Leave").click()
    expect(bob.room_button("Secret plan")).to_have_count(0)
    expect(bob.heading).to_contain_text("Welcome")
    bob.choose(bob.page.get_by_role("button", name="Add a room"), "Find rooms")
    bob.dialog.get_by_label("Search by name").fill("Secret")
    expect(bob.dialog.get_by_role("status")).to_contain_text("No room has such a name")


def test_a_direct_chat_begins_from_a_name(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    ann.open_panel("People")
    ann.person(bob.name).click()
    ann.panel.get_by_role("button", name="Send a message").click()
    expect(ann.heading).to_have_text(bob.name)
    ann.expect_in_room()
    ann.send_message("Just between us")
    direct = bob.page.get_by_role("region", name="Direct messages").locator("[data-room-id]", has_text=ann.name)
    expect(direct).to_have_attribute("data-unread", "1")
    expect(direct).to_contain_text("Just between us")
    direct.click()
    bob.expect_message("Just between us")


def test_html_in_a_message_or_a_name_is_text(new_person: NewPerson) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    assert ann.call("PATCH", "/users/me", {"displayName": HTML}) == 200
    ann.page.reload()
    ann.expect_online()
    ann.make_room(HTML)
    ann.send_message(HTML)
    bob.join_room(HTML)
    bob.expect_message(HTML)
    bob.open_panel("People")
    expect(bob.people("here")).to_contain_text([HTML, bob.name])
    expect(ann.own_line).to_contain_text(HTML)
    bob.timeline.locator(".author").first.click()
    expect(bob.panel.get_by_role("heading", name=HTML)).to_be_visible()
    for person in (ann, bob):
        assert person.page.locator("img[src=x]").count() == 0
        assert person.page.locator("b:text-is('bold')").count() == 0


def test_a_link_to_a_room_offers_to_join_it(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    ann.send_message("Welcome")
    bob.page.goto(f"{bob.url}/#room={room_id}")
    expect(bob.heading).to_have_text(room_name)
    bob.page.get_by_role("button", name="Join", exact=True).click()
    bob.expect_message("Welcome")


def test_a_message_that_is_refused_stays_with_its_reason_to_be_changed(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    ann.composer.fill("nul \u0000 here")
    ann.composer.press("Enter")
    failed = ann.messages("failed")
    expect(failed).to_contain_text("Not sent")
    mark = ann.page.get_by_role("button", name=f"{room_name}, a message was not sent")
    assert mark.count() == 1  # it is drawn with the row
    ann.send_message("The next one is not held up")
    ann.expect_message("not held up")
    failed.get_by_role("button", name="Edit").click()
    expect(failed).to_have_count(0)
    assert mark.count() == 0
    expect(ann.composer).to_be_focused()
    ann.send_message("nul is gone")
    ann.expect_message("nul is gone")


def test_a_rate_limited_user_sees_a_notice_and_all_messages_are_sent_in_order(
    new_person: NewPerson, start_server: StartServer, room_name: str
) -> None:
    ann = new_person("ann", at=start_server(RATE_LIMIT_MESSAGES="3/12", RATE_LIMIT_ADAPTIVE="false"))
    ann.make_room(room_name)
    texts = [f"fast {number}" for number in range(6)]
    for text in texts:
        ann.send_message(text)
    expect(ann.unsent.first).to_contain_text("You are writing fast")
    ann.expect_message("fast 5")
    assert ann.stored == texts


def test_a_file_of_a_page_is_revalidated_by_its_etag_and_no_other_file_can_be_read(
    server: ServerProcess, new_person: NewPerson
) -> None:
    eve = new_person("eve", registered=False)
    eve.page.goto(server.url)
    reply = eve.page.request.get(f"{server.url}/static/chat.js")
    assert reply.headers["content-type"].startswith("text/javascript")
    again = eve.page.request.get(f"{server.url}/static/chat.js", headers={"If-None-Match": reply.headers["etag"]})
    assert again.status == 304
    assert eve.page.request.get(f"{server.url}/static/..%2fserver.py").status == 404


def test_on_a_server_without_rooms_the_page_offers_to_make_the_first(
    start_server: StartServer, new_person: NewPerson, room_name: str
) -> None:
    server = start_server()
    ann = new_person("ann", at=server)
    expect(ann.page.locator("main")).to_contain_text("Make the first one")
    expect(ann.page.locator("main").get_by_role("button", name="Find rooms")).to_have_count(0)
    ann.make_room(room_name)
    bob = new_person("bob", at=server)
    expect(bob.page.locator("main")).to_contain_text("Find one to join")
    expect(bob.page.locator("main").get_by_role("button", name="Find rooms")).to_be_visible()

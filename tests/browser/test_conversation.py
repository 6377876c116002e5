"""Conversations, presence, unread counts, invitations and errors on the chat page."""

from __future__ import annotations

import re
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
    expect(ann.page.locator("#here-list [data-user-id]")).to_have_count(2)
    expect(ann.page.locator("#here-list")).to_contain_text(bob.name)
    ann.send_message("Tea?")
    bob.expect_message("Tea?")
    bob.page.locator("#composer").press_sequentially("Yes")
    expect(ann.page.locator("#typing")).to_have_text(f"{bob.name} is typing…")
    bob.page.locator("#composer").press("Enter")
    ann.expect_message("Yes")
    bob.expect_message("Yes")
    expect(ann.page.locator("#typing")).to_have_text("")
    assert ann.stored == bob.stored == ["Tea?", "Yes"]
    assert ann.seqs == [1, 2]
    bob.page.context.close()
    expect(ann.page.locator("#here-list [data-user-id]")).to_have_count(1)
    expect(ann.page.locator("#away-list")).to_contain_text(bob.name)


def test_a_status_is_shown_to_others(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    bob.page.locator("#me").click()
    bob.page.get_by_label("Busy").check()
    bob.page.get_by_label("A few words").fill("In a meeting")
    bob.page.locator("#me-submit").click()
    expect(bob.page.locator("#me")).to_contain_text("Busy · In a meeting")
    expect(ann.page.locator("#here-list .person-button", has_text=bob.name)).to_have_attribute("data-status", "busy")
    ann.page.locator("#here-list .person-button", has_text=bob.name).click()
    expect(ann.page.locator("#person-body")).to_contain_text("In a meeting")


def test_unread_messages_are_counted_until_they_are_seen_also_after_a_reload(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    bob.make_room("Desk")
    for text in ("one", "two", f"three @{bob.name}"):
        ann.send_message(text)
    button = bob.page.locator("button.room-button", has_text=room_name)
    expect(button).to_have_attribute("data-unread", "3")
    expect(button.locator("[data-mentions]")).to_have_attribute("data-mentions", "1")
    expect(bob.page).to_have_title(re.compile(r"^\(3\) Desk"))
    button.click()
    bob.expect_message("three")
    expect(bob.page.locator(".new-line")).to_be_visible()
    expect(bob.page.locator(".mentions-me")).to_have_count(1)
    expect(button).not_to_have_attribute("data-unread", "3")
    expect(bob.page).to_have_title(re.compile(f"^{room_name}"))
    expect_read_on_the_server(bob, room=room_name)
    bob.page.reload()
    bob.expect_message("three")
    expect(button).not_to_have_attribute("data-unread", re.compile(r"\d"))


def expect_read_on_the_server(person: Person, *, room: str) -> None:
    person.page.wait_for_function(
        """async (name) => {
            const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
            const reply = await fetch("/rooms?mine=true", { headers: { Authorization: `Bearer ${accessToken}` } });
            return (await reply.json()).rooms.find((room) => room.name === name).unreadCount === 0;
        }""",
        arg=room,
        polling=500,
    )


def test_scrolling_back_through_150_messages_keeps_the_scroll_position(
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
    expect(ann.page.locator('[data-seq="150"]')).to_be_in_viewport()
    assert ann.seqs[0] == 101
    scroller = ann.page.locator("#scroller")
    scroller.evaluate("node => { node.scrollTop = 250; }")
    anchor = ann.page.locator('[data-seq="106"]')
    before = anchor.bounding_box()
    expect(ann.page.locator('[data-seq="51"]')).to_be_attached()
    after = anchor.bounding_box()
    assert before is not None and after is not None and abs(before["y"] - after["y"]) < 2
    expect(ann.page.locator("#jump")).to_be_visible()
    ann.page.locator("#load-older").scroll_into_view_if_needed()
    expect(ann.page.locator('[data-seq="1"]')).to_be_attached()
    assert ann.seqs == list(range(1, 151))
    expect(ann.page.locator("#room-start")).to_have_text(f"This is where {room_name} began.")
    ann.page.locator("#jump").click()
    expect(ann.page.locator('[data-seq="150"]')).to_be_in_viewport()


def test_a_private_room_is_entered_by_invitation_and_left_again(new_person: NewPerson) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room("Secret plan", private=True)
    ann.page.locator("#invite").click()
    ann.page.locator("#users-q").fill(bob.name)
    ann.page.get_by_role("button", name=f"Invite {bob.name}").click()
    expect(ann.page.locator("#users-status")).to_contain_text("is now in Secret plan")
    ann.page.keyboard.press("Escape")
    bob.page.locator("button.room-button", has_text="Secret plan").click()
    ann.send_message("You are in.")
    ann.expect_message("You are in.")
    bob.expect_message("You are in.")
    bob.page.locator("#leave").click()
    bob.page.locator("#leave-confirm").click()
    expect(bob.page.locator("button.room-button")).to_have_count(0)
    expect(bob.page.locator("#welcome")).to_be_visible()
    bob.page.locator("#find-rooms").click()
    bob.page.locator("#find-q").fill("Secret")
    expect(bob.page.locator("#find-status")).to_contain_text("No room is called so")


def test_a_direct_chat_begins_from_a_name(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    ann.page.locator("#here-list .person-button", has_text=bob.name).click()
    ann.page.locator("#person-direct").click()
    expect(ann.page.locator("#room-name")).to_have_text(bob.name)
    ann.expect_in_room()
    ann.send_message("Just between us")
    direct = bob.page.locator("#directs-list .room-button", has_text=ann.name)
    expect(direct).to_have_attribute("data-unread", "1")
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
    expect(bob.page.locator("#here-list")).to_contain_text(HTML)
    expect(ann.page.locator("#me")).to_contain_text(HTML)
    bob.page.locator(".author").first.click()
    expect(bob.page.locator("#person-name")).to_have_text(HTML)
    for person in (ann, bob):
        assert person.page.locator("img[src=x]").count() == 0
        assert person.page.locator("#messages b").count() == 0


def test_a_link_to_a_room_offers_to_join_it(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    ann.send_message("Welcome")
    bob.page.goto(f"{bob.url}/#room={room_id}")
    expect(bob.page.locator("#welcome-title")).to_have_text(room_name)
    bob.page.locator("#welcome-join").click()
    bob.expect_message("Welcome")


def test_a_message_over_the_limit_is_not_sent_and_the_counter_says_why(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    ann.page.locator("#composer").fill("😀" * 1990)
    expect(ann.page.locator("#composer-count")).to_have_text("10 characters left")
    ann.send_message("😀" * 2003)
    expect(ann.page.locator("#composer-count")).to_have_text("3 characters too many")
    assert ann.stored == []
    ann.send_message("😀" * 2000)
    ann.expect_message("😀")
    ann.page.locator("#composer").fill("first line")
    ann.page.locator("#composer").press("Shift+Enter")
    ann.page.locator("#composer").press_sequentially("second line")
    ann.page.locator("#composer").press("Enter")
    ann.expect_message("second line")
    assert ann.stored[1] == "first line\nsecond line"


def test_a_message_that_is_refused_stays_with_its_reason_to_be_changed(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    ann.page.locator("#composer").evaluate("node => { node.value = 'nul \\u0000 here'; }")
    ann.page.locator("#composer").press("Enter")
    failed = ann.page.locator('[data-state="failed"]')
    expect(failed).to_contain_text("Not sent")
    expect(ann.page.locator("button.room-button .unsent-mark")).to_be_visible()
    ann.send_message("The next one is not held up")
    ann.expect_message("not held up")
    failed.locator('[data-action="edit"]').click()
    expect(failed).to_have_count(0)
    expect(ann.page.locator("#composer")).to_be_focused()
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
    expect(ann.page.locator(".unsent-state").first).to_contain_text("You are writing fast")
    ann.expect_message("fast 5")
    assert ann.stored == texts


def test_errors_of_the_forms_are_shown_beside_their_fields(new_person: NewPerson) -> None:
    ann = new_person("ann")
    eve = new_person("eve", registered=False)
    eve.ignored_errors = (*eve.ignored_errors, "409", "401")  # Chromium logs responses with an error status
    page = eve.page
    page.goto(eve.url)
    page.locator("#show-register").click()
    page.locator("#register-username").fill("x y")
    page.locator("#register-submit").click()
    expect(page.locator("#register-username-error")).to_contain_text("3 to 32")
    expect(page.locator("#register-email-error")).to_contain_text("email")
    expect(page.locator("#register-password-error")).to_contain_text("8 characters")
    expect(page.locator("#register-username")).to_be_focused()
    page.locator("#register-username").fill(ann.name.upper())
    page.locator("#register-email").fill("eve@example.test")
    page.locator("#register-password").fill("long enough for it")
    page.locator("#register-submit").click()
    expect(page.locator("#register-username-error")).to_contain_text("taken")
    page.locator("#show-login").click()
    page.locator("#login-name").fill(ann.name)
    page.locator("#login-password").fill("wrong password")
    page.locator("#login-submit").click()
    expect(page.locator("#login-error")).not_to_be_empty()


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
    expect(ann.page.locator("#welcome-text")).to_contain_text("Make the first one")
    expect(ann.page.locator("#welcome-find")).to_be_hidden()
    ann.make_room(room_name)
    bob = new_person("bob", at=server)
    expect(bob.page.locator("#welcome-text")).to_contain_text("Find one to join")
    expect(bob.page.locator("#welcome-find")).to_be_visible()

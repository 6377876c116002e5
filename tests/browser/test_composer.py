"""The message field: what is typed, completed, attached and commanded there, and the drafts that stay."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]
StartServer = Callable[..., ServerProcess]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92"
    "ef0000000049454e44ae426082"
)
PICTURE: Any = {"name": "dot.png", "mimeType": "image/png", "buffer": PNG}
TEXT: Any = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"some notes"}
PROGRAM: Any = {"name": "run.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x00\x01" * 20}
FULL_STORAGE = """() => {
    Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
}"""
MESSAGES = """async (roomId) => {
    const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
    const reply = await fetch(`/messages?roomId=${roomId}`, { headers: { Authorization: `Bearer ${accessToken}` } });
    return (await reply.json()).messages;
}"""


def stored(person: Person, room_id: str) -> list[dict[str, Any]]:
    """The messages of a room as the server has them."""
    messages: list[dict[str, Any]] = person.page.evaluate(MESSAGES, room_id)
    return messages


def wait_until_stored(person: Person, room_id: str, *, count: int) -> None:
    script = """async ([roomId, count]) => {
        const messages = %s;
        while ((await messages(roomId)).length < count) await new Promise((resolve) => setTimeout(resolve, 50));
    }"""
    person.page.evaluate(script % MESSAGES, [room_id, count])


def register(url: str, name: str) -> dict[str, Any]:
    """An account without a page, `{user, accessToken}`."""
    body = {"username": name, "email": f"{name}@example.test", "password": client.PASSWORD}
    found: dict[str, Any] = client.call(url, "POST", "/auth/register", body).json
    return found


def suggestions(page: Page) -> Any:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def attachments(page: Page) -> Any:
    return page.locator("main .composer").get_by_role("list", name="Attachments").get_by_role("listitem")


def choose_files(page: Page, *files: Any) -> None:
    page.locator("main input[type=file]").set_input_files(list(files))


def dispatch(page: Page, kind: str, *files: tuple[str, str]) -> None:
    """A paste or drop of text files, `(name, content)`, on the message field."""
    page.locator("main").get_by_role("textbox").evaluate(
        """(field, [kind, files]) => {
            const data = new DataTransfer();
            for (const [name, content] of files) data.items.add(new File([content], name, { type: "text/plain" }));
            const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
            const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
            field.dispatchEvent(new Kind(kind, options));
        }""",
        [kind, [list(one) for one in files]],
    )


# ---- typing ----------------------------------------------------------------------------------------------------------


def test_enter_sends_but_not_the_enter_that_confirms_an_input_methods_word(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    field = ann.composer
    field.click()
    session = ann.page.context.new_cdp_session(ann.page)
    session.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    expect(field).to_have_value("にほん")
    press = """(field, options) => void field.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...options }))"""
    field.evaluate(press, {"isComposing": True, "keyCode": 229})
    session.send("Input.insertText", {"text": "日本"})
    field.evaluate(press, {"keyCode": 229})  # Safari: the composition has ended before
    expect(field).to_have_value("日本")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    field.press("Enter")
    expect(field).to_have_value("")
    ann.expect_message("日本")
    assert [message["content"] for message in stored(ann, room_id)] == ["日本\ntwo"]


def test_a_message_over_the_limit_is_not_sent_and_the_counter_says_why(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    foot = ann.page.locator("main .composer").get_by_role("status")
    ann.composer.fill("😀" * 1990)
    expect(foot).to_have_text("10 characters left")
    ann.send_message("😀" * 2003)
    expect(foot).to_have_text("3 characters too many")
    expect(ann.composer).to_have_attribute("aria-invalid", "true")
    assert stored(ann, room_id) == []
    ann.send_message("😀" * 2000)
    ann.expect_message("😀")
    expect(foot).to_have_text("")


def test_marks_go_around_the_selection_and_undo_takes_them_back(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    field = ann.composer
    field.press_sequentially("some words")
    field.press("Control+a")
    for key, marked in (("b", "**some words**"), ("i", "***some words***")):
        field.press(f"Control+{key}")
        expect(field).to_have_value(marked)
    field.press("Control+i")
    expect(field).to_have_value("**some words**")
    field.press("Control+b")
    expect(field).to_have_value("some words")
    field.press("Control+e")
    expect(field).to_have_value("`some words`")
    field.press("Control+z")
    expect(field).to_have_value("some words")


def test_what_is_typed_while_nothing_has_the_focus_goes_into_the_field(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    page = ann.page
    ann.heading.click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+y")
    expect(ann.composer).not_to_be_focused()
    page.keyboard.type("hello")
    expect(ann.composer).to_have_value("hello")
    page.evaluate("document.activeElement.blur()")
    ann.choose(page.get_by_role("button", name="Add a room"), "New room")
    expect(ann.dialog).to_be_visible()
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    expect(ann.composer).to_have_value("hello")


def test_who_types_is_said_by_display_name_in_a_line_that_is_always_there(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    bob.join_room(room_name)
    line = ann.page.locator("[data-typing]")
    before = ann.composer.bounding_box()
    bob.composer.press_sequentially("Yes")
    expect(line).to_have_text(f"{bob.name} is typing…")
    assert ann.composer.bounding_box() == before
    bob.composer.press("Enter")
    ann.expect_message("Yes")
    expect(line).to_have_text("")


# ---- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_for_each_room_outlives_a_reload_and_ends_in_all_tabs_when_it_is_sent(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(f"{room_name} one")
    ann.composer.fill("of room one")
    ann.make_room(f"{room_name} two")
    expect(ann.composer).to_have_value("")
    ann.composer.fill("of room two")
    ann.room_button(f"{room_name} one").click()
    expect(ann.composer).to_have_value("of room one")
    ann.page.reload()
    expect(ann.composer).to_have_value("of room one")
    other = ann.page.context.new_page()
    other.goto(ann.page.url)
    field = other.locator("main").get_by_role("textbox")
    expect(field).to_have_value("of room one")
    field.fill("sent from here")
    expect(ann.composer).to_have_value("sent from here")
    field.press("Enter")
    expect(field).to_have_value("")
    expect(ann.composer).to_have_value("")
    ann.room_button(f"{room_name} two").click()
    expect(ann.composer).to_have_value("of room two")


def test_nothing_of_a_draft_stays_after_the_log_out(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    bob = new_person("bob", registered=False)
    register(bob.url, bob.name)
    ann.make_room(room_name)
    ann.composer.fill("for nobody else")
    ann.log_out()
    assert "for nobody else" not in ann.page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    for person in (bob, ann):
        ann.fill_login(person.name, client.PASSWORD)
        ann.expect_online()
        if person is bob:
            ann.join_room(room_name)
        else:
            ann.room_button(room_name).click()
        expect(ann.composer).to_have_value("")
        ann.log_out()


def test_where_the_storage_is_full_drafts_live_as_long_as_the_page(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(f"{room_name} one")
    ann.page.evaluate(FULL_STORAGE)
    ann.composer.fill("kept")
    ann.make_room(f"{room_name} two")
    ann.room_button(f"{room_name} one").click()
    expect(ann.composer).to_have_value("kept")
    ann.composer.press("Enter")
    ann.expect_message("kept")


def test_a_thread_has_a_draft_of_its_own_that_outlives_a_reload(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    ann.send_message("root")
    ann.expect_message("root")
    ann.composer.fill("of the room")
    ann.message("root").hover()
    ann.message("root").get_by_role("button", name="Reply in a thread").click()
    field = ann.panel.get_by_role("textbox", name="Reply in the thread")
    field.fill("of the thread")
    ann.page.reload()
    expect(field).to_have_value("of the thread")
    expect(ann.composer).to_have_value("of the room")
    field.press("Enter")
    expect(ann.panel.locator(".content", has_text="of the thread")).to_be_visible()
    expect(ann.composer).to_have_value("of the room")
    root = stored(ann, room_id)[0]
    wait_until_stored(ann, room_id, count=2)
    assert stored(ann, room_id)[1]["threadId"] == root["id"]


def test_an_upload_ends_with_the_session(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    ann.page.route("**/files", lambda _: None)
    choose_files(ann.page, TEXT)
    expect(ann.page.get_by_role("progressbar")).to_be_visible()
    with ann.page.expect_event("requestfailed", lambda request: request.url.endswith("/files")):
        ann.log_out()


# ---- suggestions -----------------------------------------------------------------------------------------------------


def test_an_at_sign_completes_members_whom_the_page_has_never_seen_and_the_keyboard_chooses(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    ids = {}
    for name in ("dora", "dorothy"):
        one = register(ann.url, ann.name.replace("ann", name))
        ids[name] = one["user"]["id"]
        assert ann.call("POST", f"/rooms/{room_id}/members", {"userId": ids[name]}) in {200, 201}
    ann.page.reload()
    field = ann.composer
    field.press_sequentially("Ask @DO")
    expect(suggestions(ann.page)).to_have_count(2)
    expect(field).to_have_attribute("aria-activedescendant", re.compile("-0$"))
    field.press("ArrowDown")
    selected = ann.page.get_by_role("option", selected=True)
    expect(selected).to_contain_text("dorothy")
    assert selected.get_attribute("id") == field.get_attribute("aria-activedescendant")
    field.press("Tab")
    dorothy = ann.name.replace("ann", "dorothy")
    expect(field).to_have_value(f"Ask @{dorothy} ")
    expect(suggestions(ann.page)).to_have_count(0)
    field.press_sequentially("or @do")
    expect(suggestions(ann.page)).to_have_count(2)
    field.press("Escape")
    expect(suggestions(ann.page)).to_have_count(0)
    field.press_sequentially(", @room")
    expect(suggestions(ann.page)).to_contain_text("Everybody in this room")
    field.press("Enter")
    ann.expect_message("Ask")
    assert sorted(stored(ann, room_id)[0]["mentions"]) == sorted([ids["dorothy"], "room"])


def test_names_typed_by_hand_mention_members_and_nobody_else(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    dora = register(ann.url, ann.name.replace("ann", "dora"))["user"]
    stranger = register(ann.url, ann.name.replace("ann", "stranger"))["user"]
    assert ann.call("POST", f"/rooms/{room_id}/members", {"userId": dora["id"]}) in {200, 201}
    ann.page.reload()
    ann.expect_in_room()
    ann.send_message(f"@{dora['username'].upper()}. and @{stranger['username']}, `@{ann.name}`")
    ann.send_message("right behind it")
    ann.expect_message("right behind it")
    first, second = stored(ann, room_id)
    assert first["mentions"] == [dora["id"]]
    assert second["content"] == "right behind it"


def test_a_message_that_waits_for_who_is_mentioned_is_shown_as_being_sent(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    dora = register(ann.url, ann.name.replace("ann", "dora"))["user"]
    assert ann.call("POST", f"/rooms/{room_id}/members", {"userId": dora["id"]}) in {200, 201}
    foot = ann.page.locator("main .composer").get_by_role("status")
    asked: list[Route] = []
    ann.page.route(f"**/rooms/{room_id}/members?q=*", lambda route: asked.append(route))
    ann.page.reload()
    ann.expect_in_room()
    ann.send_message(f"Is @{dora['username']} here?")
    expect(foot).to_have_text("Sending…")
    for route in asked:
        route.continue_()
    ann.expect_message(f"Is @{dora['username']} here?")
    expect(foot).to_have_text("")


def test_emoji_are_completed_replaced_and_picked(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    field = ann.composer
    field.press_sequentially("Good :tad")
    expect(suggestions(ann.page).first).to_contain_text(":tada:")
    field.press("Enter")
    expect(field).to_have_value("Good 🎉 ")
    field.press_sequentially(":tada:")
    expect(field).to_have_value("Good 🎉 🎉")
    field.press("Control+z")
    expect(field).to_have_value("Good 🎉 :tada:")
    ann.page.locator("main .composer").get_by_role("button", name="Emoji").click()
    expect(ann.dialog).to_be_visible()
    ann.page.keyboard.press("Escape")
    expect(ann.dialog).to_have_count(0)


def test_suggestions_that_cannot_be_loaded_say_so_and_retry(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "ERR_FAILED")
    ann.make_room(room_name)
    ann.page.route("**/*completion*", lambda route: route.abort())
    ann.composer.press_sequentially("/")
    expect(ann.toasts).to_contain_text("could not be loaded")
    ann.page.unroute("**/*completion*")
    ann.toasts.get_by_role("button", name="Retry").click()
    ann.composer.press_sequentially("s")
    expect(suggestions(ann.page).first).to_contain_text("/shrug")


# ---- commands --------------------------------------------------------------------------------------------------------


def test_commands_are_offered_and_carried_out(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    ann.composer.press_sequentially("/")
    expect(suggestions(ann.page).filter(has_text="/topic")).to_be_visible()
    ann.composer.press_sequentially("to")
    ann.composer.press("Enter")
    expect(ann.composer).to_have_value("/topic ")
    ann.composer.press_sequentially("Tea and bread")
    ann.composer.press("Enter")
    expect(ann.page.locator("main header")).to_contain_text("Tea and bread")
    ann.send_message(f"/invite @{bob.name}")
    expect(bob.room_button(room_name)).to_be_visible()
    ann.send_message("/me waves")
    ann.send_message("//etc")
    ann.send_message("/shrug")
    ann.expect_message("(ツ)")
    contents = [message["content"] for message in stored(ann, room_id)]
    assert contents == ["*waves*", "/etc", "¯\\_(ツ)_/¯"]
    ann.send_message("/nothing like it")
    notice = ann.page.get_by_role("alert").filter(has_text="There is no command /nothing.")
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Send as text").click()
    ann.expect_message("/nothing like it")
    expect(notice).to_have_count(0)
    ann.send_message("/topic")
    ann.send_message("/mute soon")
    expect(ann.page.get_by_role("alert").filter(has_text="minutes")).to_be_visible()
    expect(ann.composer).to_have_value("/mute soon")
    ann.send_message("/status At lunch")
    expect(ann.own_line).to_contain_text("At lunch")
    ann.send_message("/search waves")
    expect(ann.page).to_have_url(re.compile("panel=search&id=waves"))
    ann.send_message(f"/dm @{bob.name} Just you")
    expect(ann.heading).to_have_text(bob.name)
    ann.expect_message("Just you")


# ---- replies ---------------------------------------------------------------------------------------------------------


def test_a_reply_is_shown_above_the_field_and_escape_ends_it(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    ann.send_message("first line\nsecond line")
    ann.expect_message("first line")
    page = ann.page
    for attempt in range(2):
        ann.message("first line").hover()
        ann.message("first line").get_by_role("button", name=re.compile("^Reply$")).click()
        chip = page.locator(".composer-reply")
        expect(chip).to_contain_text(f"Replying to {ann.name}: first line")
        expect(ann.composer).to_be_focused()
        if attempt == 0:
            page.keyboard.press("Escape")
            expect(chip).to_have_count(0)
    ann.send_message("Yes")
    ann.expect_message("Yes")
    first, second = stored(ann, room_id)
    assert second["replyToId"] == first["id"]
    expect(page.locator(".composer-reply")).to_have_count(0)
    ann.composer.press("ArrowUp")
    expect(page.get_by_role("textbox", name="Edit the message")).to_have_value("Yes")


# ---- files -----------------------------------------------------------------------------------------------------------


def test_files_are_chosen_pasted_and_dropped_and_sent_with_a_message(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "401")  # the session came without the cookie for files
    room_id = ann.make_room(room_name)
    page = ann.page
    choose_files(page, PICTURE, TEXT)
    expect(attachments(page)).to_have_count(2)
    expect(attachments(page).first.locator("img")).to_have_js_property("naturalWidth", 1)
    dispatch(page, "paste", ("pasted.txt", "one"))
    overlay = page.get_by_text("Drop files here")
    dispatch(page, "dragenter", ("dropped.txt", "two"))
    expect(overlay).to_be_visible()
    dispatch(page, "drop", ("dropped.txt", "two"), ("more.txt", "three"))
    expect(overlay).to_have_count(0)
    expect(page.locator('.upload[data-state="done"]')).to_have_count(5)
    attachments(page).filter(has_text="more.txt").get_by_role("button", name="Remove").click()
    ann.send_message("Here they are")
    ann.expect_message("Here they are")
    (message,) = stored(ann, room_id)
    assert [file["name"] for file in message["attachments"]] == ["dot.png", "notes.txt", "pasted.txt", "dropped.txt"]
    expect(attachments(page)).to_have_count(0)
    choose_files(page, *[{**TEXT, "name": f"{number}.txt"} for number in range(12)])
    expect(attachments(page)).to_have_count(10)
    expect(ann.toasts).to_contain_text("2 left out")
    ann.page.reload()
    ann.expect_in_room()


def test_a_file_that_the_server_does_not_take_says_so_before_the_message_is_sent(
    new_person: NewPerson, start_server: StartServer, room_name: str
) -> None:
    ann = new_person("ann", at=start_server(MAX_FILE_SIZE="1000"))
    ann.ignored_errors = (*ann.ignored_errors, "413", "415")
    room_id = ann.make_room(room_name)
    choose_files(ann.page, PROGRAM, {**TEXT, "name": "long.txt", "buffer": b"long " * 1000})
    expect(attachments(ann.page).nth(0)).to_contain_text("Only ")
    expect(attachments(ann.page).nth(1)).to_contain_text("Too large")
    ann.send_message("With them?")
    expect(ann.composer).to_have_value("With them?")
    for _ in range(2):
        attachments(ann.page).first.get_by_role("button", name="Remove").click()
    ann.composer.press("Enter")
    ann.expect_message("With them?")
    assert stored(ann, room_id)[0]["attachments"] == []


def test_a_message_waits_for_its_files_in_another_room_too_and_a_failure_keeps_it(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "500")
    page = ann.page
    room_id = ann.make_room(f"{room_name} one")
    ann.make_room(f"{room_name} two")
    ann.room_button(f"{room_name} one").click()
    expect(ann.heading).to_have_text(f"{room_name} one")  # the field is that room's from then on
    held: list[Any] = []
    page.route("**/files", lambda route: held.append(route))
    choose_files(page, TEXT)
    expect(page.get_by_role("progressbar")).to_be_visible()
    ann.send_message("With notes")
    queued = page.get_by_text("Sends when uploaded")
    expect(queued).to_be_visible()
    held.pop().fulfill(status=500, json={"error": {"code": "internal", "message": "Broken."}})
    expect(attachments(page)).to_contain_text("Broken.")
    expect(queued).to_have_count(0)
    ann.composer.press("Enter")
    notice = page.locator("main .composer-notice")
    expect(notice).to_contain_text("A file was not uploaded")
    expect(ann.composer).to_have_value("With notes")
    attachments(page).get_by_role("button", name="again").press("Enter")
    expect(ann.composer).to_be_focused()  # and not the button that removes the file
    ann.composer.press("Enter")
    expect(notice).to_have_count(0)
    expect(queued).to_be_visible()
    ann.room_button(f"{room_name} two").click()
    expect(queued).to_have_count(0)
    expect(attachments(page)).to_have_count(0)
    held.pop().continue_()
    wait_until_stored(ann, room_id, count=1)
    (message,) = stored(ann, room_id)
    assert (message["content"], message["attachments"][0]["name"]) == ("With notes", "notes.txt")
    ann.room_button(f"{room_name} one").click()
    expect(ann.composer).to_have_value("")


def test_a_file_without_a_text_is_sent_under_its_name_and_an_upload_can_be_cancelled(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    page = ann.page
    held: list[Any] = []
    page.route("**/files", lambda route: held.append(route))
    choose_files(page, PICTURE)
    attachments(page).get_by_role("button", name="Cancel dot.png").click()
    expect(attachments(page)).to_have_count(0)
    page.unroute("**/files")
    choose_files(page, TEXT)
    expect(page.locator('.upload[data-state="done"]')).to_have_count(1)
    ann.composer.press("Enter")
    expect(attachments(page)).to_have_count(0)
    wait_until_stored(ann, room_id, count=1)
    assert stored(ann, room_id)[0]["content"] == "notes.txt"
    expect(ann.timeline.locator('article[data-state="stored"]')).to_contain_text("notes.txt")
    expect(ann.timeline.locator(".content")).to_have_count(0)
    # The room's files are in a panel, each to be opened.
    ann.choose_of_room("Files")
    found = ann.panel.get_by_role("list", name="Attachments").get_by_role("link")
    expect(found).to_contain_text("notes.txt")
    expect(found).to_have_attribute("download", "notes.txt")
    expect(ann.panel.locator(".found-text")).to_have_count(0)


# ---- where nothing can be written ------------------------------------------------------------------------------------


def test_a_muted_member_and_an_archived_room_show_why_nothing_can_be_written(
    new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.join_room(room_name)
    bob.composer.fill("half a th")
    bob_id = bob.page.evaluate("JSON.parse(localStorage.getItem('chat.session')).user.id")
    member = f"/rooms/{room_id}/members/{bob_id}"
    assert ann.call("PATCH", member, {"mutedUntil": "2126-01-01T00:00:00.000Z"}) == 200
    expect(bob.page.get_by_text("You are muted in this room")).to_be_visible()
    expect(bob.composer).to_have_count(0)
    assert ann.call("PATCH", member, {"mutedUntil": None}) == 200
    expect(bob.composer).to_have_value("half a th")
    assert ann.call("PATCH", f"/rooms/{room_id}", {"archived": True}) == 200
    for person in (ann, bob):
        expect(person.page.get_by_text("This room is archived")).to_be_visible()


def test_slow_mode_counts_down_and_keeps_what_is_written_meanwhile(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    bob.join_room(room_name)
    assert ann.call("PATCH", f"/rooms/{room_id}", {"slowModeS": 3600}) == 200
    foot = bob.page.locator("main .composer").get_by_role("status")
    expect(foot).to_have_text("Slow mode: a message each 60 min")
    bob.send_message("one")
    bob.expect_message("one")
    expect(foot).to_have_text(re.compile("Slow mode: again in (60|59) min"))
    bob.send_message("two")
    expect(bob.composer).to_have_value("two")
    assert ann.call("PATCH", f"/rooms/{room_id}", {"slowModeS": 0}) == 200
    expect(foot).to_have_text("")
    bob.composer.press("Enter")
    bob.expect_message("two")

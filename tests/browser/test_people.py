"""The people panel: who is shown, how others are found, and what an answer that comes late does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def serve_small_pages(page: Page, limit: int) -> None:
    """The page asks for this many members at once, so that a few people fill several pages."""

    def ask_for_less(route: Route) -> None:
        route.continue_(url=re.sub(r"limit=\d+", f"limit={limit}", route.request.url))

    page.route("**/members?*", ask_for_less)


def hold(page: Page, is_held: Callable[[str], bool]) -> list[Route]:
    """Requests to the URLs that are chosen so wait here until the test lets them go."""
    held: list[Route] = []
    page.route(is_held, lambda route: held.append(route))
    return held


def add_member(server: ServerProcess, room_id: str, name: str, display_name: str | None = None) -> client.Person:
    """A member who is not online, with a user name that begins so."""
    person = client.register(server.url, f"{name}-{secrets.token_hex(3)}")
    if display_name:
        assert person.call("PATCH", "/users/me", {"displayName": display_name}).status == 200
    person.join(room_id)
    return person


def test_a_search_finds_people_past_the_first_page_and_by_the_words_of_their_names(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    bea = add_member(server, room_id, "bea", "Beatrice Wyndham")
    zoe = add_member(server, room_id, "zoe")
    serve_small_pages(ann.page, 2)
    ann.open_panel("People")
    expect(ann.person("Beatrice Wyndham")).to_be_visible()
    expect(ann.person(zoe.username)).to_have_count(0)
    search = ann.panel.get_by_role("searchbox")
    search.fill(zoe.username.upper())
    expect(ann.person(zoe.username)).to_be_visible()
    expect(ann.panel.locator("[data-user-id]")).to_have_count(1)
    search.fill("wynd")
    expect(ann.panel.locator("[data-user-id]")).to_have_count(1)
    expect(ann.person("Beatrice Wyndham")).to_have_attribute("data-user-id", bea.id)
    search.fill("nobody-at-all")
    expect(ann.panel.get_by_role("status")).to_have_text("Nobody has such a name.")
    search.fill("")
    expect(ann.panel.locator("[data-user-id]")).to_have_count(2)
    ann.panel.get_by_role("button", name="Show more").click()
    expect(ann.person(zoe.username)).to_be_visible()
    expect(ann.panel.get_by_role("button", name="Show more")).to_have_count(0)


def test_rows_that_do_not_fit_a_query_go_at_once_and_a_late_page_of_an_earlier_query_adds_none(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    names = [add_member(server, room_id, name).username for name in ("kim", "kit", "kurt", "zoe")]
    serve_small_pages(ann.page, 2)
    ann.open_panel("People")
    expect(ann.person(names[0])).to_be_visible()
    search, people = ann.panel.get_by_role("searchbox"), ann.panel.locator("[data-user-id]")
    search.fill("k")
    expect(ann.person(names[1])).to_be_visible()
    more = hold(ann.page, lambda url: "cursor" in query_of(url))
    zoes = hold(ann.page, lambda url: query_of(url).get("q") == "z")
    with ann.page.expect_request(lambda request: "cursor" in query_of(request.url)):
        ann.panel.get_by_role("button", name="Show more").click()
    with ann.page.expect_request(lambda request: query_of(request.url).get("q") == "z"):
        search.fill("z")
    expect(people).to_have_count(0)
    expect(ann.panel.get_by_role("status")).to_have_text("Searching…")
    with ann.page.expect_response(lambda response: "cursor" in query_of(response.url)):
        more[0].continue_()
    zoes[0].continue_()
    expect(ann.person(names[3])).to_be_visible()
    search.fill("")
    expect(people).to_have_count(2)
    expect(ann.person(names[2])).to_have_count(0)


def test_two_people_of_one_name_can_be_told_apart_wherever_one_of_them_is_meant(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    sams = [add_member(server, room_id, name, "Sam Oak") for name in ("sam", "sammy")]
    ann.open_panel("People")
    for sam in sams:
        row = ann.panel.locator(f'[data-user-id="{sam.id}"]')
        expect(row).to_contain_text(f"Sam Oak @{sam.username}")
    ann.panel.get_by_role("searchbox").fill(sams[1].username)
    expect(ann.panel.locator("[data-user-id]")).to_have_count(1)
    expect(ann.person(f"@{sams[1].username}")).to_be_visible()
    whole = f"Sam Oak (@{sams[1].username})"
    ann.choose(ann.panel.get_by_role("button", name=f"Moderate {whole}"), "Remove")
    expect(ann.dialog).to_contain_text(f"Remove {whole}?")
    ann.dialog.get_by_role("button", name="Remove").click()
    expect(ann.panel.locator("[data-user-id]")).to_have_count(0)
    ann.panel.get_by_role("searchbox").fill("")
    expect(ann.person("Sam Oak")).to_have_attribute("data-user-id", sams[0].id)


def test_two_people_of_one_name_can_be_told_apart_in_bans_and_reports(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    sams = [add_member(server, room_id, name, "Sam Oak") for name in ("sam", "sammy")]
    for sam in sams:
        rude = add_member(server, room_id, "rude", "Kim Elm")
        message = rude.post(room_id, "Something rude")
        assert sam.call("POST", f"/messages/{message['id']}/report", {"reason": "Rude"}).status == 204
        assert ann.call("PATCH", f"/rooms/{room_id}/members/{sam.id}", {"role": "moderator"}) == 200
        banned = add_member(server, room_id, "banned")
        assert sam.call("POST", f"/rooms/{room_id}/bans/{banned.id}", {}).status < 300
    ann.choose_of_room("Reports")
    reports = ann.panel.get_by_role("listitem")
    for sam in sams:
        expect(reports.filter(has_text=f"reported by Sam Oak @{sam.username},")).to_have_count(1)
    reports.first.get_by_role("button", name="Mute").click()
    expect(ann.page.get_by_role("dialog", name=f"Mute Kim Elm (@{rude.username})")).to_be_visible()
    ann.page.keyboard.press("Escape")
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_role("button", name="Bans").click()
    for sam in sams:
        expect(ann.dialog.get_by_role("listitem").filter(has_text=f"by Sam Oak @{sam.username},")).to_have_count(1)


def test_a_person_who_joins_and_one_who_goes_are_shown_without_a_reload(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    ann.open_panel("People")
    expect(ann.people("here")).to_have_count(1)
    bob.join_room(room_name)
    expect(ann.people("here").filter(has_text=bob.name)).to_be_visible()
    expect(ann.panel.get_by_role("button", name=f"Moderate {bob.name}")).to_be_visible()
    bob.page.close()
    expect(ann.people("others").filter(has_text=bob.name)).to_be_visible()
    expect(ann.people("here")).to_have_count(1)


def test_who_goes_offline_stays_in_a_list_of_which_one_page_is_loaded(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, zoe = new_person("ann"), new_person("zoe")
    room_id = ann.make_room(room_name)
    for _ in range(2):
        add_member(server, room_id, "aaa")
    zoe.join_room(room_name)
    serve_small_pages(ann.page, 2)
    ann.open_panel("People")
    expect(ann.panel.get_by_role("button", name="Show more")).to_be_visible()
    expect(ann.people("here").filter(has_text=zoe.name)).to_be_visible()
    zoe.page.close()
    expect(ann.people("here")).to_have_count(1)
    expect(ann.people("others").filter(has_text=zoe.name)).to_contain_text("Offline")
    ann.panel.get_by_role("button", name="Show more").click()
    expect(ann.panel.get_by_role("button", name="Show more")).to_have_count(0)
    expect(ann.people("others").filter(has_text=zoe.name)).to_have_count(1)


def test_the_number_of_members_follows_who_joins(server: ServerProcess, new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    room_id = ann.make_room(room_name)
    add_member(server, room_id, "offline")
    title = ann.page.locator(".room-title p")
    ann.page.reload()
    expect(title).to_have_text("2 members")
    hold(ann.page, lambda url: query_of(url).get("mine") == "true")  # the list of rooms, which is read each minute
    bob.join_room(room_name)
    expect(title).to_have_text("3 members")
    ann.open_panel("People")
    expect(ann.people("others")).to_have_count(1)
    add_member(server, room_id, "another")  # nobody is told of who is not online, until something else changes
    assert ann.call("PATCH", f"/rooms/{room_id}", {"description": "Tea"}) == 200
    expect(title).to_have_text("4 members · Tea")
    expect(ann.people("others")).to_have_count(2)
    add_member(server, room_id, "third")
    ann.page.keyboard.press("Escape")
    ann.open_panel("People")
    expect(ann.people("others")).to_have_count(3)
    expect(title).to_have_text("5 members · Tea")


def test_a_profile_shows_the_role_of_a_person_whose_name_others_begin_with(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    room_id = ann.make_room(room_name)
    kim = add_member(server, room_id, "kim")
    for ending in ("-", ".a", "0", "_", "a"):
        client.register(server.url, f"{kim.username}{ending}").join(room_id)
    assert ann.call("PATCH", f"/rooms/{room_id}/members/{kim.id}", {"role": "moderator"}) == 200
    ann.page.goto(f"{ann.url}/#room={room_id}&panel=profile&id={kim.id}")
    expect(ann.panel).to_contain_text("moderator of this room")
    expect(ann.panel.get_by_role("button", name="Moderate")).to_be_visible()


def test_what_came_of_a_try_to_join_stays_when_a_search_is_answered_later(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    owner = client.register(server.url, f"owner-{secrets.token_hex(3)}")
    room = owner.make_room(name=room_name, maxUsers=2)
    add_member(server, room["id"], "second")
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "status of 409")
    ann.choose(ann.page.get_by_role("button", name="Add a room"), "Find rooms")
    search, status = ann.dialog.get_by_role("searchbox"), ann.dialog.get_by_role("status")
    join = ann.dialog.get_by_role("button", name=f"Join {room_name}")
    search.fill(room_name)
    expect(status).to_be_empty()
    expect(ann.dialog.get_by_role("listitem")).to_have_count(1)
    held = hold(ann.page, lambda url: query_of(url).get("q") == room_name[:-1])
    with ann.page.expect_request(lambda request: query_of(request.url).get("q") == room_name[:-1]):
        search.fill(room_name[:-1])
    expect(status).to_have_text("Searching…")
    join.click()
    expect(status).to_contain_text("full")
    with ann.page.expect_response(lambda response: query_of(response.url).get("q") == room_name[:-1]):
        held[0].continue_()
    expect(join).to_be_enabled()
    expect(status).to_contain_text("full")
    search.fill("nobody has made such a room")
    expect(status).to_have_text("No room has such a name. You can make one: New room.")


def test_what_came_of_an_invitation_stays_and_a_search_that_fails_can_be_tried_again(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "net::ERR_FAILED")
    bea = client.register(server.url, f"bea-{secrets.token_hex(3)}").username
    bob = client.register(server.url, f"bob-{secrets.token_hex(3)}")
    assert bob.call("PATCH", "/users/me", {"displayName": "Robert"}).status == 200
    ann.make_room(room_name, private=True)
    ann.open_panel("People")
    ann.panel.get_by_role("button", name="Invite people").click()
    search, status = ann.dialog.get_by_role("searchbox"), ann.dialog.get_by_role("status")
    ann.page.route(lambda url: query_of(url).get("q") == bea, lambda route: route.abort(), times=1)
    search.fill(bea)
    status.get_by_role("button", name="Retry").click()
    invite = ann.dialog.get_by_role("button", name=f"Invite {bea}")
    expect(invite).to_be_visible()

    held = hold(ann.page, lambda url: query_of(url).get("q") == bea[:-1])
    with ann.page.expect_request(lambda request: query_of(request.url).get("q") == bea[:-1]):
        search.fill(bea[:-1])
    ann.page.route("**/invites", lambda route: route.abort())
    ann.dialog.get_by_role("button", name="Make an invite link").click()
    expect(status).to_have_text("The server cannot be reached.")
    with ann.page.expect_response(lambda response: query_of(response.url).get("q") == bea[:-1]):
        held[0].continue_()
    invite.click()
    expect(status).to_have_text(f"{bea} is now in {room_name}.")
    expect(invite).to_be_disabled()
    ann.search_in_dialog(bob.username)
    ann.dialog.get_by_role("button", name="Invite Robert").click()
    expect(status).to_have_text(f"Robert (@{bob.username}) is now in {room_name}.")


def test_what_is_written_from_right_to_left_begins_in_a_list_where_the_others_do(new_person: NewPerson) -> None:
    name = f"דנה {secrets.token_hex(3)} שלום"
    bob = new_person("bob")
    assert bob.call("PATCH", "/users/me", {"displayName": name}) == 200
    assert bob.call("POST", "/rooms", {"name": name}) == 201
    bob.choose(bob.own_line, "Set a status")
    bob.dialog.get_by_label("A few words").fill("בפגישה עד מחר")
    bob.dialog.get_by_role("button", name="Save").click()
    ann = new_person("ann")
    page = ann.page
    begins = """(node) => {
        const text = document.createRange();
        text.selectNodeContents(node);
        return text.getBoundingClientRect().left - node.parentElement.getBoundingClientRect().left;
    }"""

    def expect_at_the_begin(*texts: Locator) -> None:
        for text in texts:
            expect(text).to_be_visible()
            assert abs(text.evaluate(begins)) < 2, text

    expect_at_the_begin(bob.room_button(name).locator(".room-name"), bob.own_line.locator("small"))
    ann.choose(page.get_by_role("button", name="Add a room"), "Find rooms")
    ann.dialog.get_by_role("searchbox").fill(name)
    expect(ann.dialog.get_by_role("listitem")).to_have_count(1)
    expect_at_the_begin(ann.dialog.locator(".result b"), ann.dialog.locator(".result small"))
    ann.dialog.get_by_role("button", name=f"Join {name}").click()
    expect(ann.heading).to_have_text(name)
    ann.open_panel("People")
    expect_at_the_begin(ann.person(name).locator("bdi"), ann.person(name).locator("small", has_text="בפגישה"))
    ann.choose_of_room("Invite")
    ann.dialog.get_by_role("searchbox").fill(name)
    expect(ann.dialog.get_by_role("listitem")).to_have_count(1)
    expect_at_the_begin(ann.dialog.locator(".result b"))


def test_who_is_a_member_already_is_marked_so_instead_of_invited(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    tag = secrets.token_hex(3)
    bea, bob, cid = (client.register(server.url, f"{name}-{tag}") for name in ("bea", "bob", "cid"))
    for person, name in ((bea, f"Zoe {tag}"), (bob, f"Zoe {tag}")):
        assert person.call("PATCH", "/users/me", {"displayName": name}).status == 200
    room_id = ann.make_room(room_name)
    assert bob.call("POST", f"/rooms/{room_id}/join").status == 200
    dialog = ann.dialog
    search, row = dialog.get_by_role("searchbox"), dialog.locator("li[data-user-id]")

    def look_for_members() -> None:
        ann.choose_of_room("Invite people")
        search.fill(f"Zoe {tag}")  # a display name, by which members are not listed
        expect(row).to_have_count(2)
        expect(row.filter(has_text=bob.username)).to_contain_text("Member")
        expect(row.filter(has_text=bob.username).get_by_role("button")).to_have_count(0)
        expect(row.filter(has_text=bea.username).get_by_role("button", name="Invite")).to_be_enabled()
        search.fill(bob.username.upper())
        expect(row).to_have_count(1)
        expect(row).to_contain_text("Member")
        search.fill(cid.username)
        expect(row.get_by_role("button", name=f"Invite {cid.username}")).to_be_enabled()
        ann.page.keyboard.press("Escape")

    look_for_members()
    ann.page.route(  # as if there were more members than one page has
        re.compile(r"/members\?"),
        lambda route: route.continue_(url=route.request.url.replace("limit=100", "limit=1")),
    )
    look_for_members()
    ann.choose_of_room("Invite people")
    search.fill(cid.username)
    expect(row).to_have_count(1)
    dialog.get_by_role("button", name=f"Invite {cid.username}").click()
    expect(dialog.get_by_role("status")).to_contain_text("is now in")
    expect(row.get_by_role("button")).to_have_text("Invited")

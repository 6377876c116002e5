"""What was last seen is shown without a network, what is written is sent later, and nothing stays after a logout."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess
from tests.support.waiting import poll

NewPerson = Callable[..., Person]
StartServer = Callable[..., ServerProcess]

# All that the browser holds of the server's origin, as one text.
STORED = """async () => {
  const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })];
  const asked = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  for (const { name } of await indexedDB.databases()) {
    const database = await asked(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const all = database.transaction(store).objectStore(store);
      found.push(JSON.stringify([name, await asked(all.getAllKeys())]));
      found.push(JSON.stringify(await asked(database.transaction(store).objectStore(store).getAll())));
    }
    database.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const reply = await cache.match(request);
      found.push(request.url + [...request.headers].join() + (await reply.text()));
    }
  }
  return found.join("\\n");
}"""
SHELL_KEPT = "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"


def stored(page: Page) -> str:
    return str(page.evaluate(STORED))


def wait_until_stored(page: Page, text: str) -> None:
    poll(lambda: page.evaluate(f"async (text) => (await ({STORED})()).includes(text)", text))


def wait_until_gone(page: Page, *texts: str) -> None:
    gone = f"async (texts) => {{ const all = await ({STORED})(); return !texts.some((one) => all.includes(one)); }}"
    poll(lambda: page.evaluate(gone, list(texts)))


@pytest.fixture
def ann(new_person: NewPerson, start_server: StartServer) -> tuple[Person, ServerProcess]:
    server = start_server()
    return new_person("ann", at=server, service_workers="allow"), server


def test_a_page_that_starts_without_the_server_shows_what_was_seen_and_sends_later_what_is_written(
    ann: tuple[Person, ServerProcess], room_name: str
) -> None:
    person, server = ann
    page = person.page
    person.make_room(f"Quiet {room_name}")
    room_id = person.make_room(room_name)
    person.send_message("seen before")
    person.expect_message("seen before")
    wait_until_stored(page, "seen before")
    poll(lambda: page.evaluate(SHELL_KEPT))
    server.stop()

    page.close()
    again = person.page = page.context.new_page()
    again.goto(f"{server.url}/#room={room_id}")
    person.expect_message("seen before")
    expect(person.room_button(f"Quiet {room_name}")).to_be_visible()
    expect(again.get_by_role("status").filter(has_text="Cannot reach the server")).to_contain_text("is kept")
    person.send_message("written without a server")
    expect(person.message("written without a server")).to_have_attribute("data-state", "waiting")
    again.reload()
    expect(person.message("written without a server")).to_have_attribute("data-state", "waiting")

    server.start()
    person.expect_message("written without a server")
    assert person.stored == ["seen before", "written without a server"]
    server.kill()
    expect(person.banner).to_contain_text("The connection was lost.")


def test_after_a_logout_nothing_of_what_was_seen_is_left(ann: tuple[Person, ServerProcess], room_name: str) -> None:
    person, _ = ann
    person.make_room(room_name)
    person.send_message("a secret of mine")
    person.expect_message("a secret of mine")
    person.composer.fill("half a sentence")
    wait_until_stored(person.page, "a secret of mine")
    session = person.page.evaluate("JSON.parse(localStorage.getItem('chat.session'))")
    tokens = [session["accessToken"], session["refreshToken"]]
    other = person.page.context.new_page()  # another tab, in which nothing is pressed
    other.goto(person.url)
    expect(other.locator("html")).to_have_attribute("data-link", "online")
    assert tokens[0] in stored(person.page)

    person.log_out()
    expect(other.get_by_role("form", name="Log in")).to_be_visible()
    for page in (person.page, other):
        wait_until_gone(page, "a secret of mine", "half a sentence", room_name, *tokens, session["user"]["id"])
    person.page.close()
    other.reload()
    expect(other.get_by_role("form", name="Log in")).to_be_visible()
    assert room_name not in stored(other)


def test_a_session_that_ended_while_no_page_was_open_leaves_nothing(
    ann: tuple[Person, ServerProcess], room_name: str
) -> None:
    person, server = ann
    context = person.page.context
    person.make_room(room_name)
    person.send_message("seen in time")
    person.expect_message("seen in time")
    wait_until_stored(person.page, "seen in time")
    session = person.page.evaluate("JSON.parse(localStorage.getItem('chat.session'))")
    person.page.close()
    reply = client.call(server.url, "POST", "/auth/logout", token=session["accessToken"])
    assert reply.status == 204, reply.body

    page = context.new_page()
    page.goto(server.url)
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    wait_until_gone(page, "seen in time", room_name, session["refreshToken"])


def test_a_page_without_a_session_and_that_of_another_user_delete_what_was_kept(
    ann: tuple[Person, ServerProcess], new_person: NewPerson, room_name: str
) -> None:
    person, server = ann
    context = person.page.context
    person.make_room(room_name)
    wait_until_stored(person.page, room_name)
    person.page.goto(f"{server.url}/docs")
    person.page.evaluate("localStorage.removeItem('chat.session')")
    fresh = context.new_page()
    fresh.goto(server.url)
    expect(fresh.get_by_role("form", name="Log in")).to_be_visible()
    wait_until_gone(fresh, room_name)

    put = """([key, text]) => new Promise((resolve, reject) => {
        const request = indexedDB.open("chat.last-seen");
        request.onsuccess = () => {
            const transaction = request.result.transaction("snapshots", "readwrite");
            transaction.objectStore("snapshots").put(text, key);
            transaction.oncomplete = () => { request.result.close(); resolve(); };
            transaction.onabort = () => reject(transaction.error);
        };
        request.onerror = () => reject(request.error);
    })"""
    fresh.evaluate(put, ["0-another-user", f'{{"version": 1, "name": "{room_name}"}}'])
    fresh.evaluate(put, ["~another-user", f'{{"version": 1, "name": "{room_name}"}}'])
    bob = new_person("bob", at=server, context=context)
    wait_until_gone(bob.page, room_name)
    expect(bob.own_line).to_contain_text(bob.name)


@pytest.mark.parametrize(
    "storage",
    [
        "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError'); } })",
        "Object.defineProperty(window, 'indexedDB', { value: undefined })",
        "IDBFactory.prototype.open = () => ({})",
        "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); }",
        "IDBObjectStore.prototype.get = function () { return this.count(); }",
    ],
    ids=["forbidden", "missing", "never opens", "full", "broken"],
)
def test_without_a_database_the_page_works_as_with_one(
    storage: str, server: ServerProcess, new_person: NewPerson, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    context.add_init_script(storage)
    person = new_person("ann", context=context)
    person.make_room("Desk")
    person.send_message("hello")
    person.expect_message("hello")
    person.page.reload()
    person.expect_message("hello")
    person.log_out()

"""The client library alone: the session outlives its tokens, is shared by tabs, survives a full or blocked storage, and
leaves nothing behind when the client is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, CDPSession

from tests.browser.library_page import DOCUMENT, LibraryPage
from tests.support.client import PASSWORD, register
from tests.support.redis_proxy_thread import RedisProxyThread, proxy_thread_to
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

NewContext = Callable[..., BrowserContext]
NewLibraryPage = Callable[..., LibraryPage]
StartServer = Callable[..., ServerProcess]
EXPIRES_IN_S = "6"  # renewed after half of it

FILL_STORAGE = """
  // Chunks that get smaller, until not one character more fits.
  for (let size = 1 << 20, number = 0; size >= 1; ) {
    try { localStorage.setItem(`filling ${number++}`, "x".repeat(size)); } catch { size = Math.floor(size / 2); }
  }
"""
BLOCK_STORAGE = """
  Object.defineProperty(window, "localStorage", { get() { throw new DOMException("blocked", "SecurityError"); } });
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose access tokens soon expire."""
    with serving(tmp_path_factory.mktemp("shared") / "data", {"JWT_EXPIRES_IN": EXPIRES_IN_S}) as one:
        yield one


@pytest.fixture
def network(server: ServerProcess) -> Iterator[RedisProxyThread]:
    with proxy_thread_to(server.port) as proxy:
        yield proxy


def url_of(network: RedisProxyThread) -> str:
    return f"http://127.0.0.1:{network.env['REDIS_PORT']}"


def refreshes(context: BrowserContext) -> list[int]:
    """The statuses of the replies to refreshes, also of those to come."""
    statuses: list[int] = []
    context.on("response", lambda one: one.url.endswith("/auth/refresh") and statuses.append(one.status))
    return statuses


def logged(page: LibraryPage, event: str) -> list[dict[str, object]]:
    """The details of an event that the client has emitted."""
    script = "return chat.log.filter(([name]) => name === argument).map(([, detail]) => detail)"
    found: list[dict[str, object]] = page.run(script, event)
    return found


def test_the_token_is_renewed_again_and_again_on_the_same_connection(
    new_library_page: NewLibraryPage, new_context: NewContext
) -> None:
    context = new_context()
    page, statuses = new_library_page(context=context), refreshes(context)
    sockets: list[str] = []
    page.page.on("websocket", lambda one: sockets.append(one.url))
    page.register()
    first = page.run("return chat.tokens.read().expiresAt")
    page.until("chat.tokens.read().expiresAt > argument && Date.now() > argument", first + 1000)
    assert page.run("return chat.connection.state") == "online"
    assert (len(sockets), set(statuses)) == (1, {200})
    assert page.run("return (await chat.api.get('auth/profile')).user.username") == page.name


def test_two_tabs_whose_tokens_expired_offline_come_back_with_one_refresh_and_without_locks_with_two(
    new_library_page: NewLibraryPage, new_context: NewContext, network: RedisProxyThread
) -> None:
    context = new_context()
    first = new_library_page(url=url_of(network), context=context)
    second = new_library_page(url=url_of(network), context=context)
    first.register()
    room_id = first.make_room()
    second.resume()
    for has_locks in (True, False):
        if not has_locks:
            for tab in (first, second):
                tab.run("chat.close(); window.chat = make({ locks: null });")
                tab.resume()
        network.go_away()
        for tab in (first, second):
            tab.until("!chat.connection.isOnline && chat.tokens.read().expiresAt < Date.now()")
        first.send(room_id, [f"written offline {has_locks}"])
        network.come_back()
        for tab in (first, second):
            tab.run("chat.connection.wake()")
        for tab in (first, second):
            tab.until_online()
            assert logged(tab, "ended") == []
        first.until("chat.outbox.unsentCount === 0")
    second.run("await chat.open(argument)", room_id)
    assert second.held(room_id) == ["written offline True", "written offline False"]
    tokens = [tab.run("return chat.tokens.read().refreshToken") for tab in (first, second)]
    assert tokens[0] == tokens[1]


def test_two_tabs_share_settings_and_read_marks_and_end_together(
    new_library_page: NewLibraryPage, new_context: NewContext, server: ServerProcess
) -> None:
    context = new_context()
    first = new_library_page(context=context).register()
    second = new_library_page(context=context).resume()
    room_id, bob = first.make_room(), register(server.url)
    bob.join(room_id)
    bob.post(room_id, "one")
    bob.post(room_id, "two")
    for tab in (first, second):
        tab.until("chat.rooms.get(argument)?.unread === 2", room_id)
        tab.run("await chat.settings.load()")
    first.run(
        "chat.read(argument, 2); await chat.settings.change({ theme: 'dark', client: { stars: [argument] } });", room_id
    )
    second.until("chat.rooms.get(argument).unread === 0", room_id)
    second.until("chat.settings.value.client.stars?.[0] === argument", room_id)
    second.run("window.connection = chat.connection; window.logOut = chat.logout();")
    for tab in (first, second):
        tab.until("chat.user === null")
        assert logged(tab, "ended") == [{"reason": "ended"}]
        assert tab.run("return [chat.connection, chat.rooms, chat.unsent(argument)]", room_id) == [None, None, []]
        refused = tab.run("try { chat.send(argument, 'x'); } catch (error) { return error.code; }", room_id)
        assert refused == "unauthorized"
    second.run("await logOut")
    assert second.run("return Object.keys(localStorage)") == []


def test_when_another_user_logs_in_in_another_tab_the_first_ends_and_touches_nothing(
    new_library_page: NewLibraryPage, new_context: NewContext
) -> None:
    context = new_context()
    first = new_library_page("ann", context=context).register()
    second = new_library_page("bob", context=context).register()
    first.until("chat.user === null")
    assert logged(first, "ended") == [{"reason": "changed"}]
    assert second.run("return [chat.user.username, chat.connection.state]") == [second.name, "online"]
    assert second.run("return chat.tokens.read().user.username") == second.name


def test_with_a_full_storage_messages_are_sent_the_page_is_told_and_the_session_is_renewed(
    new_library_page: NewLibraryPage, new_context: NewContext, network: RedisProxyThread
) -> None:
    context = new_context()
    page = new_library_page(url=url_of(network), context=context).register()
    room_id = page.make_room()
    page.run(FILL_STORAGE)
    network.go_away()
    page.until_offline()
    page.send(room_id, ["one", "two"])
    assert page.run("return chat.keepsUnsent") is False
    assert logged(page, "saved") == [{"isSaved": False}]
    page.until("chat.tokens.read().expiresAt < Date.now()")
    network.come_back()
    page.until_held(room_id, 2)
    page.until("chat.keepsUnsent")
    assert page.held(room_id) == ["one", "two"]
    assert logged(page, "saved") == [{"isSaved": False}, {"isSaved": True}]
    other = new_library_page(url=url_of(network), context=context).resume()
    other.until("chat.rooms.get(argument) !== null", room_id)


def test_where_the_storage_is_full_from_the_first_a_user_can_log_in_and_write(new_library_page: NewLibraryPage) -> None:
    page = new_library_page()
    page.run(FILL_STORAGE)
    page.register()
    room_id = page.make_room()
    page.send(room_id, ["hello"])
    page.until_held(room_id, 1)
    first = page.run("return chat.tokens.read().expiresAt")
    page.until("chat.tokens.read().expiresAt > argument", first)
    assert page.run("return chat.connection.state") == "online"


def test_where_the_storage_is_blocked_the_session_lives_as_long_as_the_page(
    new_library_page: NewLibraryPage, new_context: NewContext
) -> None:
    context = new_context()
    context.add_init_script(BLOCK_STORAGE)
    page = new_library_page(context=context).register()
    room_id = page.make_room()
    page.send(room_id, ["hello"])
    page.until_held(room_id, 1)
    assert page.run("return chat.keepsUnsent") is False
    page.run("await chat.logout()")
    assert page.run("return [chat.user, await chat.resume()]") == [None, False]


def test_a_closed_client_leaves_no_connection_no_listener_and_no_lock_and_what_was_unsent(
    new_library_page: NewLibraryPage, new_context: NewContext, network: RedisProxyThread
) -> None:
    context = new_context()
    page = new_library_page(url=url_of(network), context=context)
    devtools = context.new_cdp_session(page.page)
    page.run("chat.close()")
    before = listeners(devtools)
    page.run("window.chat = make()")
    page.register()
    room_id = page.make_room()
    page.run("chat.presence.typing(argument); chat.read(argument, 0);", room_id)
    assert len(listeners(devtools)) > len(before)
    network.go_away()
    page.until_offline()
    page.send(room_id, ["unsent"])
    network.come_back()
    page.run("chat.close(); chat.close();")
    assert listeners(devtools) == before
    page.run(
        "while ((await navigator.locks.query()).held.length > 0) await new Promise((done) => setTimeout(done, 10));"
    )
    assert page.run("return [chat.user, chat.connection]") == [None, None]
    assert page.run("try { await chat.resume(); } catch (error) { return error.code; }") == "closed"
    page.run("window.chat = make()")
    page.resume()
    page.run("await chat.open(argument)", room_id)
    page.until_held(room_id, 1)
    assert page.held(room_id) == ["unsent"]


def listeners(devtools: CDPSession) -> list[tuple[str, str]]:
    """The listeners of the page's window and document: (whose, type)."""
    found = []
    for name in ("window", "document"):
        remote = devtools.send("Runtime.evaluate", {"expression": name})["result"]["objectId"]
        for one in devtools.send("DOMDebugger.getEventListeners", {"objectId": remote})["listeners"]:
            found.append((name, one["type"]))
    return sorted(found)


def test_a_second_login_replaces_the_first_and_its_connection(new_library_page: NewLibraryPage) -> None:
    page = new_library_page()
    closed: list[str] = []
    page.page.on("websocket", lambda one: one.on("close", lambda socket: closed.append(socket.url)))
    page.register()
    page.log_in(page.name)
    poll(lambda: page.page.wait_for_timeout(10) or len(closed) == 1)
    assert page.run("return chat.connection.state") == "online"


def test_two_clients_of_one_page_share_a_session_and_end_together(new_library_page: NewLibraryPage) -> None:
    page = new_library_page().register()
    page.run("window.other = make(); await other.resume(); await isReady(other);")
    first = page.run("return chat.tokens.read().expiresAt")
    page.until("chat.tokens.read().expiresAt > argument && Date.now() > argument", first)
    assert page.run("return [chat.connection.state, other.connection.state]") == ["online", "online"]
    page.run("await other.logout()")
    page.until("chat.user === null && other.user === null")
    assert logged(page, "ended") == [{"reason": "ended"}]


def test_one_page_talks_to_two_servers_with_a_session_for_each(
    new_library_page: NewLibraryPage, new_context: NewContext, start_server: StartServer, server: ServerProcess
) -> None:
    other = start_server(CORS_ORIGINS=server.url)
    context = new_context()
    page = new_library_page(context=context).register()
    page.run(
        """
        window.other = make({ baseUrl: argument.url });
        await other.register(argument.fields);
        await isReady(other);
        """,
        {"url": other.url, "fields": {"username": "else", "email": "else@example.test", "password": PASSWORD}},
    )
    room_id = page.make_room("here")
    page.run("window.there = await other.createRoom({ name: 'there' }); await other.open(there.id);")
    page.run("chat.send(argument, 'here'); other.send(there.id, 'there');", room_id)
    page.until("held(chat, argument).length === 1 && held(other, there.id).length === 1", room_id)
    again = new_library_page(context=context)
    again.run("window.other = make({ baseUrl: argument })", other.url)
    found = again.run("return [await chat.resume(), await other.resume(), chat.user.username, other.user.username]")
    assert found == [True, True, page.name, "else"]
    page.run("await chat.logout()")
    assert page.run("return other.connection.state") == "online"


def test_the_library_sets_no_globals_and_asks_for_one_file(new_context: NewContext, server: ServerProcess) -> None:
    page = new_context().new_page()
    page.goto(f"{server.url}{DOCUMENT}")
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    added = page.evaluate(
        """async () => {
            const names = () => Object.getOwnPropertyNames(globalThis);
            const before = new Set(names());
            const { ChatClient } = await import(`${location.origin}/static/chat.js`);
            const chat = new ChatClient();
            await chat.resume();
            const after = names().filter((name) => !before.has(name));
            chat.close();
            return after;
        }"""
    )
    assert (added, requested) == ([], [f"{server.url}/static/chat.js"])


def test_who_is_blocked_is_known_here_after_a_reload_and_to_nobody_after_a_logout(
    new_library_page: NewLibraryPage,
) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    bob_id = bob.run("return chat.user.id")
    ann.run("window.told = 0; chat.addEventListener('blocks', () => (told += 1)); await chat.block(argument);", bob_id)
    assert ann.run("return [chat.blocks.has(argument), told > 0]", bob_id) == [True, True]
    refused = "return await chat.direct(argument).then(() => null, ({ code }) => code)"
    assert bob.run(refused, ann.run("return chat.user.id")) == "forbidden"
    ann.run("chat.close(); window.chat = make();")
    ann.resume()
    ann.until("chat.blocks.has(argument)", bob_id)
    ann.run("await chat.unblock(argument)", bob_id)
    assert ann.run("const { size } = chat.blocks; await chat.logout(); return [size, chat.blocks.size];") == [0, 0]

"""The client library alone: files are uploaded with progress, attached to messages, and read on either origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.library_page import LibraryPage
from tests.support.client import PASSWORD
from tests.support.redis_proxy_thread import proxy_thread_to
from tests.support.server import ServerProcess, serving

NewLibraryPage = Callable[..., LibraryPage]
FILE_MAX_BYTES = 1_000_000
LARGE = "new File(['x'.repeat(900_000)], 'large.txt', { type: 'text/plain' })"
REFUSED = "try { await chat.upload(%s); } catch (error) { return [error.code, error.name, error.status]; }"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"MAX_FILE_SIZE": str(FILE_MAX_BYTES), "CORS_ORIGINS": "http://localhost:1", "JWT_EXPIRES_IN": "6"}
    with serving(tmp_path_factory.mktemp("shared") / "data", env) as one:
        yield one


def test_a_file_is_uploaded_with_its_progress_attached_and_read_by_the_others(new_library_page: NewLibraryPage) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_id = ann.make_room()
    bob.open_room(room_id)
    uploaded: dict[str, Any] = ann.run(
        f"""
        const progress = [];
        const file = await chat.upload({LARGE}, {{ onProgress: (one) => progress.push(one) }});
        chat.send(argument, "Look", {{ attachments: [file] }});
        return {{ file, progress }};
        """,
        room_id,
    )
    file, progress = uploaded["file"], uploaded["progress"]
    assert (file["name"], file["size"], file["mimeType"]) == ("large.txt", 900_000, "text/plain")
    assert progress[-1]["sent"] == progress[-1]["total"] > 900_000
    assert [one["sent"] for one in progress] == sorted(one["sent"] for one in progress)
    bob.until_held(room_id, 1)
    assert bob.run("return held(chat, argument)[0].attachments", room_id) == [file]
    script = """
        const file = held(chat, argument)[0].attachments[0];
        const { blob, url, revoke } = await chat.fetchFile(file);
        const text = await (await fetch(url)).text();
        revoke();
        const isGone = await fetch(url).then(() => false, () => true);
        const byCookie = await (await fetch(chat.fileUrl(file))).text();
        return [blob.size, text.length, isGone, byCookie.length];
    """
    assert bob.run(script, room_id) == [900_000, 900_000, True, 900_000]
    stranger = new_library_page("eve").register()
    refused = "try { await chat.fetchFile(argument); } catch (error) { return error.code; }"
    assert stranger.run(refused, file) == "file_not_found"


def test_an_attachment_that_was_written_offline_survives_a_closed_tab(
    new_library_page: NewLibraryPage, new_context: Callable[..., Any], server: ServerProcess
) -> None:
    with proxy_thread_to(server.port) as network:
        context, url = new_context(), f"http://127.0.0.1:{network.env['REDIS_PORT']}"
        first = new_library_page(url=url, context=context).register()
        room_id = first.make_room()
        first.run("window.file = await chat.upload(new File(['hello'], 'a.txt', { type: 'text/plain' }))")
        network.go_away()
        first.until_offline()
        first.run("chat.send(argument, 'with a file', { attachments: [file] })", room_id)
        first.page.close()
        network.come_back()
        second = new_library_page(url=url, context=context).resume()
        second.run("await chat.open(argument)", room_id)
        second.until_held(room_id, 1)
        found = second.run("return held(chat, argument)[0].attachments.map(({ name }) => name)", room_id)
        assert found == ["a.txt"]


def test_what_cannot_be_uploaded_is_refused_with_the_contracts_code(new_library_page: NewLibraryPage) -> None:
    page = new_library_page().register()
    too_large = f"new File(['x'.repeat({FILE_MAX_BYTES + 1})], 'huge.txt')"
    assert page.run(REFUSED % too_large) == ["payload_too_large", "ChatError", 413]
    assert page.run(REFUSED % "new File([new Uint8Array([0, 1, 2, 3])], 'a.png')") == [
        "unsupported_type",
        "ChatError",
        415,
    ]
    page.run("await chat.logout()")
    assert page.run(REFUSED % "new File(['x'], 'a.txt')") == ["unauthorized", "ChatError", 401]


def test_an_upload_is_cancelled_by_its_signal_and_fails_with_the_network(
    new_library_page: NewLibraryPage, server: ServerProcess
) -> None:
    with proxy_thread_to(server.port) as network:
        page = new_library_page(url=f"http://127.0.0.1:{network.env['REDIS_PORT']}").register()
        network.hold()
        cancelled = f"""
            const controller = new AbortController();
            const upload = chat.upload({LARGE}, {{ signal: controller.signal }});
            controller.abort();
            try {{ await upload; }} catch (error) {{ return error.code; }}
        """
        assert page.run(cancelled) == "aborted"
        page.run(f"window.upload = chat.upload({LARGE}).then(() => 'stored', (error) => [error.code, error.retryable])")
        network.go_away()
        network.release()
        assert page.run("return await upload") == ["network", True]
        network.come_back()


def test_an_upload_with_an_expired_token_refreshes_it_first(new_library_page: NewLibraryPage) -> None:
    page = new_library_page().register()
    refused = """
        const session = JSON.parse(localStorage.getItem("chat.session"));
        localStorage.setItem("chat.session", JSON.stringify({ ...session, accessToken: `${session.accessToken}x` }));
        return (await chat.upload(new File(['hello'], 'a.txt'))).size;
    """
    assert page.run(refused) == 5


def test_a_page_of_another_origin_uploads_and_shows_files_with_the_token(
    new_library_page: NewLibraryPage, start_server: Callable[..., ServerProcess], server: ServerProcess
) -> None:
    other = start_server(CORS_ORIGINS=server.url.replace("127.0.0.1", "localhost"))
    page = new_library_page(url=server.url.replace("127.0.0.1", "localhost"))
    fields = {"username": "elsewhere", "email": "elsewhere@example.test", "password": PASSWORD}
    page.run(
        "window.chat = make({ baseUrl: argument.url }); await chat.register(argument.fields);",
        {"url": other.url, "fields": fields},
    )
    script = f"""
        const progress = [];
        const file = await chat.upload({LARGE}, {{ onProgress: (one) => progress.push(one.sent / one.total) }});
        const {{ blob, url }} = await chat.fetchFile(file);
        const withoutToken = (await fetch(chat.fileUrl(file), {{ mode: "no-cors" }})).ok;
        const shown = (await (await fetch(url)).blob()).size;
        chat.close();
        const isGone = await fetch(url).then(() => false, () => true);
        return [progress.at(-1), blob.size, withoutToken, shown, isGone];
    """
    assert page.run(script) == [1, 900_000, False, 900_000, True]


def test_an_image_has_a_thumbnail_and_can_be_made_ones_avatar(new_library_page: NewLibraryPage) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    found: dict[str, Any] = ann.run(
        """
        const canvas = Object.assign(document.createElement("canvas"), { width: 1200, height: 800 });
        const context = canvas.getContext("2d");
        context.fillStyle = "teal";
        context.fillRect(100, 100, 600, 600);
        const image = await new Promise((done) => canvas.toBlob(done, "image/png"));
        const sizeOf = async (url) => {
          const shown = await createImageBitmap(await (await fetch(url)).blob());
          return [shown.width, shown.height];
        };
        const file = await chat.upload(image, { name: "square.png" });
        const thumbnail = await chat.fetchFile(file, { thumbnail: true });
        await chat.setAvatar(image);
        return {
          file,
          thumbnail: await sizeOf(thumbnail.url),
          shown: await sizeOf(chat.fileUrl(file, { thumbnail: true })),
          noThumbnail: chat.fileUrl({ ...file, thumbnailUrl: null }, { thumbnail: true }),
          avatar: await sizeOf(chat.avatarUrl(chat.user)),
          told: chat.log.filter(([name]) => name === "user").length,
          userId: chat.user.id,
        };
        """
    )
    file = found["file"]
    assert (file["name"], file["mimeType"], file["width"], file["height"]) == ("square.png", "image/png", 1200, 800)
    assert found["thumbnail"] == found["shown"] != [1200, 800]
    assert found["noThumbnail"] is None
    assert found["avatar"][0] == found["avatar"][1]
    assert found["told"] >= 1
    script = "const user = await chat.person(argument); return [user.avatarUrl !== null, chat.avatarUrl(user)];"
    assert bob.run(script, found["userId"]) == [True, ann.run("return chat.avatarUrl(chat.user)")]
    ann.run("await chat.removeAvatar()")
    assert ann.run("return [chat.user.avatarUrl, chat.avatarUrl(chat.user)]") == [None, None]
    assert bob.run(script, found["userId"]) == [False, None]

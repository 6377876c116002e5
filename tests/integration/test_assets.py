"""The pages' files as a browser and a proxy get them: names that are kept for good, gzip, validators, other origins."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest

from handlers.assets.javascript_text import shortened
from tests.integration.conftest import StoreEnv
from tests.support.client import Reply, call
from tests.support.server import ServerProcess, serving

NAMED = re.compile(r"""(?:\b(?:src|href)=|\bfrom |\bimport |\burl\(|": (?="\./))["']([^"'#]+\.[a-z]+)["']""")
HASHED = re.compile(r"/static/.+\.[0-9a-f]{8}\.[a-z]+")
CHUNK = re.compile(r"/static/[^.]+\.[^.]+\.[0-9a-f]{8}\.js")
OTHER_SITE = "https://site.example"
PAGES = ("/", "/dashboard", "/docs")
BEFORE = {"/": ["static/chat/boot-failure"]}  # scripts before a page's own: it says where that one does not come
GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}
FOR_GOOD = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def store_env(embedded_store: StoreEnv) -> StoreEnv:
    return embedded_store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("assets") / "data", {"CORS_ORIGINS": OTHER_SITE}) as one:
        yield one


def loaded_with(server: ServerProcess, page: str) -> dict[str, Reply]:
    """A page, and all that it and what it names name, by path."""
    found: dict[str, Reply] = {}
    waiting = [page]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = reply = call(server.url, "GET", path)
            assert reply.status == 200, path
            text = reply.body.decode()
            if path.endswith(".js"):
                text = shortened(text)  # types in comments name modules that nothing loads
            names = (name for name in NAMED.findall(text) if name.startswith((".", "static/")))
            waiting += [urlsplit(urljoin(f"{server.url}{path}", name)).path for name in names]
    return found


@pytest.fixture(scope="module")
def files(server: ServerProcess) -> dict[str, Reply]:
    return {path: reply for page in PAGES for path, reply in loaded_with(server, page).items()}


def test_a_page_is_asked_for_again_and_all_that_it_loads_is_kept_for_good(files: dict[str, Reply]) -> None:
    assert len(files) >= 10
    for path, reply in files.items():
        assert reply.headers["cache-control"] == ("no-cache" if path in PAGES else FOR_GOOD), path
        assert (HASHED.fullmatch(path) is None) == (path in PAGES)


def test_a_page_begins_with_one_script_and_one_style_sheet(server: ServerProcess) -> None:
    for page in PAGES:
        loaded = loaded_with(server, page)
        script, *others = re.findall(r'"(static/[^"]+\.js)"', loaded[page].body.decode())[::-1]
        assert [name.partition(".")[0] for name in others] == BEFORE.get(page, [])
        assert len(re.findall(r'"(static/[^"]+\.css)"', loaded[page].body.decode())) == 1
        assert len([path for path in loaded if path.endswith(".css")]) == 1
        own = [path for path in loaded if path.endswith(".js")]
        assert f"/{script}" in own
        stem = script.partition(".")[0]
        beside = [path for path in own if path.startswith(f"/{stem}.")]  # what is loaded later is beside it
        assert sorted(own) == sorted([*beside, *(f"/{name}" for name in others)])


def test_the_same_file_is_there_by_its_own_name_but_not_kept(server: ServerProcess, files: dict[str, Reply]) -> None:
    for path in (path for path in files if path not in PAGES):
        reply = call(server.url, "GET", re.sub(r"\.[0-9a-f]{8}\.", ".", path))
        if CHUNK.fullmatch(path):
            assert reply.status == 404, path
            continue
        assert (reply.status, reply.body, reply.headers["etag"]) == (200, files[path].body, files[path].headers["etag"])
        assert reply.headers["cache-control"] == "no-cache"


def test_what_is_compressed_is_the_same_file_with_its_own_etag_and_length(
    server: ServerProcess, files: dict[str, Reply]
) -> None:
    saved = 0
    for path, plain in files.items():
        assert "content-encoding" not in plain.headers
        reply = call(server.url, "GET", path, headers=GZIP)
        assert reply.headers["content-type"] == plain.headers["content-type"]
        assert int(reply.headers["content-length"]) == len(reply.body)
        if len(plain.body) >= 2_000:
            assert reply.headers["content-encoding"] == "gzip", path
        if "content-encoding" in reply.headers:
            assert gzip.decompress(reply.body) == plain.body
            assert reply.headers["etag"] != plain.headers["etag"]
            assert "Accept-Encoding" in reply.headers["vary"] and "Accept-Encoding" in plain.headers["vary"]
            saved += len(plain.body) - len(reply.body)
    assert saved > 100_000


@pytest.mark.parametrize("path", ["/", "/static/chat.js"])
@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [("gzip", True), ("GZIP;q=0.1", True), ("*", True), ("gzip;q=0, *", False), ("identity", False), ("br", False)],
)
def test_the_coding_is_the_one_that_the_client_accepts(
    server: ServerProcess, path: str, accepted: str, is_compressed: bool
) -> None:
    reply = call(server.url, "GET", path, headers={"Accept-Encoding": accepted})
    assert (reply.headers.get("content-encoding") == "gzip") == is_compressed
    head = call(server.url, "HEAD", path, headers={"Accept-Encoding": accepted})
    shared = ("content-length", "content-encoding", "etag", "vary", "cache-control", "content-type")
    assert {name: head.headers.get(name) for name in shared} == {name: reply.headers.get(name) for name in shared}
    assert head.body == b""


@pytest.mark.parametrize("path", ["/", "/dashboard", "/static/chat.js", "/static/ui/base.css"])
def test_each_coding_is_revalidated_by_its_own_etag(server: ServerProcess, path: str) -> None:
    plain, compressed = call(server.url, "GET", path), call(server.url, "GET", path, headers=GZIP)
    for etag, accepted, status in (
        (plain.headers["etag"], {}, 304),
        (compressed.headers["etag"], GZIP, 304),
        (f"W/{compressed.headers['etag']}", GZIP, 304),  # a proxy may have weakened it
        (f'"other", {compressed.headers["etag"]}', GZIP, 304),
        ("*", GZIP, 304),
        (plain.headers["etag"], GZIP, 200),
        (compressed.headers["etag"], {}, 200),
        ('"other"', GZIP, 200),
        ("other", {}, 200),
    ):
        reply = call(server.url, "GET", path, headers={"If-None-Match": etag, **accepted})
        assert reply.status == status, (etag, accepted)
        expected = compressed if accepted else plain
        for name in ("etag", "vary", "cache-control"):
            assert reply.headers[name] == expected.headers[name]
        assert reply.body == (b"" if status == 304 else expected.body)


def test_a_file_of_another_version_gets_this_version_which_is_not_kept(
    server: ServerProcess, files: dict[str, Reply]
) -> None:
    path = next(path for path in files if path.startswith("/static/chat/app."))
    other = re.sub(r"[0-9a-f]{8}", "00000000", path)
    reply = call(server.url, "GET", other)
    assert (reply.status, reply.body, reply.headers["cache-control"]) == (200, files[path].body, "no-cache")
    for query, status in (({"version": "this"}, 404), ({"version": "%ff"}, 200), ({"other": "this"}, 200)):
        assert call(server.url, "GET", other, **query).status == status
    assert call(server.url, "GET", path, version="this").headers["cache-control"] == FOR_GOOD
    for missing in ("/static/chat/gone.00000000.js", "/static/chat/index.00000000.htm", "/static/00000000.js"):
        assert (reply := call(server.url, "GET", missing)).status == 404
        assert reply.code == "not_found"


def test_an_allowed_site_may_import_the_client_library_and_no_other(server: ServerProcess) -> None:
    for origin, allowed in ((OTHER_SITE, OTHER_SITE), ("https://other.example", None)):
        for path in ("/static/chat.js", "/static/client/chat-client.js"):
            reply = call(server.url, "GET", path, headers={"Origin": origin, **GZIP})
            assert reply.headers.get("access-control-allow-origin") == allowed
            assert {"Origin", "Accept-Encoding"} == set(reply.headers["vary"].split(", "))
    assert call(server.url, "GET", "/static/chat.js").headers["cross-origin-resource-policy"] == "cross-origin"
    assert "cross-origin-resource-policy" not in call(server.url, "GET", "/static/chat/app.js").headers


def test_the_client_library_is_one_file(server: ServerProcess) -> None:
    text = call(server.url, "GET", "/static/chat.js").body.decode()
    assert NAMED.findall(text) == []
    assert re.search(r"^export const \{.*\bChatClient\b.*\}", text, re.MULTILINE)

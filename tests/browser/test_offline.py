"""The page without a network: the service worker keeps the page and its files, each version whole, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from handlers.assets.asset_files import AssetFiles, load_assets
from handlers.service_worker import with_shell_files
from tests.support.asset_site import AssetSite
from tests.support.prefix_proxy import prefix_proxy
from tests.support.server import ServerProcess
from tests.support.waiting import poll

START = """async () => {
  const { OfflineShell } = await import(new URL("static/chat/offline-shell.js", document.baseURI).href);
  window.shell = new OfflineShell();
  await window.shell.start();
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
  }
}"""
CACHED = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) found.push([name, request.url]);
  }
  return found;
}"""


@pytest.fixture
def prefixed(server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    with prefix_proxy(tmp_path / "nginx", server.port) as url:
        yield url


def cached(page: Page) -> list[str]:
    return [url for _, url in page.evaluate(CACHED)]


def expect_the_form(page: Page) -> None:
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_without_a_network_the_page_opens_with_all_that_it_loads(
    start_server: Callable[..., ServerProcess], new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(service_workers="allow")
    page = context.new_page()
    server = start_server()
    page.goto(server.url)
    expect_the_form(page)
    page.evaluate(START)
    kept = cached(page)
    files = [url for url in kept if "/static/" in url]
    assert f"{server.url}/" in kept
    assert [
        url for url in kept if not re.fullmatch(re.escape(server.url) + r"/(static/.+\.[0-9a-f]{8}\.\w+)?", url)
    ] == []
    server.stop()
    again = context.new_page()
    again.goto(f"{server.url}/?invite=abc#room=r1")
    expect_the_form(again)
    assert again.evaluate(
        """(urls) => Promise.all(urls.map((url) => fetch(url).then(({ status }) => status)))""", files
    ) == [200] * len(files)


def test_below_a_path_prefix_the_worker_is_that_of_the_prefix(
    prefixed: str, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(ignore_https_errors=True, service_workers="allow")
    page = context.new_page()
    page.goto(f"{prefixed}/")
    expect_the_form(page)
    page.evaluate(START)
    assert page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)") == f"{prefixed}/"
    assert [url for url in cached(page) if not url.startswith(f"{prefixed}/")] == []
    context.route(f"{prefixed}/", lambda route: route.abort())
    context.set_offline(True)
    page.reload()
    expect_the_form(page)


def test_the_worker_answers_neither_requests_nor_other_pages(
    server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(service_workers="allow")
    page = context.new_page()
    page.goto(server.url)
    page.evaluate(START)
    page.evaluate("Promise.all(['health', 'rooms?mine=true', 'static/chat.js', 'files/x'].map((url) => fetch(url)))")
    assert [url for url in cached(page) if re.search(r"/(health|rooms|static/chat\.js|files/x)($|\?)", url)] == []
    page.goto(f"{server.url}/dashboard")
    expect(page.locator("h1.brand")).to_be_visible()
    assert [url for url in cached(page) if "dashboard" in url] == []


def folder_of(tmp_path: Path, version: str) -> AssetFiles:
    """The files of a small page, of which each version has another title and another text in what it loads later."""
    web = tmp_path / version
    source = Path("web/service-worker.js").read_text()
    offline_shell = Path("web/chat/offline-shell.js").read_text()
    entry = (
        'import { OfflineShell } from "./offline-shell.js";\n'
        "window.shell = new OfflineShell();\n"
        "window.started = window.shell.start();\n"
        'window.later = () => import("./later.js");\n'
    )
    texts = {
        "service-worker.js": source,
        "chat/index.html": f'<title>{version}</title><script type="module" src="static/chat/app.js"></script>',
        "chat/app.js": entry,
        "chat/offline-shell.js": offline_shell,
        "chat/later.js": f'export const version = "{version}";\n',
    }
    for name, text in texts.items():
        path = web / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return with_shell_files(load_assets(web))


LATER = "window.later().then(({ version }) => version)"
UPDATE = """async () => {
  const registration = await navigator.serviceWorker.ready;
  await registration.update();
  const worker = registration.installing;
  if (worker) await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  return worker?.state;
}"""


@pytest.fixture
def versions(tmp_path: Path) -> tuple[AssetFiles, AssetFiles]:
    return folder_of(tmp_path, "first"), folder_of(tmp_path, "second")


@pytest.fixture
def site(versions: tuple[AssetFiles, AssetFiles]) -> Iterator[AssetSite]:
    """It serves the first version."""
    with AssetSite(versions[0]).running() as one:
        yield one


def open_controlled(context: BrowserContext, site: AssetSite) -> Page:
    page = context.new_page()
    page.goto(site.url)
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    return page


def test_a_server_that_fails_or_does_not_answer_gets_the_page_that_was_kept(
    site: AssetSite, versions: tuple[AssetFiles, AssetFiles], new_context: Callable[..., BrowserContext]
) -> None:
    page = open_controlled(new_context(service_workers="allow"), site)
    site.files = versions[1]
    for status in (502, None):
        site.page_status = status
        page.reload()
        assert (page.title(), page.evaluate(LATER)) == ("first", "first")
    site.page_status = 404
    page.reload()
    assert page.title() == ""


def test_a_page_that_runs_keeps_its_files_until_no_page_of_its_version_is_left(
    site: AssetSite, versions: tuple[AssetFiles, AssetFiles], new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(service_workers="allow")
    old = open_controlled(context, site)
    site.files = versions[1]
    new = context.new_page()
    new.goto(site.url)
    assert new.title() == "second"
    new.evaluate("window.started")
    new.evaluate(UPDATE)
    poll(lambda: new.evaluate("navigator.serviceWorker.ready.then(({ waiting }) => waiting !== null)"))
    assert (old.evaluate(LATER), new.evaluate(LATER)) == ("first", "second")
    assert len({name for name, _ in new.evaluate(CACHED)}) == 2

    old.close()
    new.reload()
    poll(lambda: new.evaluate("caches.keys().then(({ length }) => length === 1)"))
    site.page_status = 503
    new.reload()
    assert (new.title(), new.evaluate(LATER)) == ("second", "second")


def test_a_version_that_does_not_come_whole_replaces_nothing(
    site: AssetSite, versions: tuple[AssetFiles, AssetFiles], new_context: Callable[..., BrowserContext]
) -> None:
    first, second = versions
    page = open_controlled(new_context(service_workers="allow"), site)
    # The worker of the second version comes from a process that is restarted; the others have the first still.
    by_name = {**first.by_name, "service-worker.js": second.by_name["service-worker.js"]}
    site.files = AssetFiles(by_name, first.by_hashed_name)
    assert page.evaluate(UPDATE) == "redundant"
    poll(lambda: page.evaluate("caches.keys().then(({ length }) => length === 1)"))
    site.page_status = 503
    page.reload()
    assert (page.title(), page.evaluate(LATER)) == ("first", "first")

"""What a browser fetches to show a page: the first time everything, compressed, and then nothing that it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Response, Route, expect

from app.composition.web import WEB
from handlers.assets.asset_files import load_assets
from handlers.assets.css_text import MARK, skeleton_of
from handlers.assets.html_text import without_comments_and_indentation
from tests.browser.person import Person
from tests.support.server import ServerProcess
from tests.support.waiting import poll

SHOWS = {"/": 'form[aria-label="Log in"]', "/dashboard?every=60": "h1.brand", "/docs": "#search"}
BYTES_MAX = {"/": 60_000, "/dashboard": 60_000, "/docs": 30_000}  # over the network, with the heads of the replies
ROOMS_BYTES_MAX = 110_000  # with the form to log in, which is in the same script


class Fetched:
    """The replies that a page gets for its files, and how many bytes came over the network with them."""

    def __init__(self, page: Page) -> None:
        self.responses: list[Response] = []
        page.on("response", lambda response: self.responses.append(response))

    def take(self) -> list[Response]:
        """Those since the last call, of pages and their files alone."""
        taken, self.responses = self.responses, []
        return [one for one in taken if _is_file(one.url)]


def _is_file(url: str) -> bool:
    parts = urlsplit(url)
    if "/favicon." in parts.path:  # the browser's own business: Chromium 156 loads it twice, its headless shell never
        return False
    return parts.scheme == "http" and (parts.path in BYTES_MAX or parts.path.startswith("/static/"))


def _bytes_of(response: Response) -> int:
    sizes = response.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


@pytest.mark.parametrize("path", SHOWS)
def test_a_page_loads_few_bytes_each_file_once_and_compressed_and_later_asks_for_the_page_alone(
    path: str, server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    person = Person(new_context().new_page(), url=server.url, name="visitor")
    page = person.page
    fetched = Fetched(page)
    page.goto(server.url + path)
    expect(page.locator(SHOWS[path])).to_be_visible()
    page.wait_for_load_state("networkidle")
    cold = fetched.take()
    urls = [one.url for one in cold]
    assert len(urls) == len(set(urls)) > 2
    assert sum(_bytes_of(one) for one in cold) <= BYTES_MAX[urlsplit(path).path]
    assert {one.status for one in cold} == {200}
    sent = sum(one.request.sizes()["responseBodySize"] for one in cold)
    assert sent < 0.45 * sum(len(one.body()) for one in cold)
    large = [one for one in cold if len(one.body()) > 2_000]
    assert large
    assert {one.headers.get("content-encoding") for one in large} == {"gzip"}

    log_before = server.log()
    again = page.context.new_page()
    fetched = Fetched(again)
    again.goto(server.url + path)
    expect(again.locator(SHOWS[path])).to_be_visible()
    again.wait_for_load_state("networkidle")
    assert [urlsplit(one.url).path for one in fetched.take() if _bytes_of(one) > 0] == [urlsplit(path).path]
    poll(lambda: "status=304" in server.log().removeprefix(log_before))
    asked = re.findall(r"path=(/|/dashboard|/docs|/static/\S+) (status=\d+)", server.log().removeprefix(log_before))
    assert asked == [(urlsplit(path).path, "status=304")]
    assert person.console_errors == []


def test_the_rooms_come_with_few_bytes_too_and_none_of_them_twice(
    server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    person = Person(new_context().new_page(), url=server.url, name="reader")
    fetched = Fetched(person.page)
    person.open_with_session()
    expect(person.page.locator(".sidebar")).to_be_visible()
    person.page.wait_for_load_state("networkidle")
    cold = fetched.take()
    assert len({one.url for one in cold}) == len(cold)
    assert sum(_bytes_of(one) for one in cold) <= ROOMS_BYTES_MAX


# How a browser reads a style sheet. What custom properties say is kept as it is written, but for the spaces.
RULES = """
(text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return [...sheet.cssRules].map((rule) => rule.cssText.replace(/\\s+/g, " ").replace(/ ?([(),]) ?/g, "$1"));
}
"""


def test_each_style_sheet_says_the_same_without_what_no_browser_needs(
    new_context: Callable[..., BrowserContext],
) -> None:
    page = new_context().new_page()
    for path in sorted(WEB.rglob("*.css")):
        source = path.read_text()
        skeleton = skeleton_of(source)
        short = MARK.sub(lambda mark, texts=skeleton.texts: texts[int(mark[1])], skeleton.code)
        assert len(short) < 0.95 * len(source)
        assert page.evaluate(RULES, short) == page.evaluate(RULES, source), path


# A page as a browser reads it, without what has no part in it.
TREE = """
(text) => {
  const page = new DOMParser().parseFromString(text, "text/html");
  const comments = page.createNodeIterator(page, NodeFilter.SHOW_COMMENT);
  for (let node = comments.nextNode(); node; node = comments.nextNode()) node.remove();
  page.normalize();
  const texts = page.createNodeIterator(page, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) node.data = node.data.replace(/\\s+/g, " ");
  return page.documentElement.outerHTML.replace(/\\s*$/, "");
}
"""


def test_each_page_is_the_same_without_comments_and_indentation(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context().new_page()
    for path in sorted(WEB.rglob("*.html")):
        source = path.read_text()
        assert page.evaluate(TREE, without_comments_and_indentation(source)) == page.evaluate(TREE, source), path


SITE = "http://site.example"
PARTS = {
    "page/index.html": '<!doctype html><title>page</title><script type="module" src="static/page/app.js"></script>',
    "page/app.js": 'globalThis.open = async () => (await import("./panel.js")).name;',
    "page/panel.js": "globalThis.count = (globalThis.count ?? 0) + 1; export const name = `panel ${count}`;",
}


def test_a_part_that_did_not_load_loads_when_it_is_asked_for_again_and_then_once(
    tmp_path: Path, new_context: Callable[..., BrowserContext]
) -> None:
    for name, text in PARTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    files = load_assets(tmp_path)
    asked: list[str] = []
    failing = 1

    def answer(route: Route) -> None:
        nonlocal failing
        path = urlsplit(route.request.url).path
        if ".panel." in path:
            asked.append(route.request.url.rpartition("/")[2])
            failing -= 1
        if ".panel." in path and failing >= 0:
            route.abort()
        else:
            asset = files.by_hashed_name.get(path.removeprefix("/static/")) or files.by_name["page/index.html"]
            route.fulfill(body=asset.plain.body, content_type=asset.content_type)

    page = new_context().new_page()
    page.route(f"{SITE}/**", answer)
    page.goto(f"{SITE}/")
    attempt = "() => open().catch((error) => error.name)"
    assert [page.evaluate(attempt) for _ in range(3)] == ["TypeError", "panel 1", "panel 1"]
    assert asked == [asked[0], f"{asked[0]}?try=1"]

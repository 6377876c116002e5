"""Finds where a file of `web/` names another one: in HTML, CSS and JavaScript. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

from msgspec import Struct

from handlers.assets.asset_error import AssetError
from handlers.assets.javascript_modules import Import, imports_of, urls_beside
from handlers.assets.javascript_text import JavaScriptError, blanked

PAGES_BASE = "static/"  # the folder of all files as the pages see it, which are at the root

_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HTML_ATTRIBUTE = re.compile(r"""(?<![\w-])(?:href|src|poster)=(["'])(?P<url>[^"'?#]+)[^"']*\1""")
_HTML_ENTRY = re.compile(
    r"""<script\b(?=[^>]*\btype=["']module["'])[^>]*\bsrc=["']static/(?P<name>[^"'?#]+)["'][^>]*>"""
)
_HTML_LINK = re.compile(r"""<link\s(?:[^>"']|"[^"]*"|'[^']*')*>""")
_HTML_PAIR = re.compile(r"""(?<=\s)(?P<name>[\w-]+)\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')""")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_URL = re.compile(r"""(?:\burl\(\s*(?P<quote>["']?)|@import\s+(?P<import_quote>["']))(?P<url>[^"'()?#\s]+)""")


class Reference(Struct, frozen=True):
    """text[start:end] is a relative URL, without query and fragment, of the file that has this name."""

    start: int
    end: int
    target: str


class StyleLink(Struct, frozen=True):
    """text[start:end] is the element of a page that names this style sheet. `is_plain`: it says nothing else."""

    start: int
    end: int
    name: str
    is_plain: bool


def references_in(name: str, text: str, names: Container[str]) -> list[Reference]:
    """Return the references to others of the files `names`, in order.

    What is not below `web/` (a data URL, another route, another site) is none of them. Raises AssetError.
    """
    find = _FINDERS.get(posixpath.splitext(name)[1])
    try:
        return sorted(find(name, text, names), key=lambda one: one.start) if find is not None else []
    except JavaScriptError as error:
        raise AssetError(f"{name}, {error}") from error


def entry_modules(text: str) -> list[str]:
    """Return the names of the modules that a page begins with."""
    return [match["name"] for match in _HTML_ENTRY.finditer(_spaced(_HTML_COMMENT, text))]


def style_sheets(text: str) -> list[StyleLink]:
    """Return the links of a page to style sheets of its own."""
    found = []
    for link in _HTML_LINK.finditer(_spaced(_HTML_COMMENT, text)):
        pairs = {one["name"]: one["double"] or one["single"] or "" for one in _HTML_PAIR.finditer(link[0])}
        url = pairs.get("href", "")
        if pairs.get("rel") == "stylesheet" and url.startswith(PAGES_BASE):
            found.append(StyleLink(*link.span(), url.removeprefix(PAGES_BASE), pairs.keys() == {"rel", "href"}))
    return found


def _in_html(name: str, text: str, names: Container[str]) -> Iterator[Reference]:
    for match in _HTML_ATTRIBUTE.finditer(_spaced(_HTML_COMMENT, text)):
        if match["url"].startswith(PAGES_BASE):
            target = _existing(name, posixpath.normpath(match["url"].removeprefix(PAGES_BASE)), names)
            yield Reference(*match.span("url"), target)


def _in_css(name: str, text: str, names: Container[str]) -> Iterator[Reference]:
    for match in _CSS_URL.finditer(_spaced(_CSS_COMMENT, text)):
        if not _is_elsewhere(match["url"]):
            yield Reference(*match.span("url"), _existing(name, file_beside(name, match["url"]), names))


def _in_javascript(name: str, text: str, names: Container[str]) -> Iterator[Reference]:
    code = blanked(text)
    return references_of_module(name, text, code, imports_of(text, code), names)


def references_of_module(
    name: str, text: str, code: str, imports: Iterable[Import], names: Container[str]
) -> Iterator[Reference]:
    """Yield the references of a module of which the rest is known; `code` is javascript_text.blanked(text).

    An import by an expression is none: modules may load each other when they are wanted, and hashes lead one way.
    """
    for one in imports:
        target = _existing(name, file_beside(name, one.specifier), names)
        if not one.is_dynamic:
            yield Reference(one.specifier_at, one.specifier_at + len(one.specifier), target)
    for url in urls_beside(text, code):
        if (target := file_beside(name, url.url)) in names:
            yield Reference(url.url_at, url.url_at + len(url.url), target)


_FINDERS: Mapping[str, Callable[[str, str, Container[str]], Iterator[Reference]]] = {
    ".html": _in_html,
    ".css": _in_css,
    ".js": _in_javascript,
}


def _existing(name: str, target: str, names: Container[str]) -> str:
    if target not in names:
        raise AssetError(f"{name} names {target}, and there is no such file")
    return target


def file_beside(name: str, url: str) -> str:
    """Return the name of the file that a relative URL in another file means; no file's if it is not relative."""
    return url if _is_elsewhere(url) else posixpath.normpath(posixpath.join(posixpath.dirname(name), url))


def _is_elsewhere(url: str) -> bool:
    return url.startswith(("/", "#")) or ":" in url


def _spaced(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with spaces for what the pattern finds, so that places stay the same."""
    return pattern.sub(lambda match: " " * len(match[0]), text)

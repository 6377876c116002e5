"""Finds what a JavaScript module imports: static and dynamic imports, re-exports, and URLs beside `import.meta.url`."""

from __future__ import annotations

import re

from msgspec import Struct

from handlers.assets.javascript_text import JavaScriptError

_VERB = re.compile(r"[ie](?:mport|xport)\b(?<![\w$.#]......)")  # (the looking back comes last: that is quicker)
_STRING = r"(?P<quote>[\"'])(?P<text>\0*)(?P=quote)"
_STATEMENT = re.compile(
    rf"(?:import|export)(?:\b(?P<clause>[\w$*{{}},\s]+?)\bfrom\b)?\s*{_STRING}"
    r"(?P<attributes>\s*(?:with|assert)\b)?[ \t]*;?"
)
_DYNAMIC_IMPORT = re.compile(rf"import\s*\(\s*{_STRING}\s*\)")
_NO_IMPORT = re.compile(r"import\s*[.:]|export")  # import.meta, the name of a property, an export of its own
_OWN_URL = r"\bimport\s*\.\s*meta\s*\.\s*url\b"
_OWN_URLS = re.compile(_OWN_URL)
_URL_BESIDE = re.compile(rf"\bnew\s+URL\s*\(\s*{_STRING}\s*,\s*(?P<own_url>{_OWN_URL})\s*\)")


class Import(Struct, frozen=True):
    """A statement or an expression that names another module; source[start:end] is all of it.

    `verb`: import or export. `clause`: what stands between it and `from`. The specifier begins at `specifier_at`.
    """

    verb: str
    clause: str
    specifier: str
    specifier_at: int
    start: int
    end: int
    is_dynamic: bool


def imports_of(source: str, code: str) -> list[Import]:
    """Return what a module imports, in order; `code` is javascript_text.blanked(source).

    Raises JavaScriptError for an import that is written in a form that is not understood.
    """
    found: list[Import] = []
    for verb in _VERB.finditer(code):
        at = verb.start()
        dynamic = _DYNAMIC_IMPORT.match(code, at)
        match = dynamic or _STATEMENT.match(code, at)
        if match is None:
            if not _NO_IMPORT.match(code, at):
                raise JavaScriptError(source, at, "an import that is not understood")
            continue
        parts = match.groupdict()
        if parts.get("attributes"):
            raise JavaScriptError(source, at, "import attributes are not understood")
        specifier = source[match.start("text") : match.end("text")]
        clause = (parts.get("clause") or "").strip()
        found.append(
            Import(verb[0], clause, specifier, match.start("text"), at, match.end(), is_dynamic=dynamic is not None)
        )
    return found


class UrlBeside(Struct, frozen=True):
    """What stands in `new URL("…", import.meta.url)`, and the places of both."""

    url: str
    url_at: int
    own_url_at: int


def urls_beside(source: str, code: str) -> list[UrlBeside]:
    """Return the URLs that a module makes of its own, in order; `code` is javascript_text.blanked(source)."""
    return [
        UrlBeside(source[match.start("text") : match.end("text")], match.start("text"), match.start("own_url"))
        for match in (_URL_BESIDE.finditer(code) if "meta" in code else ())
    ]


def own_urls(code: str) -> list[tuple[int, int]]:
    """Return the places of `import.meta.url`."""
    return [match.span() for match in _OWN_URLS.finditer(code)] if "meta" in code else []

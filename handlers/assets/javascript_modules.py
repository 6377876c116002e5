"""Finds what a JavaScript module imports: static and dynamic imports, re-exports, and URLs beside `import.meta.url`."""

from __future__ import annotations

import re

from msgspec import Struct

from handlers.assets.javascript_text import JavaScriptError

_VERB = re.compile(r"(?<![\w$.#])(?:import|export)\b")
_STRING = r"(?P<quote>[\"'])(?P<text>\0*)(?P=quote)"
_STATEMENT = re.compile(
    rf"(?:import|export)(?:\b(?P<clause>[\w$*{{}},\s]+?)\bfrom\b)?\s*{_STRING}"
    r"(?P<attributes>\s*(?:with|assert)\b)?[ \t]*;?"
)
_DYNAMIC_IMPORT = re.compile(rf"import\s*\(\s*{_STRING}\s*\)")
_NO_IMPORT = re.compile(r"import\s*[.:]|export")  # import.meta, the name of a property, an export of its own
_META_URL = re.compile(rf"\bnew\s+URL\s*\(\s*{_STRING}\s*,\s*import\.meta\.url\s*\)")


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


def urls_beside(source: str, code: str) -> list[tuple[int, str]]:
    """Return what stands in `new URL("…", import.meta.url)`, each with its place."""
    return [
        (match.start("text"), source[match.start("text") : match.end("text")]) for match in _META_URL.finditer(code)
    ]

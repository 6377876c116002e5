"""Makes one style sheet of several and of what they import, so that it is loaded with one request.

`@import "x.css" layer(base) print;` becomes `@layer base{@media print{…}}` with that file's rules in it, which is what
the statement means (CSS Cascading 5, sections 2.1 and 6.4).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from handlers.assets.asset_error import AssetError
from handlers.assets.css_text import MARK, Skeleton, skeleton_of
from handlers.assets.made_file import MadeFile, MadeText
from handlers.assets.references import file_beside

_FIRST = re.compile(
    r"(?P<import>@import)\s*(?:url\()?\0(?P<mark>\d+)\0\)?\s*(?P<layer>layer\b(?:\((?P<name>[\w.-]+)\))?)?(?P<media>[^;{}]*);"
    r"|@layer[^;{}]*;"
)
_URL = re.compile(r"(?P<open>url\(\s*)?(?P<quote>[\"']?)(?P<url>[^\"'?#()\s]*)(?P<rest>.*)", re.DOTALL | re.IGNORECASE)


class StyleSheet:
    """Puts one together; `output` is the name that it is served by."""

    def __init__(self, output: str, files: Mapping[str, bytes]) -> None:
        self._folder = posixpath.dirname(output) or "."
        self._files = files
        self._text = MadeText()
        self._path: list[str] = []

    def made_of(self, names: Iterable[str]) -> MadeFile:
        """Return the style sheet. Raises AssetError, UnicodeDecodeError."""
        for name in names:
            self._add(name, "")
        return self._text.file()

    def _add(self, name: str, importer: str) -> None:
        if name in self._path:
            raise AssetError(f"files that lead to themselves: {' → '.join((*self._path, name))}")
        if name not in self._files:
            raise AssetError(f"{importer or 'a page'} names {name}, and there is no such file")
        self._path.append(name)
        try:
            skeleton = skeleton_of(self._files[name].decode())
        except AssetError as error:
            raise AssetError(f"{name}: {error}") from error
        at = 0
        while first := _FIRST.match(skeleton.code, at):
            if first["import"]:
                self._add_import(name, first, skeleton)
            else:
                self._text.add(first[0])
            at = first.end()
        if "@import" in skeleton.code[at:] or "@charset" in skeleton.code:
            raise AssetError(
                f"{name}: an @import after other rules or of a form that is not understood, or an @charset"
            )
        self._add_rules(name, skeleton, at)
        self._path.pop()

    def _add_import(self, name: str, statement: re.Match[str], skeleton: Skeleton) -> None:
        url = _URL.fullmatch(skeleton.texts[int(statement["mark"])])
        media = statement["media"].strip()
        if url is None or url["rest"].strip("\"') ") or media.startswith("supports("):
            raise AssetError(f"{name}: an @import that is not understood")
        around = [f"@layer {statement['name']}" if statement["name"] else "@layer"] if statement["layer"] else []
        around += [f"@media {media}"] if media else []
        self._text.add("".join(f"{one}{{" for one in around))
        self._add(file_beside(name, url["url"]), name)
        self._text.add("}" * len(around))

    def _add_rules(self, name: str, skeleton: Skeleton, at: int) -> None:
        for mark in MARK.finditer(skeleton.code, at):
            self._text.add(skeleton.code[at : mark.start()])
            text = skeleton.texts[int(mark[1])]
            is_url = text[:4].lower() == "url(" or skeleton.code[: mark.start()].lower().endswith("url(")
            url = _URL.fullmatch(text) if is_url else None
            target = file_beside(name, url["url"]) if url is not None and url["url"] else ""
            if url is not None and target in self._files:
                self._text.add((url["open"] or "") + url["quote"])
                self._text.add_name(posixpath.relpath(target, self._folder), target)
                self._text.add(url["rest"])
            elif url is not None and target and target != url["url"]:
                raise AssetError(f"{name} names {target}, and there is no such file")
            else:
                self._text.add(text)
            at = mark.end()
        self._text.add(skeleton.code[at:])

"""Reads a style sheet as a skeleton, in which strings and URLs are marks, and writes it without what no browser needs.

So what is looked for, or taken out, is never within a string or a URL.
"""

from __future__ import annotations

import re

from msgspec import Struct

from handlers.assets.asset_error import AssetError

MARK = re.compile(r"\0(\d+)\0")  # in a skeleton: the text with this number

_COMMENT = "\1"
_NOT_CODE = re.compile(
    r"""(?P<comment>/\*.*?\*/)|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\burl\(\s*(?:[^"'()\s\\\0\1]|\\.)*\s*\)""",
    re.DOTALL | re.IGNORECASE,
)
_NOT_ENDED = re.compile(r"""["']|/\*|\burl\(\s*[^\s\0]""", re.IGNORECASE)
_SPACE = re.compile(rf"[\s{_COMMENT}]+")
_NO_SPACE_AROUND = re.compile(r"\s*([{};,])\s*")
_NO_SPACE_AFTER = re.compile(r"(?<=[:(])\s+(?=[^\s;}])")
_NO_SPACE_BEFORE = re.compile(r"\s+(?=\))")


class Skeleton(Struct, frozen=True):
    """A style sheet without comments and needless spaces; `texts` are what its marks stand for."""

    code: str
    texts: tuple[str, ...]


def skeleton_of(source: str) -> Skeleton:
    """Raises AssetError for what does not end.

    A comment that alone stands between two words stays, empty: without it they would be one word, and with a space in
    its place `.a/**/.b` would mean something else.
    """
    texts: list[str] = []

    def kept(match: re.Match[str]) -> str:
        if match["comment"]:
            return _COMMENT
        texts.append(match[0])
        return f"\0{len(texts) - 1}\0"

    code = _NOT_CODE.sub(kept, source)
    if unended := _NOT_ENDED.search(code):
        raise AssetError(f"what begins here does not end: {code[unended.start() :][:80]}")
    code = _SPACE.sub(lambda match: " " if match[0].strip(_COMMENT) else "/**/", code)
    code = _NO_SPACE_AROUND.sub(r"\1", code)
    code = _NO_SPACE_BEFORE.sub("", _NO_SPACE_AFTER.sub("", code))
    return Skeleton(code.replace(";}", "}").strip(), tuple(texts))

"""Writes a page without comments and indentation. Pure."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<comment><!--.*?-->)
    |<(?P<verbatim>pre|textarea|script|style)\b.*?</(?P=verbatim)\s*>
    |(?P<tag></?[a-z](?:[^>"']|"[^"]*"|'[^']*')*>)
    |(?P<text>[^<]+|<)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_TAG_SPACE = re.compile(r"""("[^"]*"|'[^']*')|\s+(>)?""")
_LINE_ENDS = re.compile(r"\s*\n\s*")


def without_comments_and_indentation(source: str) -> str:
    """Return the page with a line end where there was one between elements: that is a space in a line of text.

    What `pre`, `textarea`, `script` and `style` hold, and what attributes say, stays.
    """
    pieces: list[str] = []
    text = ""
    for token in _TOKEN.finditer(source):
        if token["comment"]:
            continue
        if token["text"]:
            text += token[0]
            continue
        pieces.append(_LINE_ENDS.sub("\n", text))
        text = ""
        pieces.append(_TAG_SPACE.sub(_one_space, token[0]) if token["tag"] else token[0])
    return "".join((*pieces, _LINE_ENDS.sub("\n", text))).strip() + "\n"


def _one_space(match: re.Match[str]) -> str:
    return match[1] or match[2] or " "

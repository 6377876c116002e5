"""Finds in JavaScript what is code, and what is a comment, a string, a template or a regular expression. Pure.

It reads what the modules of `web/` are written in, not every program: whether `/` begins a regular expression is told
by what stands before it, and after `)` or `]` it never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto

from msgspec import Struct

from handlers.assets.text_edits import Edit

FILLER = "\0"  # in blanked text: what a string, template or regular expression says

_CODE = re.compile(r"""[^"'`/]+""")
_CODE_IN_TEMPLATE = re.compile(r"""[^"'`/{}]+|[{}]""")  # its braces are counted, to find the expression's end
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r"""(["'])(?:[^"'\\\n]|(?!\1)["']|\\.)*\1""", re.DOTALL)
_TEMPLATE_TEXT = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)
_REGULAR_EXPRESSION = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_LINE_ENDS = re.compile(r"[ \t]*\n\s*")
# Between two words a space stays, and between two operators of `+ - / *`, and between a number and a point.
_NEEDLESS_SPACE = re.compile(
    r" (?:(?<![\w$\\+\-/] )|(?![\w$\\+\-/*.])"
    r"|(?<=[\w$\\] )(?=[+\-/*])|(?<=[+\-/] )(?=[\w$\\])|(?<=[^\W\d] )(?=\.))"
)  # (it begins with what it takes out: that is quicker)
_SPACES = re.compile(r"[ \t]{2,}|\t")
_BEFORE_EXPRESSION = re.compile(
    r"(?<![\w$.])(?:await|case|delete|do|else|in|instanceof|new|of|return|throw|typeof|void|yield)\Z"
)


class Kind(Enum):
    CODE = auto()
    COMMENT = auto()
    STRING = auto()  # with its quotes
    TEMPLATE = auto()  # a piece between two of the template's expressions, with its delimiters
    REGULAR_EXPRESSION = auto()


class Span(Struct, frozen=True):
    """source[start:end] is of this kind."""

    kind: Kind
    start: int
    end: int


class JavaScriptError(Exception):
    """A text that is not JavaScript, or that is written in a form that is not understood; with the line's number."""

    def __init__(self, source: str, at: int, complaint: str) -> None:
        line = source.count("\n", 0, at) + 1
        text = source[at:].partition("\n")[0]
        super().__init__(f"line {line}: {complaint}: {text[:80]}")


def spans_of(source: str) -> Iterator[Span]:
    """Yield the whole source as spans, in order. Raises JavaScriptError for what does not end."""
    at = 0
    open_braces: list[int] = []  # of the expression in each open template, the innermost last
    before = ""  # the code before this place, without comments: its end tells what `/` is
    while at < len(source):
        character = source[at]
        if character == "`" or (character == "}" and open_braces and open_braces[-1] == 0):
            if character == "}":
                open_braces.pop()
            kind, end = Kind.TEMPLATE, _matched(_TEMPLATE_TEXT, source, at + 1)
            if source.startswith("${", end):
                open_braces.append(0)
                end, before = end + 2, "("
            elif end < len(source):
                end, before = end + 1, ")"
            else:
                raise JavaScriptError(source, at, "a template that does not end")
        elif character in "\"'":
            kind, end, before = Kind.STRING, _matched(_STRING, source, at), ")"
        elif character != "/":
            kind, end = Kind.CODE, _matched(_CODE_IN_TEMPLATE if open_braces else _CODE, source, at)
            if open_braces and character in "{}":
                open_braces[-1] += 1 if character == "{" else -1
            before = source[at:end].rstrip() or before
        elif source.startswith(("//", "/*"), at):
            kind, end = Kind.COMMENT, _matched(_COMMENT, source, at)
        elif _begins_expression(before):
            kind, end, before = Kind.REGULAR_EXPRESSION, _matched(_REGULAR_EXPRESSION, source, at), ")"
        else:
            kind, end, before = Kind.CODE, at + 1, "/"
        yield Span(kind, at, end)
        at = end
    if open_braces:
        raise JavaScriptError(source, len(source) - 1, "a template that does not end")


def blanked(source: str, spans: Iterable[Span] | None = None) -> str:
    """Return a text of the same length that has the code alone, so that patterns find nothing in other places.

    Comments are spaces, and what strings, templates and regular expressions say is FILLER; strings keep their quotes,
    and lines their ends. `spans` are spans_of(source), where they are known. Raises JavaScriptError.
    """
    return "".join(
        [_blank(source[span.start : span.end], span.kind) for span in (spans_of(source) if spans is None else spans)]
    )


def shortened(source: str, edits: Iterable[Edit] = (), spans: Iterable[Span] | None = None) -> str:
    """Return the program without comments, blank lines, indentation, and spaces that separate nothing; lines stay.

    The edits are made on the way. Each begins and ends in code, and what it inserts is code. `spans` as for blanked().
    Raises JavaScriptError.
    """
    pieces = ["\n"]
    code = ""
    for kind, text in _edited(source, edits, spans_of(source) if spans is None else spans):
        if kind is Kind.COMMENT:
            code += "\n" if "\n" in text else " "  # a comment with a line's end ends a statement as that does
        elif kind is Kind.CODE:
            code += text
        elif text:
            pieces += [_shortened_code(pieces[-1][-1:], code, text[0]), text]
            code = ""
    return "".join((*pieces[1:], _shortened_code(pieces[-1][-1:], code, "\n")))


def _shortened_code(before: str, code: str, after: str) -> str:
    """Shorten code between two characters that are none."""
    lines = _SPACES.sub(" ", _LINE_ENDS.sub("\n", code))
    return _NEEDLESS_SPACE.sub("", f"{before}{lines}{after}")[len(before) : -1]


def _edited(source: str, edits: Iterable[Edit], spans: Iterable[Span]) -> Iterator[tuple[Kind, str]]:
    waiting = iter(sorted(edits))
    edit = next(waiting, None)
    end = 0  # of the last edit, which may reach over several spans
    for span in spans:
        at = max(span.start, end)
        while edit is not None and edit.start < span.end:
            yield span.kind, source[at : edit.start]
            yield Kind.CODE, edit.replacement
            at = end = edit.end
            edit = next(waiting, None)
        if at < span.end:
            yield span.kind, source[at : span.end]


def _blank(text: str, kind: Kind) -> str:
    match kind:
        case Kind.CODE:
            return text
        case Kind.COMMENT:
            return "\n".join(" " * len(line) for line in text.split("\n"))
        case Kind.STRING:
            return text[0] + FILLER * (len(text) - 2) + text[-1]
    return FILLER * len(text)


def _matched(pattern: re.Pattern[str], source: str, at: int) -> int:
    found = pattern.match(source, at)
    if found is None:
        raise JavaScriptError(source, at, "what begins here does not end")
    return found.end()


def _begins_expression(before: str) -> bool:
    """Whether an expression begins after this code, so that `/` there begins a regular expression."""
    if before.endswith(("++", "--")):
        return False
    if not before or not (before[-1].isalnum() or before[-1] in ")]_$"):
        return True
    return _BEFORE_EXPRESSION.search(before) is not None

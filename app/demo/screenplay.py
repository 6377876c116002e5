"""Parses the scenes of the sample conversations. Knows no clock and no store.

A scene begins with `== ROOM WHEN`; WHEN is a day and a time of day in UTC (`20d 09:30`: twenty days ago), or a distance
from now (`5h`, `40m`). Its lines are:

    amara: text                  a message; `@ben` in it mentions ben, `@room` everybody
    [plan] amara: text           the same, with a label by which later lines of the room name it
    ben ^plan: text            a reply; `ben |plan: text` is one in the thread of that message
    ben: text {tides.txt}      a file is attached, one of app/demo/pictures.py
      + 👍 amara ben             reactions to the message above
      ~ text                   the author edits the message above
      x                        the author deletes the message above
    ! amara mute ben 30          an act: who, what, and what it takes
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

_SCENE = re.compile(r"== (\S+) (?:(\d+)d (\d\d):(\d\d)|(\d+)([hm]))")
_SAY = re.compile(r"(?:\[(\S+)\] )?([\w-]+)(?: ([|^])(\S+))?: (.+?)(?: \{(\S+)\})?")
_MINUTES = {"h": 60, "m": 1}


class When(Struct, frozen=True):
    """The time of a scene: `minutes` after midnight of a day, or, where `days_ago` is None, before now."""

    minutes: int
    days_ago: int | None = None


class Say(Struct, frozen=True):
    """A message. `reply_to` and `thread` are labels."""

    who: str
    text: str
    reply_to: str | None = None
    thread: str | None = None
    attached: str | None = None  # the name of a file


class React(Struct, frozen=True):
    emoji: str
    people: tuple[str, ...]


class Edit(Struct, frozen=True):
    text: str


class Delete(Struct, frozen=True):
    pass


class Act(Struct, frozen=True):
    """What somebody does that is no message: `verb` is a row of the player's table, `words` is what it takes."""

    who: str
    verb: str
    words: tuple[str, ...]


class Line(Struct, frozen=True):
    """One line. `label` names its message: its own, or the one above that it reacts to, edits or deletes."""

    label: str
    says: Say | React | Edit | Delete | Act


class Scene(Struct, frozen=True):
    room: str
    when: When
    lines: tuple[Line, ...]


def parse(text: str) -> Iterator[Scene]:
    """Return the scenes of a file. Raises ValueError with the line that has no known form."""
    header: tuple[str, When] | None = None
    lines: list[Line] = []
    for number, row in enumerate(text.splitlines(), 1):
        if not row.strip() or row.startswith("#"):
            continue
        if found := _SCENE.fullmatch(row):
            if header is not None:
                yield Scene(*header, tuple(lines))
            header, lines = (found[1], _when(found)), []
        elif header is None:
            raise ValueError(f"line {number}: before the first scene")
        else:
            lines.append(_line(row, number, lines))
    if header is not None:
        yield Scene(*header, tuple(lines))


def _when(found: re.Match[str]) -> When:
    if found[2] is not None:
        return When(int(found[3]) * 60 + int(found[4]), int(found[2]))
    return When(int(found[5]) * _MINUTES[found[6]])


def _line(row: str, number: int, before: Iterable[Line]) -> Line:
    if row.startswith("  "):
        label = next((line.label for line in reversed([*before]) if isinstance(line.says, Say)), None)
        if label is None:
            raise ValueError(f"line {number}: there is no message above")
        return Line(label, _follow_up(row.strip(), number))
    if row.startswith("! "):
        who, verb, *words = row.removeprefix("! ").split()
        return Line(f"act-{number}", Act(who, verb, tuple(words)))
    if found := _SAY.fullmatch(row):
        label, who, sign, target, text, attached = found.groups()
        reply_to, thread = (target if sign == one else None for one in "^|")
        return Line(label or f"line-{number}", Say(who, text, reply_to, thread, attached))
    raise ValueError(f"line {number}: no known form: {row}")


def _follow_up(row: str, number: int) -> React | Edit | Delete:
    sign, _, rest = row.partition(" ")
    if sign == "+":
        emoji, *people = rest.split()
        return React(emoji, tuple(people))
    if sign == "~":
        return Edit(rest)
    if row == "x":
        return Delete()
    raise ValueError(f"line {number}: no known form: {row}")

"""Lays the figures out as lines of a given width. Pure; colours are ANSI's, and optional."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from app.top.figures import Figures, Table

FACT_NAME = 18
FACT_WIDTH = 46  # of a name with its value: as many stand side by side as fit
BOLD, DIM, RED, YELLOW, END = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
_BY_SEVERITY = {"critical": RED}


class Style:
    """Puts colours around texts, or nothing."""

    def __init__(self, *, coloured: bool) -> None:
        self._coloured = coloured

    def __call__(self, text: str, code: str) -> str:
        return f"{code}{text}{END}" if self._coloured else text


def lines_of(figures: Figures, *, where: str, width: int, style: Style) -> list[str]:
    """The figures of the server at `where`, as lines of at most `width` characters."""
    return list(_lines(figures, where, max(20, width), style))


def _lines(figures: Figures, where: str, width: int, style: Style) -> Iterator[str]:
    yield style(cut(figures.title, width), BOLD)
    yield style(cut(where, width), DIM)
    for severity, text in figures.alerts:
        yield style(cut(f"ALERT {severity}: {text}", width), _BY_SEVERITY.get(severity, YELLOW))
    for note in figures.notes:
        yield style(cut(note, width), YELLOW)
    yield ""
    side_by_side = max(1, width // FACT_WIDTH)
    cell = width // side_by_side
    facts = figures.facts
    for start in range(0, len(facts), side_by_side):
        row = facts[start : start + side_by_side]
        yield "".join(_fact(name, value, cell) for name, value in row).rstrip()
    for table in figures.tables:
        if table.rows:
            yield ""
            yield from _table(table, width, style)


def _fact(name: str, value: str, width: int) -> str:
    return f"{cut(f'{name:{FACT_NAME}}{cleaned(value)}', width - 1):{width}}"


def _table(table: Table, width: int, style: Style) -> Iterator[str]:
    rows = [table.columns, *table.rows]
    widths = [max(len(cleaned(row[column])) for row in rows) for column in range(len(table.columns))]
    shown = _columns_that_fit(widths, width)
    first = max(min(widths[0], width - sum(2 + widths[column] for column in shown)), 1)
    for number, row in enumerate(rows):
        cells = [f"{cut(row[0], first):{first}}", *(f"  {cleaned(row[one]):>{widths[one]}}" for one in shown)]
        line = "".join(cells)
        yield style(line, DIM) if number == 0 else line


def _columns_that_fit(widths: Sequence[int], width: int) -> list[int]:
    """The columns after the first, from the left, while they fit beside ten characters of the first."""
    left = width - min(widths[0], 10)
    shown = []
    for column in range(1, len(widths)):
        left -= 2 + widths[column]
        if left < 0:
            break
        shown.append(column)
    return shown


def cut(text: str, width: int) -> str:
    """The text's first characters, with an ellipsis where it goes on."""
    text = cleaned(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def cleaned(text: str) -> str:
    """The text without what could move the cursor or turn the line around: it comes from another machine."""
    return "".join(one if unicodedata.category(one)[0] not in "CZM" or one == " " else "?" for one in text)

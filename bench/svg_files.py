"""`--svg FOLDER`: each plot as an SVG file of its own, for documents to show; light and dark, with its legend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bench import plot_style, svg_plot
from bench.result import Plot, Result

_TITLE_Y, _LEGEND_Y, _PLOT_Y = 20, 40, 46
_MARGIN, _KEY, _LETTER, _GAP = 12, 10, 6.6, 20  # a letter's width is an estimate, which only moves the next key


def write(folder: Path, results: Sequence[Result]) -> None:
    """Write the plots of the results, named after scenario and title; a later result of a scenario replaces its first.

    Raises OSError.
    """
    for result in results:
        for plot in result.findings.plots:
            if text := drawn(plot):
                (folder / f"{_name(result.name)}-{_name(plot.title)}.svg").write_text(text)


def drawn(plot: Plot) -> str:
    """The text of the file; empty where there is no point."""
    lines = svg_plot.lines(plot)
    if not lines:
        return ""
    height = _PLOT_Y + svg_plot.HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {svg_plot.WIDTH} {height}" width="{svg_plot.WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(plot.title, quote=True)}">',
        f"<style>{plot_style.VARIABLES}svg {{ font: 12px system-ui, sans-serif; }}{plot_style.RULES}"
        "svg text.title { fill: var(--text); font-weight: 600; } rect.page { fill: var(--page); }</style>",
        f'<rect class="page" width="{svg_plot.WIDTH}" height="{height}"/>',
        f'<text class="title" x="{_MARGIN}" y="{_TITLE_Y}">{escape(plot.title)}</text>',
    ]
    x = float(_MARGIN)
    for index, name in enumerate(plot.lines):
        parts.append(
            f'<rect class="{plot_style.colour(index)}" x="{x:.0f}" y="{_LEGEND_Y - _KEY}" width="{_KEY}" '
            f'height="{_KEY}"/><text x="{x + _KEY + 5:.0f}" y="{_LEGEND_Y}">{escape(name)}</text>'
        )
        x += _KEY + 5 + _LETTER * len(name) + _GAP
    return "\n".join((*parts, f'<g transform="translate(0 {_PLOT_Y})">{lines}</g>', "</svg>\n"))


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

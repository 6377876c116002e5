"""Plots as SVG text for the HTML report: lines over a numeric axis, bars of latencies. Colours are the page's CSS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.report import number
from bench.result import Operation, Plot

COLOURS = 6  # classes c0 to c5 of the page
_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 44
_TICKS = 5
_BAR, _BAR_GAP, _NAME_WIDTH, _VALUE_WIDTH = 12, 10, 230, 90
_PERCENTS = (50, 95, 99)


def lines(plot: Plot) -> str:
    """The lines of a plot, with axes from zero or below, ticks and a legend."""
    points = [point for line in plot.lines.values() for point in line]
    if not points:
        return ""
    x_ticks = _ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = _ticks(min(0.0, *(y for _, y in points)), max(y for _, y in points))
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + across * (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]),
            _TOP + down * (1 - (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])),
        )

    parts = [_opening(_HEIGHT, plot.title)]
    for tick in y_ticks:
        _, y = place(x_ticks[0], tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    for tick in x_ticks:
        x, _ = place(tick, y_ticks[0])
        parts.append(f'<text x="{x:.1f}" y="{_TOP + down + 16}" text-anchor="middle">{number(tick)}</text>')
    for index, (name, line) in enumerate(plot.lines.items()):
        where = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        parts.append(f'<polyline class="c{index % COLOURS}" points="{where}"><title>{escape(name)}</title></polyline>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{escape(plot.x)} → · {escape(plot.y)} ↑</text></svg>')
    return "".join(parts)


def latency_bars(operations: Sequence[Operation]) -> str:
    """p50, p95 and p99 of each operation as bars on one scale; nothing where no latency was measured."""
    shown = [one for one in operations if one.latency.count]
    if not shown:
        return ""
    longest_ms = max(one.latency.percentile_ms(99) or 0.0 for one in shown) or 1.0
    group = _BAR * len(_PERCENTS) + _BAR_GAP
    parts = [_opening(group * len(shown) + _BAR_GAP, "latencies")]
    across = _WIDTH - _NAME_WIDTH - _VALUE_WIDTH
    for index, one in enumerate(shown):
        top = _BAR_GAP + index * group
        middle = top + group // 2
        parts.append(f'<text x="{_NAME_WIDTH - 8}" y="{middle}" text-anchor="end">{escape(one.name)}</text>')
        for row, percent in enumerate(_PERCENTS):
            ms = one.latency.percentile_ms(percent) or 0.0
            width = max(1.0, across * ms / longest_ms)
            y = top + row * _BAR
            parts.append(
                f'<rect class="c{row}" x="{_NAME_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR - 2}"/>'
                f'<text x="{_NAME_WIDTH + width + 5:.1f}" y="{y + 9}">{number(ms)} ms</text>'
            )
    return "".join((*parts, "</svg>"))


def legend(names: Sequence[str]) -> str:
    """Which colour is which line or bar."""
    keys = (f'<span class="key c{index % COLOURS}"></span>{escape(name)}' for index, name in enumerate(names))
    return f'<p class="legend">{" ".join(keys)}</p>'


def latency_legend() -> str:
    return legend([f"p{percent}" for percent in _PERCENTS])


def _opening(height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
    )


def _ticks(lowest: float, highest: float) -> list[float]:
    """Some five round numbers that include both."""
    span = highest - lowest or abs(highest) or 1.0
    step = 10.0 ** math.floor(math.log10(span / _TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= _TICKS)
    first = math.floor(lowest / step)
    last = max(first + 1, math.ceil(highest / step))
    return [step * number for number in range(first, last + 1)]

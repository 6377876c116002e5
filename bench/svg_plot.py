"""Plots as SVG text: lines over a numeric axis, bars of latencies. Colours are the CSS of where they are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench import plot_style
from bench.report import number
from bench.result import Operation, Plot

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 12, 44
_TICKS = 5
_BAR, _BAR_GAP, _NAME_WIDTH, _VALUE_WIDTH = 12, 10, 230, 90
_PERCENTS = (50, 95, 99)
_DOTS_MAX = 12  # of a line


def lines(plot: Plot) -> str:
    """The lines of a plot, with axes and ticks. A point is a dot besides where the lines are of few."""
    xs = [x for line in plot.lines.values() for x, _ in line]
    ys = [y for line in plot.lines.values() for _, y in line]
    if not xs:
        return ""
    x_ticks = _log_ticks(min(xs), max(xs)) if plot.log_x else _ticks(min(xs), max(xs))
    y_ticks = _log_ticks(min(ys), max(ys)) if plot.log_y else _ticks(min(0.0, *ys), max(ys))
    across, down = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + across * _share(x, x_ticks, is_log=plot.log_x),
            _TOP + down * (1 - _share(y, y_ticks, is_log=plot.log_y)),
        )

    parts = [_opening(HEIGHT, plot.title)]
    for tick in y_ticks:
        _, y = place(x_ticks[0], tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    for tick in x_ticks:
        x, _ = place(tick, y_ticks[0])
        parts.append(f'<text x="{x:.1f}" y="{_TOP + down + 16}" text-anchor="middle">{number(tick)}</text>')
    for index, (name, line) in enumerate(plot.lines.items()):
        colour, places = plot_style.colour(index), [place(x, y) for x, y in line]
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="{colour}" points="{where}"><title>{escape(name)}</title></polyline>')
        if len(places) <= _DOTS_MAX:
            parts += (f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
    parts.append(f'<text x="{_LEFT}" y="{HEIGHT - 6}">{escape(plot.x)} → · {escape(plot.y)} ↑</text></svg>')
    return "".join(parts)


def latency_bars(operations: Sequence[Operation]) -> str:
    """p50, p95 and p99 of each operation as bars on one scale; nothing where no latency was measured."""
    shown = [one for one in operations if one.latency.count]
    if not shown:
        return ""
    longest_ms = max(one.latency.percentile_ms(99) or 0.0 for one in shown) or 1.0
    group = _BAR * len(_PERCENTS) + _BAR_GAP
    parts = [_opening(group * len(shown) + _BAR_GAP, "latencies")]
    across = WIDTH - _NAME_WIDTH - _VALUE_WIDTH
    for index, one in enumerate(shown):
        top = _BAR_GAP + index * group
        middle = top + group // 2
        parts.append(f'<text x="{_NAME_WIDTH - 8}" y="{middle}" text-anchor="end">{escape(one.name)}</text>')
        for row, percent in enumerate(_PERCENTS):
            ms = one.latency.percentile_ms(percent) or 0.0
            width = max(1.0, across * ms / longest_ms)
            y = top + row * _BAR
            parts.append(
                f'<rect class="{plot_style.colour(row)}" x="{_NAME_WIDTH}" y="{y}" width="{width:.1f}" '
                f'height="{_BAR - 2}"/>'
                f'<text x="{_NAME_WIDTH + width + 5:.1f}" y="{y + 9}">{number(ms)} ms</text>'
            )
    return "".join((*parts, "</svg>"))


def legend(names: Sequence[str]) -> str:
    """Which colour is which line or bar."""
    keys = (f'<span class="key {plot_style.colour(index)}"></span>{escape(name)}' for index, name in enumerate(names))
    return f'<p class="legend">{" ".join(keys)}</p>'


def latency_legend() -> str:
    return legend([f"p{percent}" for percent in _PERCENTS])


def _opening(height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
    )


def _share(value: float, ticks: Sequence[float], *, is_log: bool) -> float:
    """How far along an axis a value is, from 0 to 1."""
    first, last, value = (math.log(one) if is_log else one for one in (ticks[0], ticks[-1], value))
    return (value - first) / (last - first)


def _log_ticks(lowest: float, highest: float) -> list[float]:
    """Powers of ten, with 2 and 5 between them where these are few, that include both."""
    decades = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    factors = (1, 2, 5) if len(decades) < _TICKS else (1,)
    ticks = [factor * 10.0**decade for decade in decades for factor in factors]
    first = max(place for place, tick in enumerate(ticks) if tick <= lowest)
    last = next((place for place, tick in enumerate(ticks) if tick >= highest and place > first), len(ticks) - 1)
    return ticks[first : last + 1]


def _ticks(lowest: float, highest: float) -> list[float]:
    """Some five round numbers that include both."""
    span = highest - lowest or abs(highest) or 1.0
    step = 10.0 ** math.floor(math.log10(span / _TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= _TICKS)
    first = math.floor(lowest / step)
    last = max(first + 1, math.ceil(highest / step))
    return [step * number for number in range(first, last + 1)]

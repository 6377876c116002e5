"""The results as text for people and as one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.result import Cell, Figure, Operation, Result, Table

FORMAT_VERSION = 2
_TIMES = ("ms", "s")
_OPERATION_COLUMNS = (
    "operation", "count", "errors", "mean ms", "p50", "p95", "p99", "max", "/s", "CPU %", "RSS MB",
)  # fmt: skip
CLIENT_BOUND_MARK = "*"


def table(machine: Mapping[str, object], results: Sequence[Result]) -> str:
    """One block for each scenario: its claim, its operations, its figures, its own tables and its failures."""
    lines = [", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)]
    for result in results:
        lines += ["", *_block(result)]
    if len(results) > 1:
        times = ", ".join(f"{result.name} {result.seconds:.0f} s" for result in results)
        lines += ["", f"{times}: {sum(result.seconds for result in results) / 60:.1f} min in all"]
    failed = [result.name for result in results if result.failure_count]
    lines += ["", f"FAILED: {', '.join(failed)}" if failed else "Everything that was acked came once and in order."]
    return "\n".join(lines)


def _block(result: Result) -> Iterator[str]:
    options = " ".join(f"{name}={value}" for name, value in result.options.items())
    yield f"{result.name}  {options}  ({result.seconds:.0f} s)"
    yield f"  {result.about}"
    seen = [f"{name} {value}" for name, value in result.server.items() if value is not None]
    if result.floor_us is not None:
        seen.append(f"kernel floor {result.floor_us:.3g} µs a send")
    if seen:
        yield f"  server: {', '.join(seen)}"
    yield from aligned(operations_table(result.findings.operations))
    width = max((len(figure.name) for figure in result.figures), default=0)
    for figure in result.figures:
        yield f"    {figure.name:{width}}  {number(figure.value):>12}  {unit(result, figure)}".rstrip()
    for own in result.findings.tables:
        yield from aligned(own)
    for note in result.findings.notes:
        yield f"  {note}"
    if result.findings.client_bound:
        yield f"  {CLIENT_BOUND_MARK} limited by the load client: the server may do better"
    for failure in result.failures:
        yield f"  FAILED: {failure}"
    if left_out := result.failure_count - len(result.failures):
        yield f"  FAILED: {left_out} more"


def operations_table(operations: Iterable[Operation]) -> Table:
    """The operations as a table; those that the load client limited are marked."""
    rows = []
    for one in operations:
        latency, rss = one.latency, one.usage.rss_bytes
        rows.append(
            (
                f"{one.name} {CLIENT_BOUND_MARK}" if one.client_bound else one.name,
                one.count,
                one.errors,
                latency.mean_ms(),
                *(latency.percentile_ms(percent) for percent in (50, 95, 99)),
                latency.max_ms(),
                one.per_s,
                one.cpu_percent,
                None if rss is None else rss / 1e6,
            )
        )
    return Table("", _OPERATION_COLUMNS, rows)


def aligned(shown: Table) -> Iterator[str]:
    """The lines of a table: text to the left, numbers to the right; nothing where there are no rows."""
    if not shown.rows:
        return
    rows = [tuple(shown.columns), *(tuple(map(cell, row)) for row in shown.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(shown.columns))]
    text = [any(isinstance(row[place], str) for row in shown.rows) for place in range(len(widths))]
    if shown.title:
        yield f"  {shown.title}"
    for row in rows:
        cells = (
            one.ljust(width) if left else one.rjust(width) for one, width, left in zip(row, widths, text, strict=True)
        )
        yield f"    {'  '.join(cells)}".rstrip()


def cell(value: Cell) -> str:
    """The text of a table's cell."""
    return value if isinstance(value, str) else number(value)


def number(value: float | None) -> str:
    """Three significant digits, or all digits before the point; `-` for an unknown value."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def unit(result: Result, figure: Figure) -> str:
    """The figure's unit, marked where the load client limited it: a rate or a time while it was the bottleneck."""
    marked = result.findings.client_bound and (figure.unit in _TIMES or figure.unit.endswith("/s"))
    return f"{figure.unit} {CLIENT_BOUND_MARK}" if marked else figure.unit


def document(machine: Mapping[str, object], results: Sequence[Result]) -> str:
    """One JSON object: `{formatVersion, machine, ok, scenarios: [{name, ok, options, figures, operations, …}]}`."""
    ok = all(not result.failure_count for result in results)
    scenarios = [_scenario(result) for result in results]
    whole = {"formatVersion": FORMAT_VERSION, "machine": dict(machine), "ok": ok, "scenarios": scenarios}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _scenario(result: Result) -> dict[str, object]:
    findings = result.findings
    return {
        "name": result.name,
        "about": result.about,
        "ok": not result.failure_count,
        "options": dict(result.options),
        "server": dict(result.server),
        "seconds": round(result.seconds, 1),
        "floorUs": result.floor_us,
        "clientBound": findings.client_bound,
        "figures": [_figure(one) for one in result.figures],
        "operations": [_operation(one) for one in findings.operations],
        "tables": [
            {"title": one.title, "columns": list(one.columns), "rows": [list(row) for row in one.rows]}
            for one in findings.tables
        ],
        "plots": [
            {
                "title": one.title,
                "x": one.x,
                "y": one.y,
                "lines": {name: list(line) for name, line in one.lines.items()},
            }
            for one in findings.plots
        ],
        "notes": findings.notes,
        "failureCount": result.failure_count,
        "failures": result.failures,
    }


def _figure(figure: Figure) -> dict[str, object]:
    shown: dict[str, object] = {"name": figure.name, "value": figure.value, "unit": figure.unit}
    if figure.bound is not None:
        shown["bound"] = {
            "factor": figure.bound.factor,
            "overFloor": figure.bound.over_floor,
            "moreIsBetter": figure.bound.more_is_better,
        }
    return shown


def _operation(one: Operation) -> dict[str, object]:
    latency = one.latency
    return {
        "name": one.name,
        "count": one.count,
        "errors": one.errors,
        "seconds": one.seconds,
        "perS": one.per_s,
        "meanMs": latency.mean_ms(),
        **{f"p{percent}Ms": latency.percentile_ms(percent) for percent in (50, 95, 99)},
        "maxMs": latency.max_ms(),
        "serverCpuPercent": one.cpu_percent,
        "serverRssBytes": one.usage.rss_bytes,
        "clientBound": one.client_bound,
    }

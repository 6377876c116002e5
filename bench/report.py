"""The results as a table for people and as one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bench.scenario import Figure, Result

FORMAT_VERSION = 1


def table(machine: Mapping[str, object], results: Sequence[Result]) -> str:
    """One block for each scenario: its claim, its figures and its failures."""
    width = max((len(figure.name) for result in results for figure in result.figures), default=0)
    lines = [", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)]
    for result in results:
        options = " ".join(f"{name}={value}" for name, value in result.options.items())
        lines += ["", f"{result.name}  {options}  ({result.seconds:.0f} s)", f"  {result.about}"]
        seen = ", ".join(f"{name} {value}" for name, value in result.server.items() if value is not None)
        lines += [f"  server: {seen}"] if seen else []
        lines += [f"    {figure.name:{width}}  {number(figure):>12}  {figure.unit}" for figure in result.figures]
        lines += [f"  FAILED: {failure}" for failure in result.failures]
        left_out = result.failure_count - len(result.failures)
        lines += [f"  FAILED: {left_out} more"] if left_out else []
    failed = [result.name for result in results if result.failure_count]
    lines += ["", f"FAILED: {', '.join(failed)}" if failed else "Everything that was acked came once and in order."]
    return "\n".join(lines)


def number(figure: Figure) -> str:
    """Three significant digits, or all digits before the point; `-` for an unknown value."""
    value = figure.value
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def document(machine: Mapping[str, object], results: Sequence[Result]) -> str:
    """One JSON object: `{formatVersion, machine, ok, scenarios: [{name, ok, options, figures, failures, …}]}`."""
    scenarios = [
        {
            "name": result.name,
            "about": result.about,
            "ok": not result.failure_count,
            "options": dict(result.options),
            "server": dict(result.server),
            "seconds": round(result.seconds, 1),
            "figures": [{"name": one.name, "value": one.value, "unit": one.unit} for one in result.figures],
            "failureCount": result.failure_count,
            "failures": result.failures,
        }
        for result in results
    ]
    ok = all(not result.failure_count for result in results)
    whole = {"formatVersion": FORMAT_VERSION, "machine": dict(machine), "ok": ok, "scenarios": scenarios}
    return json.dumps(whole, indent=2, ensure_ascii=False)

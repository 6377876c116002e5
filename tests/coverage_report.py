"""Combines the data of all runs with COVERAGE=1 since the last report, and prints the total and the code that no test
ran.

A function that no test entered is named. For the others it prints their lines that no test ran, and their branches as
`from->to`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coverage import Coverage

from tests.support.coverage import FOLDER, ROOT

WIDTH = 160


def measured() -> Mapping[str, Any]:
    """Coverage's JSON report. Raises SystemExit if there are no data."""
    together = FOLDER / "data"
    coverage = Coverage(data_file=str(together), config_file=str(ROOT / "pyproject.toml"))
    if any(FOLDER.glob("data.*")):
        coverage.combine()
        coverage.save()
    elif together.exists():
        coverage.load()
    else:
        raise SystemExit("nothing was measured: COVERAGE=1 make test")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        # Tests also run copies of the checkout, which are gone by now.
        coverage.json_report(outfile=str(path), include=[str(ROOT / "*")])
        report: Mapping[str, Any] = json.loads(path.read_text())
    return report


def not_run(file: Mapping[str, Any]) -> Iterator[str]:
    """The code of a file that no test ran: functions by name, then the remaining lines and branches."""
    untouched: set[int] = set()
    for name, function in file["functions"].items():
        if name and function["missing_lines"] and not function["executed_lines"]:
            untouched.update(function["missing_lines"])
            yield f"{name}()"
    lines = [line for line in file["missing_lines"] if line not in untouched]
    if lines:
        yield "lines " + " ".join(_ranges(lines))
    unseen = set(file["missing_lines"])  # of which the branches are told already
    taken_never = ((start, end) for start, end in file["missing_branches"] if not {start, end} & unseen)
    branches = [f"{start}->{end if end > 0 else 'end'}" for start, end in taken_never]
    if branches:
        yield "branches " + " ".join(branches)


def _ranges(lines: list[int]) -> Iterator[str]:
    first = last = lines[0]
    for line in [*lines[1:], -1]:
        if line != last + 1:
            yield str(first) if first == last else f"{first}-{last}"
            first = line
        last = line


def main() -> int:
    report = measured()
    for name, file in sorted(report["files"].items()):
        found = list(not_run(file))
        if found:
            print(f"{name} ({file['summary']['percent_covered']:.0f} %)")
            for one in found:
                print(f"    {one}"[:WIDTH])
    totals = report["totals"]
    print(
        f"coverage: {totals['percent_covered']:.2f} % of {totals['num_statements']:,} lines "
        f"and {totals['num_branches']:,} branches;"
        f" not run: {totals['missing_lines']:,} lines, {totals['missing_branches']:,} branches"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

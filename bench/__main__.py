"""The command line: `python -m bench [--scenario NAME,…] [--json] [--against FILE]`. Prints the report."""

from __future__ import annotations

import argparse
import ipaddress
import socket
import sys
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import comparison, html_report, machine, report, svg_files
from bench.comparison import Comparison
from bench.errors import BenchError
from bench.measured_server import MeasuredServer
from bench.progress_line import ProgressLine
from bench.rest_client import Address
from bench.run import Run
from bench.scenario import Scenario
from bench.scenario_context import server_at
from bench.scenarios import SCENARIOS, peers
from bench.server_process import ROOT
from bench.stop_signals import StopSignals
from bench.stream_client.dialect import Dialect


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0, 1 (something was wrong or could not be measured), 2 (wrong arguments)."""
    arguments = _parser().parse_args(argv)
    try:
        scenarios = _chosen(arguments.scenario)
        options = _options(scenarios, arguments.set)
        if arguments.html is not None and not arguments.html.absolute().parent.is_dir():
            raise BenchError(f"--html {arguments.html}: there is no such folder")
        if arguments.svg is not None and not arguments.svg.is_dir():
            raise BenchError(f"--svg {arguments.svg}: there is no such folder")
        earlier = None if arguments.against is None else comparison.read(arguments.against)
        if earlier is not None:
            comparison.check_options(earlier, options)
        given = _given(arguments, scenarios)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    stop_signals = StopSignals()
    stop_signals.listen()
    facts = machine.facts(ROOT)
    progress = ProgressLine(sys.stderr)
    run = Run(progress=progress, stop_signals=stop_signals, given=given)
    comparisons: list[Comparison] = []
    if earlier is None:
        run.measure(scenarios, options)
    else:
        comparisons = run.measure_against(earlier, scenarios, options, tries=arguments.tries)
    stop_signals.check()
    progress.end()
    print(report.document(facts, run.results) if arguments.json else report.table(facts, run.results))
    compared = comparison.table(comparisons) if comparisons else None
    if arguments.html is not None:
        arguments.html.write_text(html_report.page(facts, run.results, compared))
    if arguments.svg is not None:
        svg_files.write(arguments.svg, run.results)
    if compared is not None:
        lines = report.aligned(compared)
        print("", *lines, sep="\n", file=sys.stderr if arguments.json else sys.stdout)
    has_passed = all(one.has_passed for one in comparisons)
    return 1 if not has_passed or any(result.failure_count for result in run.results) else 0


def _chosen(names: str | None) -> list[Scenario]:
    if names is None:
        return [scenario for scenario in SCENARIOS.values() if scenario.with_all]
    chosen = dict.fromkeys(names.split(","))
    for name in chosen:
        if name not in SCENARIOS:
            raise BenchError(f"--scenario {name}: there are {', '.join(SCENARIOS)}")
    return [SCENARIOS[name] for name in chosen]


def _options(scenarios: Sequence[Scenario], given: Sequence[tuple[str, int]]) -> dict[str, dict[str, int]]:
    """The options of each scenario. Several scenarios share what is given: each takes its own, and one must."""
    settings = dict(given)
    if len(scenarios) == 1:
        return {scenarios[0].name: scenarios[0].values(settings)}
    for name in settings:
        if not any(name in scenario.options for scenario in scenarios):
            raise BenchError(f"--set {name}: none of the scenarios has it")
    return {
        scenario.name: scenario.values({name: settings[name] for name in settings if name in scenario.options})
        for scenario in scenarios
    }


def _given(arguments: argparse.Namespace, scenarios: Sequence[Scenario]) -> MeasuredServer | None:
    """The server that runs already, if there is one. Raises BenchError."""
    if arguments.template is None:
        for name in ("opening", "ready"):
            if getattr(arguments, name) is not None:
                raise BenchError(f"--{name}: takes --template")
        return None if arguments.url is None else server_at(_loopback(arguments.url), arguments.pid)
    if arguments.url is None or [scenario.name for scenario in scenarios] != [peers.SCENARIO.name]:
        raise BenchError("--template: takes --url and --scenario peers alone")
    if arguments.template.count("%m") != 1:
        raise BenchError("--template: takes a text with %m in it once")
    parts = urllib.parse.urlsplit(arguments.url)
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    dialect = Dialect(
        path=path, message=arguments.template, opening=arguments.opening, ready=arguments.ready, batches=True
    )
    return server_at(_loopback(arguments.url), arguments.pid, dialect)


def _loopback(url: str) -> Address:
    """Raises BenchError for any other machine: this is a load generator."""
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port or 80
        host = socket.getaddrinfo(parts.hostname, port, socket.AF_INET)[0][4][0]
    except (ValueError, OSError) as error:
        raise BenchError(f"--url {url}: {error}") from error
    if parts.scheme not in ("http", "ws") or not ipaddress.ip_address(host).is_loopback:
        raise BenchError(f"--url {url}: takes http:// and an address of this machine's loopback")
    return Address(str(host), port)


def _setting(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    return name, int(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the server from outside and checks all it delivers.",
        epilog=_catalogue(SCENARIOS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scenario", metavar="NAME,…", help="only these; default: all but the long ones")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--html", metavar="FILE", type=Path, help="also write a page with tables and plots")
    parser.add_argument("--svg", metavar="FOLDER", type=Path, help="also write each plot into a file of its own")
    parser.add_argument(
        "--against",
        metavar="FILE",
        type=Path,
        help="compare with an earlier --json: exit 1 where a figure is worse than its bound allows, or lost",
    )
    parser.add_argument(
        "--tries",
        metavar="N",
        type=int,
        choices=range(1, 10),
        default=1,
        help="with --against: run what is worse again, up to N times in all, and count the best (default 1)",
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", type=_setting, action="append", default=[], help="an option, below"
    )
    parser.add_argument("--url", help="a server that runs already on the loopback, with its limits raised by you")
    parser.add_argument(
        "--template",
        metavar="TEXT",
        help="with --url ws://… and --scenario peers: the text of a message of that server, %%m being what it carries",
    )
    parser.add_argument("--opening", metavar="TEXT", help="with --template: a text that the server wants first")
    parser.add_argument(
        "--ready", metavar="TEXT", help="with --template: how the text begins by which the server says that one is in"
    )
    parser.add_argument("--pid", type=int, help="with --url: that server's process, for its CPU and memory")
    return parser


def _catalogue(scenarios: Mapping[str, Scenario]) -> str:
    lines = ["scenarios:"]
    for scenario in scenarios.values():
        lines.append(f"  {scenario.name:11} {scenario.about}{'' if scenario.with_all else ' (only when named)'}")
        for name, option in scenario.options.items():
            given = f"{name}={option.default}"
            lines.append(f"    {given:21} {option.about}, {option.lowest} to {option.highest}")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)  # before it listens for signals, and has started anything; no traceback for a Ctrl-C

"""The command line: `python -m bench [--scenario NAME] [--json]`. Runs scenarios and prints the report."""

from __future__ import annotations

import argparse
import ipaddress
import socket
import sys
import time
import urllib.parse
from collections.abc import Mapping, Sequence

from bench import machine, report
from bench.errors import BenchError
from bench.progress_line import ProgressLine
from bench.rest_client import Address
from bench.result import Result
from bench.scenario import Scenario
from bench.scenario_context import ScenarioContext, server_at
from bench.scenarios import SCENARIOS
from bench.server_process import ROOT
from bench.stop_signals import StopSignals


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0, 1 (something was wrong or could not be measured), 2 (wrong arguments)."""
    arguments = _parser().parse_args(argv)
    try:
        scenarios = _chosen(arguments.scenario)
        options = {scenario.name: scenario.values(dict(arguments.set)) for scenario in scenarios}
        given = None if arguments.url is None else server_at(_loopback(arguments.url), arguments.pid)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    stop_signals = StopSignals()
    stop_signals.listen()
    facts = machine.facts(ROOT)
    progress = ProgressLine(sys.stderr)
    results = []
    for scenario in scenarios:
        context = ScenarioContext(scenario.name, options[scenario.name], progress, stop_signals, given=given)
        results.append(_result(scenario, context))
    stop_signals.check()
    progress.end()
    print(report.document(facts, results) if arguments.json else report.table(facts, results))
    return 1 if any(result.failure_count for result in results) else 0


def _result(scenario: Scenario, context: ScenarioContext) -> Result:
    started = time.monotonic()
    figures = []
    try:
        figures = scenario.run(context)
    except BenchError as error:
        context.failures.add(str(error))
    return Result(
        name=scenario.name,
        about=scenario.about,
        options=context.options,
        figures=figures,
        failure_count=context.failures.count,
        failures=context.failures.kept,
        seconds=time.monotonic() - started,
        server=context.server_facts,
        findings=context.findings,
    )


def _chosen(name: str | None) -> list[Scenario]:
    if name is None:
        return [scenario for scenario in SCENARIOS.values() if scenario.with_all]
    if name not in SCENARIOS:
        raise BenchError(f"--scenario {name}: there are {', '.join(SCENARIOS)}")
    return [SCENARIOS[name]]


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
    parser.add_argument("--scenario", metavar="NAME", help="only this one; default: all but the long ones")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", type=_setting, action="append", default=[], help="an option, below"
    )
    parser.add_argument("--url", help="a server that runs already on the loopback, with its limits raised by you")
    parser.add_argument("--pid", type=int, help="with --url: that server's process, for its CPU and memory")
    return parser


def _catalogue(scenarios: Mapping[str, Scenario]) -> str:
    lines = ["scenarios:"]
    for scenario in scenarios.values():
        lines.append(f"  {scenario.name:8} {scenario.about}{'' if scenario.with_all else ' (only when named)'}")
        for name, option in scenario.options.items():
            lines.append(f"    {name}={option.default:<8} {option.about}, {option.lowest} to {option.highest}")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)  # before it listens for signals, and has started anything; no traceback for a Ctrl-C

"""The arguments of `python -m bench`, parsed in this process: what it refuses, and why.

From outside it is in test_command_line.py.
"""

from __future__ import annotations

import pytest

from bench.__main__ import main
from bench.scenarios import SCENARIOS


def exit_code(*arguments: str) -> int | str | None:
    """Of a run that ends with its arguments, whether argparse ends it or we do."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--scenario", "nonsense"],
            f"--scenario nonsense: there are {', '.join(SCENARIOS)}",
        ),
        (["--scenario", "idle", "--set", "nonsense=1"], "--set nonsense: idle has connections"),
        (["--scenario", "idle", "--set", "connections=9001"], "--set connections=9001: idle takes 1 to 9000"),
        (["--url", "http://192.0.2.1:8000"], "takes http:// and an address of this machine's loopback"),
        (["--url", "https://127.0.0.1"], "takes http:// and an address of this machine's loopback"),
        (["--set", "connections"], "argument --set"),
        (["--scenario", "idle,echo", "--set", "rate=1"], "--set rate: none of the scenarios has it"),
        (["--scenario", "idle", "--against", "/nonexistent"], "--against /nonexistent: "),
        (["--html", "/nonexistent/report.html"], "--html /nonexistent/report.html: there is no such folder"),
        (["--svg", "/nonexistent"], "--svg /nonexistent: there is no such folder"),
        (["--scenario", "idle", "--tries", "0"], "argument --tries"),
        (["--template", "%m"], "--template: takes --url and --scenario peers alone"),
        (["--template", "%m", "--url", "ws://127.0.0.1:1"], "--template: takes --url and --scenario peers alone"),
        (
            ["--template", "x", "--url", "ws://127.0.0.1:1", "--scenario", "peers"],
            "--template: takes a text with %m in it once",
        ),
        (["--opening", "x"], "--opening: takes --template"),
        (["--ready", "x"], "--ready: takes --template"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_arguments_are_refused_with_exit_2_and_a_reason(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == 2
    assert said in capsys.readouterr().err


def test_help_lists_every_scenario_and_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in SCENARIOS)
    assert "connections=1000" in text

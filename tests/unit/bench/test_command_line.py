"""`python -m bench` from outside: what it prints, how it exits, and one small run against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]


def bench(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_small_fanout_against_a_real_server_delivers_all_and_leaves_nothing(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("connections=20", "seconds=2", "rate=60")]
    done = bench("--scenario", "fanout", "--json", *options, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert {"cores", "python", "kernel", "commit"} <= report["machine"].keys()
    (scenario,) = report["scenarios"]
    assert scenario["failures"] == []
    figures = {figure["name"]: figure["value"] for figure in scenario["figures"]}
    assert figures["deliveries"] == 20 * 2 * 60
    measured = ("server CPU per delivery", "floor: bare send() from Python", "due to delivery, p50")
    assert all(figures[name] > 0 for name in measured)
    assert figures["due to delivery, p50"] <= figures["due to delivery, p95"] <= figures["due to delivery, p99"]
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_start_fails_the_scenario_with_its_reason(tmp_path: Path) -> None:
    done = bench("--scenario", "idle", LOG_LEVEL="nonsense", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "FAILED: the server did not start" in done.stdout
    assert "LOG_LEVEL" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bench_that_is_told_to_stop_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "bench", "--scenario", "fanout"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("*/data/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        (data,) = tmp_path.glob("*/data")
        (server,) = [one for one in psutil.Process(running.pid).children() if "server.py" in one.cmdline()]
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert "Traceback" not in out + err
    assert not server.is_running()
    assert not data.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "nonsense"], "--scenario nonsense: there are fanout, echo, idle, spike"),
        (["--scenario", "idle", "--set", "nonsense=1"], "--set nonsense: idle has connections"),
        (["--scenario", "idle", "--set", "connections=9001"], "--set connections=9001: idle takes 1 to 9000"),
        (["--url", "http://192.0.2.1:8000"], "takes http:// and an address of this machine's loopback"),
        (["--url", "https://127.0.0.1"], "takes http:// and an address of this machine's loopback"),
        (["--set", "connections"], "argument --set"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_arguments_are_refused_with_exit_2_and_a_reason(arguments: list[str], said: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_scenario_and_its_options() -> None:
    text = bench("--help").stdout
    assert all(f"  {name}" in text for name in ("fanout", "echo", "idle", "spike"))
    assert "connections=1000" in text

"""`python -m bench` from outside: what it prints, how it exits, and one small run against a real server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parents[3]


# Other tests take most of both cores meanwhile, so a server would rightly shed messages (load_shedding.py).
NEVER_SHEDS = {"RATE_LIMIT_ADAPTIVE": "false"}


def bench(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    environ = os.environ | NEVER_SHEDS | environ
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180, check=False)


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
    measured = ("server CPU per delivery", "floor: bare send() from Python", "message to delivery, p50")
    assert all(figures[name] > 0 for name in measured)
    assert (
        figures["message to delivery, p50"]
        <= figures["message to delivery, p95"]
        <= figures["message to delivery, p99"]
    )
    assert list(tmp_path.iterdir()) == []


def test_small_changes_against_a_real_server_come_once_and_in_order(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("connections=20", "senders=5", "seconds=2", "rate=60")]
    figures = figures_of(bench("--scenario", "changes", "--json", *options, TMPDIR=str(tmp_path)))
    assert figures["changes"] == 2 * 60
    assert 2 * 60 // 2 < figures["events to each connection"] <= 2 * 60, "every edit, and reactions that may share one"
    assert all(figures[name] > 0 for name in ("server CPU per delivery", "change to ack, p50"))


def test_a_small_mix_of_requests_and_messages_is_delivered_and_reported_by_kind(tmp_path: Path) -> None:
    sizes = ("connections=20", "rooms=2", "users=2", "rate=50", "request_rate=50", "http_connections=4", "seconds=2")
    done = bench("--scenario", "mixed", "--json", *[f"--set={size}" for size in sizes], TMPDIR=str(tmp_path))
    figures = figures_of(done)
    assert (figures["requests/s"], figures["messages/s over WebSockets"], figures["errors"]) == (50, 50, 0)
    rows = {row["name"]: row for row in json.loads(done.stdout)["scenarios"][0]["operations"]}
    assert rows["message to ack"]["count"] == 100
    assert rows["message to delivery"]["count"] == 10 * (100 + rows["POST /messages"]["count"])
    assert sum(row["count"] for name, row in rows.items() if "GET" in name or "POST" in name) == 100
    assert all(0 < row["p50Ms"] <= row["p99Ms"] <= row["maxMs"] for row in rows.values())


@pytest.mark.slow
def test_a_small_spike_leaves_nobody_without_a_message(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("connections=20", "present=5", "users=4", "seconds=1")]
    done = bench("--scenario", "spike", "--json", *options, TMPDIR=str(tmp_path))
    assert figures_of(done)["all joined after"] > 0
    rows = {row["name"]: row for row in json.loads(done.stdout)["scenarios"][0]["operations"]}
    assert [rows[f"{name}: connect to joined"]["count"] for name in ("all arrive", "all come back")] == [20, 20]
    assert rows["all write: message to delivery"]["count"] == 5 * 20 * 25


@pytest.mark.slow
def test_a_small_performance_run_has_four_phases_with_requests_and_messages(tmp_path: Path) -> None:
    sizes = ("connections=20", "rooms=2", "users=2", "quiet_seconds=1", "load_seconds=2", "spike_seconds=1")
    done = bench("--scenario", "performance", "--json", *[f"--set={size}" for size in sizes], TMPDIR=str(tmp_path))
    assert figures_of(done)["load: requests and messages"] == pytest.approx(200)
    rows = {row["name"] for row in json.loads(done.stdout)["scenarios"][0]["operations"]}
    for phase in ("warm-up", "load", "spike", "cool-down"):
        assert {f"{phase}: message to delivery", f"{phase}: GET /messages"} <= rows
    assert "spike: connect to joined" in rows


@pytest.mark.slow
def test_a_stress_run_ends_at_the_criterion_and_names_it(tmp_path: Path) -> None:
    sizes = ("rooms=2", "connections=2", "rate=9000", "p99_ms=10", "seconds=1")
    done = bench("--scenario", "stress", "--json", *[f"--set={size}" for size in sizes], TMPDIR=str(tmp_path))
    (scenario,) = json.loads(done.stdout)["scenarios"]
    assert scenario["failures"] == []
    figures = {figure["name"]: figure["value"] for figure in scenario["figures"]}
    assert figures["fails at"] >= 9000 > 0
    assert any("messages/s failed: " in note for note in scenario["notes"])


@pytest.mark.slow
def test_a_short_soak_has_everything_at_once_and_says_what_grew(tmp_path: Path) -> None:
    sizes = (
        "minutes=1",
        "stretch_seconds=2",
        "connections=20",
        "rooms=2",
        "users=2",
        "request_rate=10",
        "reconnect_rate=5",
    )
    done = bench("--scenario", "soak", "--json", *[f"--set={size}" for size in sizes], TMPDIR=str(tmp_path))
    (scenario,) = json.loads(done.stdout)["scenarios"]
    # Loop lag and latencies may grow where other tests begin meanwhile: whether it passed is not asked here.
    assert not [failure for failure in scenario["failures"] if " grew from " not in failure]
    figures = {figure["name"]: figure["value"] for figure in scenario["figures"]}
    assert figures["messages"] == 30 * 60
    assert figures["edits and reactions"] == 10 * 60
    assert figures["connections that came back"] > 200
    (growth,) = scenario["tables"]
    assert [row[0] for row in growth["rows"]][:2] == ["resident memory", "open descriptors"]
    assert [len(plot["lines"][row[0]]) for plot, row in zip(scenario["plots"], growth["rows"], strict=True)] == [30] * 4


def children_of(pid: int) -> list[str]:
    """The names of those that run."""
    names = []
    for one in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            names.append(one.name())
    return names


def figures_of(done: subprocess.CompletedProcess[str]) -> dict[str, float]:
    """The figures of the only scenario, which passed; of figures of one name the last."""
    assert done.returncode == 0, done.stdout + done.stderr
    (scenario,) = json.loads(done.stdout)["scenarios"]
    assert scenario["failures"] == []
    assert all(figure["value"] is not None for figure in scenario["figures"])
    return {figure["name"]: figure["value"] for figure in scenario["figures"]}


@pytest.mark.slow
def test_a_small_scale_delivers_all_over_all_processes(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("rooms=2", "connections=6", "rate=60", "processes=2", "seconds=1")]
    figures = figures_of(bench("--scenario", "scale", "--json", *options, TMPDIR=str(tmp_path)))
    assert figures["deliveries"] == 3 * 60 * 6
    costs = [
        figures[f"{name}: server CPU per delivery"] for name in ("1 process without Redis", "1 process", "2 processes")
    ]
    assert all(cost > 0 for cost in costs)
    assert figures["2 processes over 1 process, both CPU per delivery"] == pytest.approx(costs[2] / costs[1])
    assert list(tmp_path.iterdir()) == []


def test_a_small_rest_asks_each_question_and_compares_it_with_tornado_alone(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("rooms=2", "messages=5", "connections=2", "turns=1", "turn_ms=200")]
    figures = figures_of(bench("--scenario", "rest", "--json", *options, TMPDIR=str(tmp_path)))
    tornado = "Tornado's own /health"
    for what in ("/health", "newest page", "a room", "my rooms"):
        assert figures[f"{what}: of {tornado}"] == pytest.approx(figures[what] / figures[tornado])
        assert figures[f"{what}: server CPU per request"] >= 0
    assert figures["newest page: of /health"] == pytest.approx(figures["newest page"] / figures["/health"])
    assert list(tmp_path.iterdir()) == []


def test_a_small_search_finds_what_was_written_and_compares_a_scan(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("messages=1000", "rooms=5", "searches=5")]
    figures = figures_of(bench("--scenario", "search", "--json", *options, TMPDIR=str(tmp_path)))
    assert figures["a rare word: p95"] >= figures["a rare word: p50"] > 0
    assert figures["a word of half the messages: against a scan"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_small_cache_compares_each_way_and_counts_hits(tmp_path: Path) -> None:
    options = [
        f"--set={option}" for option in ("rooms=3", "messages=100", "askers=2", "turns=1", "turn_ms=10", "seconds=1")
    ]
    figures = figures_of(bench("--scenario", "cache", "--json", *options, TMPDIR=str(tmp_path)))
    for what in ("newest 50", "user", "room stats"):
        for askers in (1, 2):
            assert all(figures[f"{what}, {askers} at once: {way}"] > 0 for way in ("not cached", "memory", "Redis"))
    assert figures["mixed, memory: hits of user reads"] == figures["mixed, Redis: hits of user reads"] == 100
    assert all(50 < figures[f"mixed, {way}: hits of all reads"] <= 100 for way in ("memory", "Redis"))
    assert list(tmp_path.iterdir()) == []


CLAIMS_SMALL = [
    f"--set={option}"
    for option in (
        "rooms=2", "askers=2", "seconds=1", "turn_ms=10", "messages=1000", "connections=20", "senders=5",
        "loop_ms=100", "requests=50", "rate=100", "most=30",
    )
]  # fmt: skip


def claims_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """The rows of the table of claims, by claim."""
    (scenario,) = json.loads(done.stdout)["scenarios"]
    assert scenario["failures"] == []
    (table,) = scenario["tables"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    return {row["claim"]: row for row in rows}


@pytest.mark.slow
def test_small_claims_say_of_each_what_was_measured_and_a_claim_that_does_not_hold_fails_nothing(
    tmp_path: Path,
) -> None:
    done = bench("--scenario", "claims", "--json", *CLAIMS_SMALL, TMPDIR=str(tmp_path), MONGO_URI="")
    assert done.returncode == 0, done.stdout + done.stderr
    claims = claims_of(done)
    assert claims["requests"]["verdict"] == "does not hold: less than 50,000"
    assert claims["connections of one process"]["measured"] == 30
    assert claims["requests that failed"]["verdict"] == "holds"
    without_mongod = [one for name, one in claims.items() if "MongoDB" in name]
    assert len(without_mongod) == 4
    assert {one["verdict"] for one in without_mongod} == {"not measurable here: MONGO_URI is unset: there is no mongod"}
    assert all(one["measured"] is not None for name, one in claims.items() if "MongoDB" not in name)
    assert claims["send to delivery, mean"]["without"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_claims_without_redis_server_say_so_and_measure_the_others(tmp_path: Path) -> None:
    environ = {"PATH": "/nonexistent", "TMPDIR": str(tmp_path), "MONGO_URI": ""}
    done = bench("--scenario", "claims", "--json", *CLAIMS_SMALL, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    claims = claims_of(done)
    without_redis = {one["verdict"] for name, one in claims.items() if "(Redis)" in name or "processes" in name}
    assert without_redis == {"not measurable here: redis-server is not on PATH"}
    assert all(one["measured"] > 0 for name, one in claims.items() if "(memory)" in name)


@pytest.mark.slow
def test_a_small_publish_measures_each_way_at_each_rate(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("turns=1", "turn_ms=200")]
    figures = figures_of(bench("--scenario", "publish", "--json", *options, TMPDIR=str(tmp_path)))
    ways = (
        "floor: bare send() and recv()",
        "publish",
        "publish and update the cache",
        "publish where the room is open",
    )
    assert {f"{rate}/s: {way}" for rate in ("50", "5,000") for way in ways} <= figures.keys()
    assert figures["5,000/s: publish"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_small_overload_compares_a_server_that_sheds_with_one_that_does_not(tmp_path: Path) -> None:
    options = [f"--set={option}" for option in ("rooms=2", "senders=2", "readers=1", "peak_seconds=1", "seconds=1")]
    figures = figures_of(bench("--scenario", "overload", "--json", *options, TMPDIR=str(tmp_path)))
    for name in ("shedding", "not shedding"):
        peak, offered, acked = (figures[f"{name}: {what}"] for what in ("peak", "offered", "acked"))
        assert peak > 0
        assert 0 < offered <= 3.1 * peak
        assert figures[f"{name}: acked, of the peak"] == pytest.approx(100 * acked / peak)
        assert figures[f"{name}: deliveries to readers"] > 0
        assert figures[f"{name}: answer to a ping, which is the loop's lag, p99"] > 0
    assert figures["not shedding: refused"] == 0
    assert list(tmp_path.iterdir()) == []


def slow(*values: object) -> Any:
    """Another of a kind of which one runs each time."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", ["cache", slow("scale"), slow("publish")])
def test_without_redis_server_a_scenario_that_needs_it_says_so_in_one_line(tmp_path: Path, name: str) -> None:
    small = {"scale": ["--set=rooms=1", "--set=connections=1"]}.get(name, [])
    done = bench("--scenario", name, *small, PATH="/nonexistent", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "  FAILED: redis-server is not on PATH (Debian: apt-get install redis-server)\n" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_start_fails_the_scenario_with_its_reason(tmp_path: Path) -> None:
    done = bench("--scenario", "idle", LOG_LEVEL="nonsense", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "FAILED: the server did not start" in done.stdout
    assert "LOG_LEVEL" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("publish", signal.SIGINT),
        slow("publish", signal.SIGTERM),
        *(slow(name, number) for name in ("cache", "scale") for number in (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_a_scenario_with_redis_that_gets_a_signal_leaves_nothing(
    tmp_path: Path, name: str, number: signal.Signals
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "bench", "--scenario", name],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        deadline = time.monotonic() + 60
        while "redis-server" not in children_of(running.pid) and time.monotonic() < deadline:
            time.sleep(0.05)  # the poll's pace
        time.sleep(0.5)  # somewhere in the middle
        started = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(number)
        out, err = running.communicate(timeout=90)
    assert running.returncode == 128 + number
    assert "Traceback" not in out + err
    assert psutil.wait_procs(started, timeout=30)[1] == []  # multiprocessing's own helper ends after the bench
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, slow(signal.SIGINT)])
def test_a_bench_that_gets_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "bench", "--scenario", "fanout"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("*/data/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        (data,) = tmp_path.glob("*/data")
        (server,) = [one for one in psutil.Process(running.pid).children() if "server.py" in one.cmdline()]
        running.send_signal(number)
        out, err = running.communicate(timeout=90)
    assert running.returncode == 128 + number
    assert "Traceback" not in out + err
    assert not server.is_running()
    assert not data.exists()
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_are_exit_2_and_a_line_that_says_why() -> None:
    done = bench("--scenario", "idle", "--set", "nonsense=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--set nonsense: idle has connections\n"


def test_help_is_exit_0() -> None:
    done = bench("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "connections=1000" in done.stdout

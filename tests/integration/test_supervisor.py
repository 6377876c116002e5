"""Programs that are watched: ended before they are ready, ending again and again, not ending when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from deploy.supervisor import SAME_SIGNAL_S, Child, Cluster, ClusterError, Output
from tests.support.server import ROOT
from tests.support.waiting import poll

STAYS = "while kill -0 $PPID; do sleep 0.05; done"


class Log:
    """What was put out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.output = Output(self._descriptor)

    def lines(self, beginning: str) -> list[str]:
        return [line for line in self._path.read_text().splitlines() if line.startswith(beginning)]

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    one = Log(tmp_path / "log")
    yield one
    one.close()


def child(name: str, script: str, log: Log, is_ready: Callable[[], bool] = lambda: True) -> Child:
    return Child(name, ["sh", "-c", script], env={"PATH": os.environ["PATH"]}, is_ready=is_ready, output=log.output)


def cluster(chat: Child, log: Log) -> tuple[Cluster, SimpleQueue[int]]:
    signals: SimpleQueue[int] = SimpleQueue()
    nginx = child("nginx", STAYS, log)
    return Cluster(
        redis=[], chats=[chat], nginx=nginx, signals=signals, has_terminal=False, log=log.output.line
    ), signals


def test_what_ends_before_it_is_ready_stops_the_start_with_its_exit_code(log: Log) -> None:
    one, _ = cluster(child("p1", "echo no such setting; exit 2", log, is_ready=lambda: False), log)
    with pytest.raises(ClusterError, match="p1 ended with 2 before it was ready") as refused:
        one.run(lambda: pytest.fail("it was announced"))
    assert refused.value.code == 2
    assert log.lines("p1: ") == ["p1: no such setting"]
    assert not log.lines("cluster: nginx started")


def test_what_ends_again_and_again_is_started_each_time_later(log: Log) -> None:
    one, signals = cluster(child("p1", "sleep 1; exit 3", log), log)
    over = threading.Event()

    def end_it_after_three() -> None:
        while len(log.lines("cluster: p1 ended")) < 3 and not over.wait(0.05):  # the poll's pace
            pass
        signals.put(signal.SIGTERM)

    watcher = threading.Thread(target=end_it_after_three)
    watcher.start()
    try:
        assert one.run(lambda: None) == 0
    finally:
        over.set()
        watcher.join()
    ended = "cluster: p1 ended with 3; it starts again in"
    assert log.lines("cluster: p1 ended")[:3] == [f"{ended} {after} s" for after in ("0.25", "0.5", "1")]


@contextmanager
def meanwhile(work: Callable[[Callable[[Callable[[], object]], None]], None]) -> Iterator[None]:
    """On a thread beside the cluster, which has this one: `work(wait)`, where `wait(condition)` ends, too, when the
    cluster does.
    """
    over = threading.Event()

    def wait(condition: Callable[[], object]) -> None:
        while not condition() and not over.wait(0.05):  # the poll's pace
            pass

    thread = threading.Thread(target=work, args=(wait,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def run_by(file: Path, log: Log, is_ready: Callable[[], bool] = lambda: True) -> Child:
    """A child whose start fails, as a fork can, while its file is away."""
    return Child("p1", [str(file)], env={"PATH": os.environ["PATH"]}, is_ready=is_ready, output=log.output)


def test_what_cannot_be_started_again_is_tried_each_time_later_while_the_others_run(log: Log, tmp_path: Path) -> None:
    end = tmp_path / "end"
    file = program(tmp_path / "p1", f"until [ -e {end} ]; do sleep 0.05; done; rm $0; exit 3")
    one, signals = cluster(run_by(file, log), log)

    def put_it_back(wait: Callable[[Callable[[], object]], None]) -> None:
        wait(lambda: len(log.lines("cluster: p1 could not be started")) >= 2)
        program(file, STAYS)
        wait(lambda: len(log.lines("cluster: p1 started")) >= 2)
        signals.put(signal.SIGTERM)

    with meanwhile(put_it_back):
        assert one.run(end.touch) == 0
    why = f"cluster: p1 could not be started: [Errno 2] No such file or directory: '{file}'; it starts again in"
    assert log.lines("cluster: p1 ended") == ["cluster: p1 ended with 3; it starts again in 0.25 s"]
    assert log.lines("cluster: p1 could not")[:2] == [f"{why} 0.5 s", f"{why} 1 s"]
    assert len(log.lines("cluster: nginx started")) == 1, "it ran all the while"


def test_a_rolling_restart_whose_start_fails_is_left_off_and_the_start_tried_again(log: Log, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    file = program(tmp_path / "p1", f"trap 'rm $0; exit' TERM; : >{ready}; {STAYS}")
    one, signals = cluster(run_by(file, log, is_ready=ready.exists), log)

    def put_it_back(wait: Callable[[Callable[[], object]], None]) -> None:
        wait(lambda: log.lines("cluster: p1 could not be started"))
        program(file, STAYS)
        wait(lambda: len(log.lines("cluster: p1 started")) >= 2)
        signals.put(signal.SIGTERM)

    with meanwhile(put_it_back):
        assert one.run(lambda: signals.put(signal.SIGHUP)) == 0
    assert log.lines("rolling restart") == ["rolling restart: p1", "rolling restart left off: p1 did not come back"]
    assert log.lines("cluster: p1 could not")[0].endswith("; it starts again in 0.25 s")


def test_what_cannot_be_started_at_first_is_a_refusal(log: Log, tmp_path: Path) -> None:
    one, _ = cluster(run_by(tmp_path / "nowhere", log), log)
    with pytest.raises(ClusterError, match=r"^p1 could not be started: .*No such file"):
        one.run(lambda: pytest.fail("it was announced"))


def test_a_child_without_a_thread_for_its_output_is_killed_and_started_again_later(log: Log) -> None:
    one = child("p1", STAYS, log)
    before = threading.stack_size(2**48)  # more than a process can address: each start of a thread fails
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            one.start()
        assert one.exit_code == -signal.SIGKILL
        one.is_kept_running = True
        now = time.monotonic()
        one.restart_if_ended(now)  # notices the end
        one.restart_if_ended(now + 1)
        assert not one.is_running
        threading.stack_size(before)
        one.restart_if_ended(now + 9)
        assert one.is_running
    finally:
        threading.stack_size(before)
        one.finish()
    failed = "cluster: p1 could not be started: can't start new thread; it starts again in 0.5 s"
    assert log.lines("cluster: p1 could not") == [failed]


def test_told_to_end_twice_it_does_not_wait_and_the_same_order_at_once_is_one(log: Log, tmp_path: Path) -> None:
    ready, over = tmp_path / "ready", threading.Event()
    stubborn = child("p1", f"trap '' TERM; : >{ready}; {STAYS}", log, is_ready=ready.exists)
    one, signals = cluster(stubborn, log)

    def keep_asking() -> None:
        over.wait(SAME_SIGNAL_S + 0.2)
        while not over.wait(0.1):
            signals.put(signal.SIGINT)

    again = threading.Thread(target=keep_asking)

    def announce() -> None:
        signals.put(signal.SIGTERM)
        signals.put(signal.SIGTERM)
        again.start()

    try:
        assert one.run(announce) == 1
    finally:
        over.set()
        again.join()
    assert stubborn.exit_code == -signal.SIGKILL


def test_who_stops_reading_the_output_stops_nobody() -> None:
    reading, writing = os.pipe()
    output = Output(writing)
    os.close(reading)
    output.line("nobody hears this")
    output.line(b"nor this")
    os.close(writing)


PROGRAM = """
import os, signal, sys
from queue import SimpleQueue
from deploy.supervisor import Child, Cluster, Output

signals, output = SimpleQueue(), Output(1)
signal.signal(signal.SIGTERM, lambda received, _: signals.put(received))
def child(name, script):
    return Child(name, ["sh", "-c", script], env={"PATH": os.environ["PATH"]}, is_ready=lambda: True, output=output)
talk = "yes 'what it has to say' | head -c 4000000"
chat = child("p1", f"{talk}; : >{sys.argv[1]}; while kill -0 $PPID; do sleep 0.05; done")
nginx = child("nginx", "exec sleep 3600")
cluster = Cluster(redis=[], chats=[chat], nginx=nginx, signals=signals, has_terminal=False, log=output.line)
sys.exit(cluster.run(lambda: output.line("cluster ready")))
"""


def test_a_reader_who_stops_reading_stops_neither_what_is_watched_nor_who_watches(tmp_path: Path) -> None:
    said_all = tmp_path / "said"
    reading, writing = os.pipe()
    watcher = subprocess.Popen([sys.executable, "-c", PROGRAM, str(said_all)], stdout=writing, cwd=ROOT)
    os.close(writing)
    try:
        poll(said_all.exists)
        watcher.terminate()
        assert watcher.wait(60) == 0
    finally:
        watcher.kill()
        watcher.wait()
    with os.fdopen(reading, "rb") as left:
        # Either may be first: that it was started is said while it speaks already.
        assert left.read().startswith((b"cluster: p1 started", b"p1: what it has to say\n")), "and what fitted came"

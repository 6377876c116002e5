"""Runs programs that form one cluster: starts them in order, restarts those that end, and ends them in order.

One thread supervises all of them. A thread for each program forwards its output, and one thread writes all output. This
module does not know which programs they are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

from monitor.log_line_writer import LineWriter

PACE_S = 0.1
READY_WITHIN_S = 60.0
DRAIN_WITHIN_S = 30.0  # a chat process ends its drain within this time
CLOSE_WITHIN_S = 5.0
NO_START = (OSError, RuntimeError)  # no process, descriptor, memory or thread available
BACKOFF_S, BACKOFF_MAX_S = 0.25, 8.0
SAME_SIGNAL_S = 1.0  # one signal may come twice: to the process group, and from make, which forwards it
STABLE_AFTER_S = 20.0  # after this run time the next restart has the shortest backoff


class ClusterError(Exception):
    """The cluster cannot run: a one-line reason and the exit code."""

    def __init__(self, why: str, code: int = 1) -> None:
        super().__init__(why)
        self.code = code


class StopRequested(Exception):
    """SIGINT or SIGTERM was received."""


class Output:
    """Standard output, a line at a time from several threads.

    A reader that stops reading blocks no program: lines are dropped and counted.
    """

    def __init__(self, descriptor: int) -> None:
        self._writer = LineWriter(
            descriptor, dropped_line=lambda count: b"cluster: %d lines dropped: nobody read them\n" % count
        )

    def line(self, text: str | bytes) -> None:
        """Write a line, with or without its line end; returns at once."""
        self._writer.put((text.encode() if isinstance(text, str) else text.rstrip(b"\n")) + b"\n")

    def flush(self) -> None:
        """Wait until all lines are written, two seconds at most."""
        self._writer.flush()


class Child:
    """One program; each line of its output is forwarded with its name before it.

    It has its own process group, so that Ctrl-C reaches only the supervisor: a chat process that gets two signals does
    not drain. While `is_kept_running`, it is restarted whenever it ends or fails to start. The delay doubles each time,
    until the program has run for STABLE_AFTER_S.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], is_ready: Callable[[], bool], output: Output
    ) -> None:
        self.name = name
        self.is_ready = is_ready
        self.is_kept_running = False
        self._command = command
        self._env = env
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._started_at = 0.0  # also of a start that failed
        self._restart_at: float | None = None
        self._backoff_s = BACKOFF_S

    def start(self) -> None:
        """Raises an error of NO_START; then no part of the program runs."""
        self._started_at, self._restart_at = time.monotonic(), None
        pipe = subprocess.PIPE
        self._process = process = subprocess.Popen(
            self._command,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        assert process.stdout is not None
        reader = threading.Thread(target=self._forward_output, args=(process.stdout,), daemon=True)
        try:
            reader.start()
        except RuntimeError:  # without a reader, a full pipe would stop the program
            self.kill()
            process.stdout.close()
            raise
        self._reader = reader
        self._output.line(f"cluster: {self.name} started, pid {process.pid}")

    def try_start(self, now: float) -> None:
        """Start it; if that fails, log it and let `restart_if_ended` try again."""
        lived_s = now - self._started_at
        try:
            self.start()
        except NO_START as error:
            self._schedule_restart(now, lived_s, f"could not be started: {error}")

    def _forward_output(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._output.line(self.name.encode() + b": " + line)

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the program, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)  # does nothing where it has ended

    def kill(self) -> None:
        """Kill the program and its process group: the workers of a killed nginx hold its port."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def finish(self) -> None:
        """Kill the program if it still runs, and forward its last lines."""
        if self.is_running:
            self.kill()
        if self._reader is not None:
            self._reader.join(1.0)
        self._output.flush()

    def restart_if_ended(self, now: float) -> None:
        """Start it again if it has ended and is to be kept running; each time after a longer delay."""
        if not self.is_kept_running or self.is_running:
            return
        if self._restart_at is None:
            self._schedule_restart(now, now - self._started_at, f"ended with {self.exit_code}")
            self.kill()
        elif now >= self._restart_at:
            self.try_start(now)

    def _schedule_restart(self, now: float, lived_s: float, why: str) -> None:
        if lived_s >= STABLE_AFTER_S:
            self._backoff_s = BACKOFF_S
        self._output.line(f"cluster: {self.name} {why}; it starts again in {self._backoff_s:g} s")
        self._restart_at = now + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)


class Cluster:
    """All programs, supervised by one thread. `signals` holds the numbers of received signals."""

    def __init__(
        self,
        *,
        redis: Sequence[Child],  # empty where a Redis outside the cluster is used
        chats: Sequence[Child],
        nginx: Child,
        signals: SimpleQueue[int],
        has_terminal: bool,
        log: Callable[[str], None],
    ) -> None:
        self._redis = redis
        self._chats = chats
        self._nginx = nginx
        self._children = [*redis, *chats, nginx]
        self._signals = signals
        self._has_terminal = has_terminal
        self._log = log
        self._rolling_restart_requested = False
        self._ignore_stop_until_s = 0.0

    def run(self, announce: Callable[[], None]) -> int:
        """Run until a stop signal; returns the exit code. Raises ClusterError if a program does not become ready."""
        first, *others = self._chats  # the first alone: it makes the store, and an error is printed once
        try:
            for group in (self._redis, [first], others, [self._nginx]):
                self._start_group(group)
            for child in self._children:
                child.is_kept_running = True
            announce()
            while True:
                self._step()
                if self._rolling_restart_requested:
                    self._rolling_restart_requested = False
                    self._rolling_restart()
        except StopRequested:
            return self._shut_down()
        except ClusterError:
            self._shut_down()
            raise
        finally:
            for child in self._children:
                child.finish()

    def _start_group(self, group: Sequence[Child]) -> None:
        for child in group:
            try:
                child.start()
            except NO_START as error:
                raise ClusterError(f"{child.name} could not be started: {error}") from error
        for child in group:
            if not self._becomes_ready(child):
                code = child.exit_code
                how = "did not get ready" if code is None else f"ended with {code} before it was ready"
                raise ClusterError(f"{child.name} {how}", max(code or 1, 1))

    def _step(self) -> None:
        """Handle a signal, if one came, and restart children that ended. Raises StopRequested."""
        with suppress(Empty):
            number = self._signals.get(timeout=PACE_S)
            # A closed terminal sends SIGHUP, too: that ends the cluster
            if number == signal.SIGHUP and not (self._has_terminal and not os.isatty(0)):
                self._rolling_restart_requested = True
            elif time.monotonic() >= self._ignore_stop_until_s:
                raise StopRequested
        now = time.monotonic()
        for child in self._children:
            child.restart_if_ended(now)

    def _wait_until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Supervise until the condition holds; returns False where it does not hold in time."""
        deadline = time.monotonic() + within_s
        while not (holds := condition()) and time.monotonic() < deadline:
            self._step()
        return holds

    def _becomes_ready(self, child: Child) -> bool:
        return self._wait_until(lambda: not child.is_running or child.is_ready(), READY_WITHIN_S) and child.is_running

    def _stop_group(self, children: Sequence[Child], number: int, within_s: float) -> None:
        for child in children:
            child.is_kept_running = False
            child.signal(number)
        if not self._wait_until(lambda: not any(child.is_running for child in children), within_s):
            for child in children:
                child.kill()

    def _rolling_restart(self) -> None:
        """Restart one chat process after the other, each only while all others are ready."""
        began = time.monotonic()
        for child in self._chats:
            if not self._others_are_ready(child):
                self._log(f"rolling restart left off before {child.name}: another process is not ready")
                return
            self._log(f"rolling restart: {child.name}")
            self._stop_group([child], signal.SIGTERM, DRAIN_WITHIN_S)
            child.try_start(time.monotonic())
            comes_up = self._becomes_ready(child)
            child.is_kept_running = True
            if not comes_up:
                self._log(f"rolling restart left off: {child.name} did not come back")
                return
        self._log(f"rolling restart done in {time.monotonic() - began:.1f} s")

    def _others_are_ready(self, child: Child) -> bool:
        others = [other for other in self._chats if other is not child]
        return self._wait_until(lambda: all(other.is_ready() for other in others), READY_WITHIN_S)

    def _shut_down(self) -> int:
        """Drain the chat processes, then end what they need; returns the exit code.

        A second stop signal ends it at once.
        """
        self._ignore_stop_until_s = time.monotonic() + SAME_SIGNAL_S
        for child in self._children:
            child.is_kept_running = False
        try:
            self._stop_group(self._chats, signal.SIGTERM, DRAIN_WITHIN_S)
            self._stop_group([self._nginx], signal.SIGQUIT, CLOSE_WITHIN_S)
            self._stop_group(self._redis, signal.SIGTERM, CLOSE_WITHIN_S)
        except StopRequested:
            return 1
        return 0

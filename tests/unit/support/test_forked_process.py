"""A forked process of server.py is as one that was executed: its exit code, output, environment and descriptors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.forked_process import ForkedProcess, can_be_forked
from tests.support.open_descriptors import descriptor_targets
from tests.support.server import ROOT, ServerProcess


def run(folder: Path, *argv: str, **env: str) -> tuple[int, str]:
    with (folder / "output").open("wb") as output:
        process = ForkedProcess(argv, env={"PATH": os.environ["PATH"], **env}, output=output)
    return process.wait(30), (folder / "output").read_text()


def test_it_ends_with_the_exit_code_and_the_output_of_the_command(tmp_path: Path) -> None:
    code, output = run(tmp_path, "--help")
    assert (code, "PORT" in output) == (0, True)
    code, output = run(tmp_path, "serve", PORT="nowhere")
    assert (code, "PORT" in output) == (2, True)
    code, output = run(tmp_path, "serve", "--no-such-flag")
    assert (code, "--no-such-flag" in output, "nowhere" in output) == (2, True, False)


def test_it_has_the_descriptors_of_one_that_was_executed(tmp_path: Path) -> None:
    found = []
    for number, env in enumerate(({}, {"PYTHONHASHSEED": "random"})):
        server = ServerProcess(tmp_path / f"data{number}", env)
        try:
            assert isinstance(server.spawn(), ForkedProcess) == (not env)
            server.until_logged("started")
            assert Path(f"/proc/{server.pid}/cwd").resolve() == ROOT
            found.append(sorted(re.sub(r"\d+", "", target) for _, target in descriptor_targets(server.pid)))
        finally:
            server.stop()
    assert found[0] == found[1]


def test_a_signal_that_ends_it_is_its_exit_code(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    process = server.spawn()
    assert (isinstance(process, ForkedProcess), server.is_running) == (True, True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    server.kill()
    assert (process.poll(), process.wait(), server.is_running) == (-signal.SIGKILL, -signal.SIGKILL, False)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)


def test_what_an_interpreter_reads_when_it_starts_is_not_for_a_fork() -> None:
    assert can_be_forked({"PATH": "/bin", "PORT": "1"})
    for name in ("PYTHONOPTIMIZE", "LD_PRELOAD", "MALLOC_MMAP_THRESHOLD_"):
        assert not can_be_forked({"PATH": "/bin", name: "1"})

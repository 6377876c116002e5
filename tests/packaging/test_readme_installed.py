"""What the README says of an installation without make, pasted as it stands: with pip, in a virtual environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.client import call
from tests.support.package import environ_without_coverage
from tests.support.readme import blocks_below, checkout_of_a_stranger, commands_in_text, lines_to_paste
from tests.support.server import free_port
from tests.support.waiting import poll

pytestmark = pytest.mark.slow
WITHIN_S = 300.0


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout_of_a_stranger(tmp_path_factory.mktemp("stranger"))


def environment(port: int) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**environ_without_coverage(), "PATH": path, "PORT": str(port), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@contextmanager
def pasted(script: str, folder: Path, port: int) -> Iterator[Path]:
    """A shell that runs these lines; it and what it began are ended with the block. Yields the file with its output."""
    output = folder / "output"
    with output.open("wb") as written:
        shell = subprocess.Popen(
            ["bash", "-c", script.replace("127.0.0.1:8000", f"127.0.0.1:{port}")],
            cwd=folder, env=environment(port), stdout=written, stderr=written, start_new_session=True,
        )  # fmt: skip
    try:
        yield output
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait()


def test_the_line_without_make_installs_and_serves_and_its_command_does_what_the_readme_says(checkout: Path) -> None:
    port = free_port()
    (line,) = lines_to_paste(blocks_below("README.md", "Start")[2])
    with pasted(f"python3 -m venv env && . env/bin/activate && {line}", checkout, port) as output:
        poll(lambda: " server: started " in output.read_text(), WITHIN_S, describe=output.read_text, pace_s=0.2)
        assert call(f"http://127.0.0.1:{port}", "GET", "/health").status == 200
        named = [command for command in commands_in_text("README.md") if command.startswith("chat-rooms ")]
        assert named
        for command in named:
            run = subprocess.run(
                ["bash", "-c", f". env/bin/activate && {command.replace('FILE', 'copy.tar')}"],
                cwd=checkout, env=environment(port), capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert run.returncode == 0, (command, run.stdout, run.stderr)

"""A wall clock that a test sets, for processes started with its `env` (libfaketime)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MISSING = "need faketime on PATH (Debian: apt-get install faketime)"


class FakeWallClock:
    """The wall clock of processes that are started with `env`. Their monotonic clock is not changed."""

    def __init__(self, file: Path) -> None:
        program = shutil.which("faketime")
        if program is None:
            pytest.skip(MISSING)
        printed = subprocess.run([program, "-m", "-f", "+0s", "env"], capture_output=True, text=True, check=True).stdout
        (library,) = [line.partition("=")[2] for line in printed.splitlines() if line.startswith("LD_PRELOAD=")]
        self._file = file
        self.move(0)
        self.env = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: int) -> None:
        """Set the clock to the machine's time plus `seconds`, which may be negative."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}s\n")
        beside.replace(self._file)  # atomic: a process that reads it meanwhile finds a complete file

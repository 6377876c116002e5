"""A small run of a bench scenario in a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def passed_scenario(name: str, *arguments: str, folder: Path, within_s: float = 240) -> dict[str, Any]:
    """The result of the scenario `name`, which passed. Its temporary files are in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--scenario", name, "--json", *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (scenario,) = json.loads(done.stdout)["scenarios"]
    assert scenario["failures"] == []
    return dict(scenario)

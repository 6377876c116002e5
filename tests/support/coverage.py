"""Environment variables for coverage measurement, also in the processes that tests start: coverage's .pth file reads
them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".coverage-data"
_CONFIG, _DATA = "COVERAGE_PROCESS_START", "COVERAGE_FILE"


def coverage_variables() -> Mapping[str, str]:
    """The variables that start coverage in a Python process. Creates the folder for its data."""
    FOLDER.mkdir(exist_ok=True)
    return {_CONFIG: str(ROOT / "pyproject.toml"), _DATA: str(FOLDER / "data")}


def inherited_coverage_variables(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """Those of the variables that are set in this process, for a child process with an environment of its own."""
    return {name: environ[name] for name in (_CONFIG, _DATA) if name in environ}

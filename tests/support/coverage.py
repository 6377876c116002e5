"""Measuring which lines and branches run, also in the processes that tests start: by variables that coverage's own .pth
file reads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".coverage-data"
_CONFIG, _DATA = "COVERAGE_PROCESS_START", "COVERAGE_FILE"


def measuring() -> Mapping[str, str]:
    """The variables that have a Python process measured."""
    FOLDER.mkdir(exist_ok=True)
    return {_CONFIG: str(ROOT / "pyproject.toml"), _DATA: str(FOLDER / "data")}


def passed_on(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """Those of them that are set here: for a process that is given an environment of its own."""
    return {name: environ[name] for name in (_CONFIG, _DATA) if name in environ}

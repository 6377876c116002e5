"""Packages of Node.js that tests use as clients."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NPM = shutil.which("npm")
WS = "ws@8.18.0"


def install_ws(folder: Path) -> Path:
    """Install the WebSocket package `ws` into a folder; returns it. Needs NPM."""
    assert NPM is not None
    run = subprocess.run(
        [NPM, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), WS],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder

"""rolling-restart.sh where a unit does not come back; that it works is shown on a real cluster
(integration/test_nginx_cluster.py).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.server import ROOT, free_port


def rolling_restart(systemctl: Path, *ports: int | str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "SYSTEMCTL": str(systemctl), "DEADLINE_S": "1"}
    script = str(ROOT / "deploy" / "rolling-restart.sh")
    return subprocess.run([script, *map(str, ports)], env=env, capture_output=True, text=True, timeout=60, check=False)


def stand_in(path: Path, exit_code: int) -> Path:
    """A systemctl that writes down what it is asked, and does nothing."""
    path.write_text(f'#!/bin/sh\necho "$*" >> {path}.log\nexit {exit_code}\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("exit_code", [0, 1], ids=["it is never ready", "systemctl fails"])
def test_it_stops_at_the_first_that_does_not_come_back(tmp_path: Path, exit_code: int) -> None:
    systemctl = stand_in(tmp_path / "systemctl", exit_code)
    nobody = free_port()
    done = rolling_restart(systemctl, nobody, nobody + 1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"rolling-restart: chat@{nobody}: ")
    assert Path(f"{systemctl}.log").read_text() == f"restart chat@{nobody}\n"


@pytest.mark.parametrize("ports", [(), ("8001", "chat@8002"), ("8001", "")])
def test_what_is_no_port_is_refused_before_anything_is_restarted(tmp_path: Path, ports: tuple[str, ...]) -> None:
    systemctl = stand_in(tmp_path / "systemctl", 0)
    assert rolling_restart(systemctl, *ports).returncode == 2
    assert not Path(f"{systemctl}.log").exists()

"""The systemd unit: what it does with a process that failed,
judged by how the server says what kind of failure it was.
"""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.support.server import ROOT, command

UNIT = ROOT / "deploy" / "chat@.service"


@pytest.fixture(scope="module")
def unit() -> RawConfigParser:
    one = RawConfigParser(strict=False)  # some of its keys come several times
    one.read_string(UNIT.read_text())
    return one


def test_however_often_it_fails_it_is_started_again(unit: RawConfigParser) -> None:
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", (
        "else systemd gives up, and nobody starts it when the disk has room again"
    )
    assert unit["Service"]["Restart"] == "on-failure"
    assert float(unit["Service"]["RestartSec"]) >= 5, "a start takes a second of CPU"


def test_only_what_no_restart_cures_ends_with_the_code_that_stops_it(unit: RawConfigParser, tmp_path: Path) -> None:
    final = {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    assert {command("serve", env={"PORT": "none"}).returncode} == final
    (file := tmp_path / "file").touch()
    assert command("serve", env={"DATA_DIR": str(file / "data")}).returncode not in {0, *final}

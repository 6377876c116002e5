"""Commands that take long draw a bar on a terminal's standard error, and nothing of it on standard output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.pseudo_terminal import ProgramInTerminal
from tests.support.server import ROOT, command

CLEARED = "\r\x1b[2K"


def in_terminal(*arguments: str, data_dir: Path, output: Path) -> str:
    """What a command wrote to a terminal as its standard error, once it has ended well."""
    script = f'exec "$@" > {output}'
    program = ["sh", "-c", script, "sh", sys.executable, str(ROOT / "server.py"), *arguments]
    with ProgramInTerminal(program, env={"DATA_DIR": str(data_dir)}) as running:
        assert running.wait() == 0, running.output
        return running.output


def test_demo_backup_and_restore_draw_a_bar_and_clear_it(tmp_path: Path) -> None:
    filled, restored, file, output = (tmp_path / name for name in ("filled", "restored", "copy.tar", "output"))
    for arguments, data_dir, part in (
        (("demo",), filled, "conversations"),
        (("backup", str(file)), filled, "bytes copied and packed"),
        (("restore", str(file)), restored, "bytes unpacked"),
    ):
        drawn = in_terminal(*arguments, data_dir=data_dir, output=output)
        assert f"{CLEARED}{part}" in drawn
        assert drawn.endswith(CLEARED)
        assert "\x1b" not in output.read_text()
        assert ("password" in output.read_text()) == (arguments == ("demo",))


def test_without_a_terminal_backup_and_restore_say_nothing(tmp_path: Path) -> None:
    filled, file = tmp_path / "filled", tmp_path / "copy.tar"
    made = command("user", "create", "ada", "a@example.com", env={"DATA_DIR": str(filled)}, stdin="a long password\n")
    assert made.returncode == 0
    runs: list[subprocess.CompletedProcess[str]] = [
        command("backup", str(file), env={"DATA_DIR": str(filled)}),
        command("restore", str(file), env={"DATA_DIR": str(tmp_path / "restored")}),
    ]
    assert [(run.returncode, run.stdout, run.stderr) for run in runs] == [(0, "", ""), (0, "", "")]

"""The README's example conversation, run as it is written: its results are those that it shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from urllib.parse import urlsplit

from tests.integration.conftest import embedded
from tests.support.server import ROOT, ServerProcess

pytestmark = embedded  # the README starts without a database server


def code_blocks(heading: str) -> list[str]:
    """The code blocks below a heading of the README."""
    section = (ROOT / "README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)


def run_script(script: str, server: ServerProcess) -> str:
    """The output of a shell script, with this server's URL in place of the README's."""
    script = script.replace("127.0.0.1:8000", urlsplit(server.url).netloc).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_conversation_of_the_readme_takes_place(server: ServerProcess) -> None:
    by_rest, by_python, read_back = code_blocks("A conversation")
    said = run_script(f"{by_rest}\n.venv/bin/python - <<'END'\n{by_python}\nEND\n{read_back}", server)
    heard, page = said.splitlines()
    assert heard.count("'content': 'Hello, Bob'") == 2, heard  # Ada's ack, and the event that Bob receives
    assert [message["content"] for message in json.loads(page)["messages"]] == ["Hello, Bob"]
    assert len(by_python.splitlines()) == 5


def test_the_health_lines_of_the_readme_work(server: ServerProcess) -> None:
    (health,) = code_blocks("Health")
    said = run_script(health, server)
    assert '"status":"ok"' in said
    assert "ok   websocket:" in said
    assert "FAIL" not in said

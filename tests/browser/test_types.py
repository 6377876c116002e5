"""The types that the modules of the pages say in their comments fit together."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.node_packages import NPM, NPM_MISSING, TYPESCRIPT, install_typescript
from tests.support.server import ROOT

pytestmark = [pytest.mark.node, pytest.mark.skipif(NPM is None, reason=NPM_MISSING)]

CONFIG = ROOT / "tsconfig.json"
WRONG = """
/** @param {number} size */
export const twice = (size) => 2 * size;
twice("1");
"""


@pytest.fixture(scope="module")
def tsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_typescript(tmp_path_factory.mktemp("typescript"))


def checked(tsc: Path, config: Path) -> str:
    """What tsc finds; empty if that is nothing."""
    run = subprocess.run([tsc, "--project", config], capture_output=True, text=True, timeout=180, check=False, cwd=ROOT)
    assert (run.returncode == 0) == (not run.stdout), run.stdout + run.stderr
    return run.stdout


def test_the_types_of_all_modules_fit(tsc: Path) -> None:
    found = checked(tsc, CONFIG)
    assert not found, found


def test_a_type_that_does_not_fit_is_found(tsc: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "wrong.js").write_text(WRONG)
    (tmp_path / "tsconfig.json").write_text(CONFIG.read_text())
    assert "wrong.js(4,7): error TS2345" in checked(tsc, tmp_path / "tsconfig.json")


def test_the_documents_name_the_version_that_checks() -> None:
    assert TYPESCRIPT in (ROOT / "docs" / "testing.md").read_text()

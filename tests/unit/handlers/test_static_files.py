"""The files of the pages: read at start, by their paths below one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.composition.web import WEB
from common.startup_error import StartupError
from handlers.static_files import load_assets


def test_the_server_has_both_pages_and_the_client_library() -> None:
    assert {"chat/index.html", "dashboard/index.html", "chat.js"} <= load_assets(WEB).keys()


def test_a_missing_folder_of_the_pages_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="the folder of the pages is missing"):
        load_assets(tmp_path / "web")


def test_hidden_files_are_not_served(tmp_path: Path) -> None:
    for name in (".secret", "page.html", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert load_assets(tmp_path).keys() == {"page.html"}

"""The list of files that the service worker is given: all that the page may load, and a version of it all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from app.composition.web import FOR_OTHER_SITES, WEB
from common.startup_error import StartupError
from handlers.assets.asset_files import load_assets
from handlers.service_worker import WORKER, shell_files, with_shell_files

PLACE = 'const SHELL = { version: "", files: [] };'


def written(folder: Path, **others: str) -> Path:
    files = {
        "service-worker.js": PLACE,
        "chat/index.html": '<script type="module" src="static/chat/app.js"></script>',
        "chat/app.js": 'import { a } from "./part.js";\nexport const later = () => import("./later.js");\na();\n',
        "chat/part.js": 'export const a = () => "part";\n',
        "chat/later.js": 'export const b = "later 1";\n',
        "dashboard/index.html": '<script type="module" src="static/dashboard/dashboard.js"></script>',
        "dashboard/dashboard.js": 'export const c = "dashboard";\n',
        **others,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def version_of(folder: Path) -> str:
    body = with_shell_files(load_assets(folder)).by_name[WORKER].plain.body.decode()
    found = re.search(r'"version":"([0-9a-f]{16})"', body)
    assert found is not None
    return found[1]


def test_it_names_what_the_page_loads_at_once_and_later_and_nothing_of_other_pages(tmp_path: Path) -> None:
    files = load_assets(written(tmp_path))
    names = shell_files(files)
    contents = b"".join(files.by_hashed_name[name].plain.body for name in names)
    assert b"later 1" in contents
    assert b'"part"' in contents
    assert b'"dashboard"' not in contents
    assert all(name in files.by_hashed_name for name in names)
    worker = with_shell_files(files).by_name[WORKER].plain.body.decode()
    assert all(f'"static/{name}"' in worker for name in names)


def test_its_version_changes_with_the_page_with_a_file_and_with_itself(tmp_path: Path) -> None:
    versions = [
        version_of(written(tmp_path / "first")),
        version_of(written(tmp_path / "file", **{"chat/later.js": 'export const b = "later 2";\n'})),
        version_of(written(tmp_path / "worker", **{WORKER: f"{PLACE} // changed"})),
        version_of(written(tmp_path / "page", **{"chat/index.html": '<link href="static/chat/app.js">'})),
    ]
    assert len({*versions}) == 4
    assert version_of(written(tmp_path / "again")) == versions[0]


def test_a_worker_without_a_place_for_the_list_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="has no line"):
        with_shell_files(load_assets(written(tmp_path, **{WORKER: "// nothing"})))


def test_the_shipped_page_is_kept_with_its_style_and_its_scripts() -> None:
    names = shell_files(load_assets(WEB, bundles=FOR_OTHER_SITES))
    assert [name for name in names if re.fullmatch(r"chat/app\.[0-9a-f]{8}\.js", name)] != []
    assert [name for name in names if name.endswith(".css")] != []
    assert [name for name in names if name.startswith(("dashboard/", "docs/"))] == []


@pytest.mark.parametrize(("name", "px"), [("icon-192", 192), ("icon-512", 512), ("icon-maskable-512", 512)])
def test_the_icons_have_the_sizes_that_the_manifest_says(name: str, px: int) -> None:
    manifest = (WEB / "manifest.webmanifest").read_text()
    assert f'"static/ui/{name}.png", "sizes": "{px}x{px}"' in manifest
    with Image.open(WEB / f"ui/{name}.png") as icon:
        assert icon.size == (px, px)

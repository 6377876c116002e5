"""The files of the pages: read at start, by their paths below one folder, each prepared as it is sent."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.composition.web import FOR_OTHER_SITES, WEB
from common.startup_error import StartupError
from handlers.assets.asset_files import AssetFiles, load_assets
from handlers.assets.hashed_names import name_without_hash


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    return folder


PART = re.compile(r"chat/app\.[\w-]+\.js")


@pytest.fixture(scope="module")
def ours() -> AssetFiles:
    return load_assets(WEB, bundles=FOR_OTHER_SITES)


def test_the_server_has_both_pages_and_the_client_library(ours: AssetFiles) -> None:
    assert {"chat/index.html", "dashboard/index.html", "chat.js"} <= ours.by_name.keys()


def test_each_file_but_the_pages_has_a_hashed_name_and_is_the_same_by_both(ours: AssetFiles) -> None:
    names = {hashed: name_without_hash(hashed) or "" for hashed in ours.by_hashed_name}
    parts = {name for name in names.values() if PART.fullmatch(name)}  # of a page's script: made at start
    assert {*names.values()} - parts == {name for name in ours.by_name if not name.endswith(".html")}
    assert parts
    assert parts.isdisjoint(ours.by_name)
    for hashed, asset in ours.by_hashed_name.items():
        assert names[hashed] in parts or ours.by_name[names[hashed]] is asset


def test_all_starts_serve_the_same_bytes_under_the_same_names(ours: AssetFiles, tmp_path: Path) -> None:
    shutil.copytree(WEB, tmp_path / "elsewhere")
    assert load_assets(tmp_path / "elsewhere", bundles=FOR_OTHER_SITES) == ours


def test_a_compressed_file_is_the_same_when_unpacked_and_has_an_etag_of_its_own(ours: AssetFiles) -> None:
    compressed = [asset for asset in ours.by_name.values() if asset.gzip is not None]
    assert len(compressed) > len(ours.by_name) / 2
    for asset in compressed:
        assert asset.gzip is not None
        assert gzip.decompress(asset.gzip.body) == asset.plain.body
        assert len(asset.gzip.body) < 0.9 * len(asset.plain.body)
        assert asset.gzip.etag != asset.plain.etag


def test_a_hashed_name_of_another_version_means_this_version_of_the_file(ours: AssetFiles) -> None:
    assert ours.another_version_of("chat/app.00000000.js") is ours.by_name["chat/app.js"]
    for name in ("chat/gone.00000000.js", "chat/app.js", "chat/app.0000.js", "00000000.js", "chat/app.0000000g.js"):
        assert ours.another_version_of(name) is None


def test_what_a_page_loads_later_has_a_hashed_name_alone_and_is_of_no_other_version(tmp_path: Path) -> None:
    page = '<script type="module" src="static/page/app.js"></script>'
    files = {"page/index.html": page, "page/app.js": 'import("./later.js");', "page/later.js": "export const a = 1;"}
    loaded = load_assets(write(tmp_path, files))
    assert loaded.by_name.keys() == files.keys()
    (chunk,) = (name for name in loaded.by_hashed_name if name.startswith("page/app.later."))
    assert chunk.rpartition("/")[2] in loaded.by_name["page/app.js"].plain.body.decode()
    assert loaded.another_version_of("page/app.later.00000000.js") is None
    assert loaded.by_name["page/later.js"].plain.body == b"export const a = 1;"


def test_a_missing_folder_of_the_pages_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="the folder of the pages is missing"):
        load_assets(tmp_path / "web")


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}, "a.js → b.js → a.js"),
        ({"a.css": "@import './gone.css';"}, "a.css names gone.css"),
        ({"page/index.html": '<img src="static/gone.svg">'}, "names gone.svg"),
        ({"a.js": "import(name);"}, "a.js, line 1: an import that is not understood"),
    ],
)
def test_files_that_do_not_go_together_stop_the_start(files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=complaint):
        load_assets(write(tmp_path, files))


def test_a_file_that_is_no_text_stops_the_start_only_where_it_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    assert load_assets(tmp_path).by_name["picture.png"].content_type == "image/png"
    (tmp_path / "a.css").write_bytes(b"\xff")
    with pytest.raises(StartupError, match="do not go together"):
        load_assets(tmp_path)


def test_hidden_files_are_not_served(tmp_path: Path) -> None:
    assert load_assets(write(tmp_path, dict.fromkeys((".secret", "page.html", ".git/config"), "x"))).by_name.keys() == {
        "page.html"
    }

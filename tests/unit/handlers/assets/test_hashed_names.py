"""Files get names by their content, and name each other by these names."""

from __future__ import annotations

import re

import pytest

from handlers.assets.asset_error import AssetError
from handlers.assets.hashed_names import NamedFiles, name_without_hash, with_hashed_names

PAGE = """<!doctype html><head>
<!-- <link href="static/gone.css"> -->
<link rel="icon" href="static/ui/icon.svg?v=1#dark"><link rel="stylesheet" href='static/ui/a.css'>
<script type="module" src="static/chat/app.js"></script>
</head><body data-src="static/none"><a href="./">back</a><use href="#i-plus"/><img src="data:image/png;base64,AA">
<img alt="" src="static/ui/icon.svg"><a href="static/ui/icon.svg">icon</a></body>
"""
CSS = 'a { b: url("icon.svg#dark"); c: url(icon.svg); d: url(data:x) }\n'
FILES = {
    "chat/app.js": 'import { a } from "../ui/a.js";\nimport "./side-effect.js";\nf(() => import("./later.js"));\n',
    "chat/side-effect.js": 'import * as a from "../ui/a.js"; // import "./gone.js"\n',
    "chat/later.js": "export const later = 'import \"./gone.js\"';\n",
    "ui/a.js": 'export { b } from "./b.js"; export * from "./b.js";\nf(new URL("icon.svg", import.meta.url));\n',
    "ui/b.js": 'export const b = new URL("../..", import.meta.url);\n',
    "ui/a.css": '@import "b.css";\n@import url(./b.css);\n' + CSS,
    "ui/b.css": "/* url(gone.svg) */ a { b: url(#here); c: url(https://elsewhere.example/x.svg) }\n",
    "ui/icon.svg": "<svg/>",
    "page/index.html": PAGE,
}


def named(**changes: str) -> NamedFiles:
    files = {name: text.encode() for name, text in FILES.items()}
    return with_hashed_names(files | {name.replace("__", "."): text.encode() for name, text in changes.items()})


def content(files: NamedFiles, name: str) -> str:
    """The content with `*` for each hash."""
    text = files.contents[name].decode()
    for hashed in files.hashed_names.values():
        base = hashed.rpartition("/")[2]
        text = text.replace(base, re.sub(r"\.[0-9a-f]{8}\.", ".*.", base))
    return text


def test_each_reference_becomes_the_hashed_name_and_all_else_stays() -> None:
    files = named()
    assert content(files, "chat/app.js") == (
        'import { a } from "../ui/a.*.js";\nimport "./side-effect.*.js";\nf(() => import("./later.js"));\n'
    )
    assert content(files, "chat/side-effect.js") == 'import * as a from "../ui/a.*.js"; // import "./gone.js"\n'
    assert content(files, "chat/later.js") == FILES["chat/later.js"]
    assert content(files, "ui/a.js") == (
        'export { b } from "./b.*.js"; export * from "./b.*.js";\nf(new URL("icon.*.svg", import.meta.url));\n'
    )
    assert content(files, "ui/b.js") == FILES["ui/b.js"]
    assert content(files, "ui/a.css") == (
        '@import "b.*.css";\n@import url(./b.*.css);\n' + CSS.replace("icon", "icon.*")
    )
    assert content(files, "ui/b.css") == FILES["ui/b.css"]


def test_a_page_names_its_files_by_their_hashed_names() -> None:
    page = content(named(), "page/index.html")
    assert page == PAGE.replace("icon.svg", "icon.*.svg").replace("a.css", "a.*.css").replace("app.js", "app.*.js")


def test_modules_may_load_each_other_when_they_are_wanted() -> None:
    text = 'import("../chat/app.js");'
    assert content(named(**{"ui/b__js": text}), "ui/b.js") == text


def test_a_page_keeps_its_name() -> None:
    assert "page/index.html" not in named().hashed_names


def test_a_change_renames_the_file_and_all_that_lead_to_it_and_no_other() -> None:
    before, after = named().hashed_names, named(**{"ui/b__js": "export const b = 2;\n"}).hashed_names
    assert {name for name in before if before[name] != after[name]} == {
        *("ui/b.js", "ui/a.js"),
        *("chat/side-effect.js", "chat/app.js"),
    }


def test_the_original_name_is_found_in_a_hashed_one() -> None:
    for name, hashed in named().hashed_names.items():
        assert name_without_hash(hashed) == name
    for name in (
        "chat/app.js",
        "app",
        "a.1234567.js",
        "a.12345678",
        ".12345678.js",
        "a.12345678.js/b",
        "a.1234567G.js",
    ):
        assert name_without_hash(name) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"ui/b__js": 'import "./a.js";'},
        {"ui/b__js": 'import "./b.js";'},
        {"ui/b__css": "@import 'a.css';"},
        {"ui/b__js": 'import "./gone.js";'},
        {"ui/b__js": 'import "gone";'},
        {"ui/b__js": 'import "/static/ui/a.js";'},
        {"ui/b__js": 'import "https://elsewhere.example/a.js";'},
        {"ui/b__js": 'import "../../server.py";'},
        {"ui/b__js": "import(name);"},
        {"ui/b__js": "import(`./a.js`);"},
        {"ui/b__js": 'import a from "./a.json" with { type: "json" };'},
        {"ui/b__js": "const a = 'b;"},
        {"page/index__html": '<script type="module" src="static/gone.js"></script>'},
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(AssetError):
        named(**changes)


@pytest.mark.parametrize(
    "source",
    ["const a = { import: 1, export: 2 };", "a.import(b);", "import.meta.url;", "export default 1;", "a.export"],
)
def test_words_that_import_nothing_are_left_alone(source: str) -> None:
    assert named(**{"ui/b__js": source}).contents["ui/b.js"] == source.encode()

"""A page names one style sheet and one script, whatever they are made of."""

from __future__ import annotations

import pytest

from handlers.assets.asset_error import AssetError
from handlers.assets.module_graph import ModuleGraph
from handlers.assets.pages import made_files

HEAD = '<!doctype html><head><link rel="stylesheet" href="static/page/a.css">'
FILES = {
    "page/a.css": "@import 'b.css'; a {}",
    "page/b.css": "b {}",
    "page/app.js": 'import { b } from "./b.js"; import("./later.js"); b();',
    "page/b.js": "export const b = () => {};",
    "page/later.js": "",
    "library.js": 'export * from "./page/b.js";',
}
SCRIPT = '<script type="module" src="static/page/app.js"></script>'


def made_of(page: str) -> dict[str, str]:
    files = {name: text.encode() for name, text in (FILES | {"page/index.html": page}).items()}
    return {name: one.text for name, one in made_files(ModuleGraph(files), ("library.js",)).items()}


def test_a_page_has_its_script_what_it_loads_later_and_its_style_sheet() -> None:
    made = made_of(HEAD + SCRIPT)
    assert made.keys() == {"library.js", "page/index.html", "page/a.css", "page/app.js", "page/app.later.js"}
    assert made["page/a.css"] == "b{}a{}"


def test_several_style_sheets_become_one_that_is_called_as_the_page() -> None:
    made = made_of(f'{HEAD}<link rel="stylesheet" href="static/page/b.css">{SCRIPT}')
    assert made["page/index.css"] == "b{}a{}b{}"
    assert made["page/index.html"] == HEAD.replace("a.css", "index.css") + SCRIPT + "\n"


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="stylesheet" href="static/page/b.css" />',
        "<link href='static/page/b.css'\n  rel='stylesheet'>",
        '<link rel = "stylesheet"  href = "static/page/b.css" >',
    ],
)
def test_a_link_to_a_style_sheet_is_found_however_it_is_written(link: str) -> None:
    assert made_of(HEAD + link)["page/index.css"] == "b{}a{}b{}"
    assert made_of(link.replace("b.css", "a.css"))["page/a.css"] == "b{}a{}"


def test_a_style_sheet_for_print_alone_stays_one_of_its_own() -> None:
    link = '<link rel="stylesheet" media="print" href="static/page/b.css">'
    made = made_of(HEAD + link)
    assert (made["page/index.html"], made["page/a.css"], made["page/b.css"]) == (f"{HEAD}{link}\n", "b{}a{}", "b{}")


def test_what_is_commented_out_is_no_style_sheet() -> None:
    assert "page/index.css" not in made_of(f'{HEAD}<!--<link rel="stylesheet" href="static/page/b.css">-->{SCRIPT}')


def test_a_style_sheet_that_is_missing_is_refused() -> None:
    with pytest.raises(AssetError, match=r"a page names page/gone\.css"):
        made_of(HEAD.replace("a.css", "gone.css"))

"""What is served in place of files, or beside them, so that a page is few files. Pure.

That is one script and one style sheet of each page, the chunks of its script, and what pages of other sites import.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping

from handlers.assets.asset_error import AssetError
from handlers.assets.html_text import without_comments_and_indentation
from handlers.assets.made_file import MadeFile
from handlers.assets.module_bundle import bundle, bundle_and_chunks
from handlers.assets.module_graph import ModuleGraph
from handlers.assets.references import PAGES_BASE, entry_modules, references_in, style_sheets
from handlers.assets.style_sheet import StyleSheet
from handlers.assets.text_edits import Edit, edited


def made_files(files: Mapping[str, bytes], for_other_sites: Collection[str]) -> dict[str, MadeFile]:
    """Return them by their names. Raises AssetError, UnicodeDecodeError."""
    graph = ModuleGraph(files)
    made = {name: bundle(name, graph) for name in for_other_sites}
    pages = {name: body.decode() for name, body in files.items() if name.endswith(".html")}
    for entry in dict.fromkeys(entry for page in pages.values() for entry in entry_modules(page)):
        made |= bundle_and_chunks(entry, graph)
    for name, text in pages.items():
        style_sheet = _style_sheet_of(name, text, files)
        page = without_comments_and_indentation(edited(text, _one_link(text, *style_sheet)))
        made |= style_sheet
        made[name] = MadeFile(page, tuple(references_in(name, page, {*files, *style_sheet})))
    return made


def _style_sheet_of(page: str, text: str, files: Mapping[str, bytes]) -> dict[str, MadeFile]:
    """Return a page's style sheet. It is called as the one that the page names; of several, as the page."""
    names = [name for _, _, name in style_sheets(text)]
    if len(names) <= 1:
        return {name: StyleSheet(name, files).made_of(names) for name in names}
    output = f"{posixpath.splitext(page)[0]}.css"
    if output in files:
        raise AssetError(f"{output} is the name of all style sheets of {page}, and there is such a file")
    return {output: StyleSheet(output, files).made_of(names)}


def _one_link(text: str, output: str = "") -> list[Edit]:
    """Return the edits of a page that make it name this style sheet alone."""
    link = f'<link rel="stylesheet" href="{PAGES_BASE}{output}">'
    return [Edit(start, end, "" if number else link) for number, (start, end, _) in enumerate(style_sheets(text))]

"""What is served in place of files, or beside them, so that a page is few files. Pure.

That is one script and one style sheet of each page, the chunks of its script, and what pages of other sites import.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping

from handlers.assets.asset_error import AssetError
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
        made |= _with_one_style_sheet(name, text, files)
    return made


def _with_one_style_sheet(name: str, text: str, files: Mapping[str, bytes]) -> dict[str, MadeFile]:
    """Return a page that names one style sheet, and that. It is called as it was, or if there were more as the page."""
    links = style_sheets(text)
    if not links:
        return {}
    output = links[0][2] if len(links) == 1 else f"{posixpath.splitext(name)[0]}.css"
    if len(links) > 1 and output in files:
        raise AssetError(f"{output} is the name of all style sheets of {name}, and there is such a file")
    link = f'<link rel="stylesheet" href="{PAGES_BASE}{output}">'
    edits = [Edit(start, end, "" if number else link) for number, (start, end, _) in enumerate(links)]
    page = edited(text, edits)
    style = StyleSheet(output, files).made_of(one for _, _, one in links)
    return {output: style, name: MadeFile(page, tuple(references_in(name, page, {*files, output})))}

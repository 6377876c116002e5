"""What is served in place of files, or beside them, so that a page is few files. Pure.

That is one script and one style sheet of each page, the chunks of its script, and what pages of other sites import.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence

from handlers.assets.asset_error import AssetError
from handlers.assets.html_text import without_comments_and_indentation
from handlers.assets.made_file import MadeFile
from handlers.assets.module_bundle import bundle, bundle_and_chunks
from handlers.assets.module_graph import ModuleGraph
from handlers.assets.references import PAGES_BASE, StyleLink, entry_modules, references_in, style_sheets
from handlers.assets.style_sheet import StyleSheet
from handlers.assets.text_edits import Edit, edited


def made_files(graph: ModuleGraph, for_other_sites: Collection[str]) -> dict[str, MadeFile]:
    """Return them by their names. Raises AssetError, UnicodeDecodeError.

    Several style sheets of a page become one that is called as the page; one is called as it is.
    """
    files = graph.files
    made = {name: bundle(name, graph) for name in for_other_sites}
    pages = {name: body.decode() for name, body in files.items() if name.endswith(".html")}
    for entry in dict.fromkeys(entry for page in pages.values() for entry in entry_modules(page)):
        made |= bundle_and_chunks(entry, graph)
    for name, text in pages.items():
        links = style_sheets(text)
        if len(links) > 1 and all(link.is_plain for link in links):
            output = f"{posixpath.splitext(name)[0]}.css"
            if output in files:
                raise AssetError(f"{output} is the name of all style sheets of {name}, and there is such a file")
            text = edited(text, _one_link(links, output))
            made[output] = StyleSheet(output, files).made_of(link.name for link in links)
        else:
            made |= {link.name: StyleSheet(link.name, files).made_of((link.name,)) for link in links}
        page = without_comments_and_indentation(text)
        made[name] = MadeFile(page, tuple(references_in(name, page, {*files, *made})))
    return made


def _one_link(links: Sequence[StyleLink], output: str) -> list[Edit]:
    """Return the edits of a page that make it name one style sheet in place of these."""
    element = f'<link rel="stylesheet" href="{PAGES_BASE}{output}">'
    return [Edit(link.start, link.end, "" if number else element) for number, link in enumerate(links)]

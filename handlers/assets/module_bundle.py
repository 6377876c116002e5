"""Makes one JavaScript module of an entry and all that it imports, so that it is loaded with one request.

Each module becomes a function of its own that returns its exports, so their names stay apart; modules come before
those that import them. What a module may consist of is in module_function.py. Equal files give an equal bundle.

What `import("./later.js")` names is left out of a page's bundle, with what it alone imports. That is a chunk: a file
that exports a function which is given the modules that are there and adds its own, where they are not there yet. So
each module exists once, whichever chunk comes first, and a chunk names no other file: names that have hashes of
contents lead one way, from the bundle to its chunks, also where their modules load each other. A chunk leaves out what
is there whoever loads it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping

from handlers.assets.asset_error import AssetError
from handlers.assets.javascript_modules import own_urls, urls_beside
from handlers.assets.javascript_text import blanked
from handlers.assets.made_file import MadeFile, MadeText
from handlers.assets.module_function import LOAD, REGISTRY, Module, exports_of
from handlers.assets.module_graph import ModuleGraph
from handlers.assets.references import file_beside
from handlers.assets.text_edits import Edit

_FILES, _FAILURES = f"{REGISTRY}files", f"{REGISTRY}failures"
# A browser may remember that an address did not load (Chromium 156 does not): the next try goes to another one.
_LOADER = f"""\
const {_FAILURES} = {{}};
const {LOAD} = async (name) => {{
if (!(name in {REGISTRY})) {{
const failures = {_FAILURES}[name] ?? 0;
try {{
const {{ add }} = await import({_FILES}[name] + (failures ? `?try=${{failures}}` : ""));
add({REGISTRY}, {LOAD});
}} catch (error) {{
{_FAILURES}[name] = failures + 1;
throw error;
}}
}}
return {REGISTRY}[name];
}};
"""


def bundle(entry: str, graph: ModuleGraph) -> MadeFile:
    """Return one module that exports what `entry` does, to be served by its name. Raises AssetError."""
    modules = graph.with_imports(entry)
    for module in modules.values():
        if module.dynamic_imports:
            raise AssetError(f"{module.name}: a dynamic import cannot be in a bundle that is one file")
    return _entry_bundle(entry, modules, {}, graph)


def bundle_and_chunks(entry: str, graph: ModuleGraph) -> dict[str, MadeFile]:
    """Return a page's bundle, by the name of the entry, and its chunks, which are beside it. Raises AssetError."""
    own = graph.with_imports(entry)
    later = _chunk_modules(entry, graph)
    chunks = {name: _chunk_name(entry, name) for name in sorted(later)}
    if len({*chunks.values(), *graph.files}) < len(chunks) + len(graph.files):
        raise AssetError(f"two files of {entry} would have one name: {', '.join(chunks.values())}")
    made = {chunks[name]: _chunk(chunks[name], name, later[name], graph) for name in chunks}
    return made | {entry: _entry_bundle(entry, own, chunks, graph)}


def _chunk_modules(entry: str, graph: ModuleGraph) -> dict[str, dict[str, Module]]:
    """Return the modules of each chunk, by what is loaded: those that are not there whoever loads it."""
    imported = {entry: graph.with_imports(entry)}
    loaders: dict[str, set[str]] = {}  # by what is loaded: the entry, or the chunks, that load it
    waiting = [entry]
    while waiting:
        loader = waiting.pop()
        for module in imported[loader].values():
            for name in module.dynamic_imports:
                if name in imported[entry]:
                    continue
                loaders.setdefault(name, set()).add(loader)
                if name not in imported:
                    imported[name] = graph.with_imports(name)
                    waiting.append(name)
    # What is there before each is loaded: at first everything, then less and less, until it agrees with all loaders.
    there = dict.fromkeys(loaders, frozenset(one for modules in imported.values() for one in modules))
    before: dict[str, frozenset[str]] = {}
    while there != before:
        before = there
        there = {
            name: frozenset.intersection(*(before.get(loader, frozenset()).union(imported[loader]) for loader in found))
            for name, found in loaders.items()
        }
    return {name: {one: module for one, module in imported[name].items() if one not in there[name]} for name in loaders}


def _chunk_name(entry: str, name: str) -> str:
    folder, stem = posixpath.split(posixpath.splitext(entry)[0])
    parts = posixpath.relpath(name, folder or ".").split("/")
    return posixpath.join(folder, f"{stem}.{'-'.join(part for part in parts if part != '..')}")


def _entry_bundle(entry: str, modules: Mapping[str, Module], chunks: Mapping[str, str], graph: ModuleGraph) -> MadeFile:
    text = MadeText(f"// {entry} and the modules that it imports; comments are in their own files.\n")
    text.add(f"const {REGISTRY} = {{}};\n")
    has_imports = any(one.dynamic_imports for one in modules.values())
    if has_imports:
        text.add(f"const {_FILES} = {{\n")
        for name, chunk in chunks.items():
            text.add(f'"{name}": "./')
            text.add_name(posixpath.basename(chunk), chunk)
            text.add('",\n')
        text.add(f"}};\n{_LOADER}")
    for module in modules.values():
        opening = "await (async () =>" if module.awaits else "(() =>"
        text.add(f"{exports_of(module.name)} = {opening} {{\n")
        _add_body(text, module, entry, graph.files)
        text.add("\n})();\n")
    if public := ", ".join(modules[entry].exports):
        text.add(f"export const {{ {public} }} = {exports_of(entry)};\n")
    return text.file()


def _chunk(chunk: str, name: str, modules: Mapping[str, Module], graph: ModuleGraph) -> MadeFile:
    text = MadeText(f"// {name} and the modules that it alone imports; comments are in their own files.\n")
    text.add(f"export const add = ({REGISTRY}, {LOAD}) => {{\n")
    if modules[name].awaits:
        raise AssetError(f"{name} is loaded later, and has an await outside its functions")
    for module in modules.values():
        text.add(f"{exports_of(module.name)} ??= (() => {{\n")
        _add_body(text, module, chunk, graph.files)
        text.add("\n})();\n")
    text.add("};\n")
    return text.file(is_part=True)


def _add_body(text: MadeText, module: Module, output: str, files: Collection[str]) -> None:
    """Add the body of a module; its own URL, and what is beside it, as they are seen from the file `output`."""
    at = 0
    for edit, target in sorted(_moved(module, output, files)) if module.has_own_url else ():
        text.add(module.body[at : edit.start])
        if target:
            text.add_name(edit.replacement, target)
        else:
            text.add(edit.replacement)
        at = edit.end
    text.add(module.body[at:])


def _moved(module: Module, output: str, files: Collection[str]) -> Iterator[tuple[Edit, str]]:
    """Yield the edits that a body needs in another file, each with the file that it names, if it names one."""
    folder = posixpath.dirname(output) or "."
    code = blanked(module.body)
    named: set[int] = set()
    for one in urls_beside(module.body, code):
        if (target := file_beside(module.name, one.url)) in files:
            named.add(one.own_url_at)
            yield Edit(one.url_at, one.url_at + len(one.url), posixpath.relpath(target, folder)), target
    own_url = f'new URL("{posixpath.relpath(module.name, folder)}", import.meta.url).href'
    for start, end in own_urls(code):
        if start not in named:
            yield Edit(start, end, own_url), ""

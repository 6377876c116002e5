"""Makes one JavaScript module of an entry and all that it imports, so that another site loads it with one request.

Each module becomes a function of its own that returns its exports, so their names stay apart; modules come before
those that import them. What a module may consist of is in module_function.py. Equal files give an equal bundle.
"""

from __future__ import annotations

from collections.abc import Mapping

from handlers.assets.asset_error import AssetError
from handlers.assets.javascript_text import JavaScriptError
from handlers.assets.module_function import PREFIX, Module, ModuleReader


def bundle(entry: str, files: Mapping[str, bytes]) -> str:
    """Return the text of one module that exports what `entry` does, to be served in the folder of `entry`.

    Raises AssetError for a form that is not understood, for modules that import each other, and where an imported file
    or name is missing.
    """
    modules: dict[str, Module] = {}
    path: list[str] = []

    def load(name: str) -> Module:
        if name in path:
            raise AssetError(f"modules import each other: {' → '.join((*path, name))}")
        if name not in files:
            raise AssetError(f"{path[-1] if path else 'a bundle'} names {name}, and there is no such file")
        if name not in modules:
            path.append(name)
            try:
                body, exports = ModuleReader(name, files[name].decode(), entry=entry, load=load).read()
            except JavaScriptError as error:
                raise AssetError(f"{name}, {error}") from error
            modules[name] = Module(f"{PREFIX}{len(modules)}", body, exports)
            path.pop()
        return modules[name]

    last = load(entry)
    functions = (f"const {one.constant} = (() => {{\n{one.body}\n}})();\n" for one in modules.values())
    public = f"export const {{ {', '.join(last.exports)} }} = {last.constant};\n" if last.exports else ""
    return f"// {entry} and the modules that it imports; comments are in their own files.\n{''.join(functions)}{public}"

"""The modules that others lead to: each is read once, however many bundles have it."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.assets.asset_error import AssetError
from handlers.assets.javascript_text import JavaScriptError
from handlers.assets.module_function import Module, ModuleReader
from handlers.assets.references import Reference


class ModuleGraph:
    """Modules by their names among the files."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self._modules: dict[str, Module] = {}
        self._path: list[str] = []

    def module(self, name: str) -> Module:
        """Read a module, and before it those that it imports.

        Raises AssetError for a form that is not understood, for modules that import each other, and where an imported
        file or name is missing.
        """
        if name in self._modules:
            return self._modules[name]
        if name in self._path:
            raise AssetError(f"modules import each other: {' → '.join((*self._path, name))}")
        if name not in self.files:
            raise AssetError(f"{self._path[-1] if self._path else 'a bundle'} names {name}, and there is no such file")
        self._path.append(name)
        try:
            module = ModuleReader(name, self.files[name].decode(), load=self.module, names=self.files).read()
        except JavaScriptError as error:
            raise AssetError(f"{name}, {error}") from error
        for other in module.dynamic_imports:
            if other not in self.files:
                raise AssetError(f"{name} names {other}, and there is no such file")
        self._path.pop()
        self._modules[name] = module
        return module

    @property
    def references(self) -> dict[str, tuple[Reference, ...]]:
        """Where the files of the modules that were read name others."""
        return {name: module.references for name, module in self._modules.items()}

    def with_imports(self, name: str) -> dict[str, Module]:
        """Return a module and all that it imports by statements, each after what it imports. Raises AssetError."""
        found: dict[str, Module] = {}

        def visit(module: Module) -> None:
            if module.name not in found:
                for other in module.imports:
                    visit(self.module(other))
                found[module.name] = module

        visit(self.module(name))
        return found

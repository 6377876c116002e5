"""Turns one JavaScript module into the body of a function that returns its exports.

It understands the forms that `web/client/` is written in, and refuses all others: named imports and exports of
constants, functions and classes that do not change. It is no general bundler.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from msgspec import Struct

from handlers.assets.asset_error import AssetError
from handlers.assets.javascript_modules import Import, imports_of
from handlers.assets.javascript_text import JavaScriptError, blanked, without_comments
from handlers.assets.text_edits import Edit, edited

PREFIX = "module$"  # of the constants that hold the exports of the modules

_NAME = r"(?P<name>[A-Za-z_$][\w$]*)"
_EXPORT = re.compile(r"(?<![\w$.#])export\b(?!\s*[.:(])")
_DECLARATION = re.compile(rf"export\s+(?:(?P<constant>const)|class|(?:async\s+)?function\s*\*?)\s*\b{_NAME}")
_LIST = re.compile(r"export\s*(?P<clause>\{[^{}]*\})[ \t]*;?")
_PAIR = re.compile(rf"{_NAME}(?:\s+as\s+(?P<other>[A-Za-z_$][\w$]*))?")
_NAMESPACE = re.compile(rf"\*\s*as\s+{_NAME}")
_META = re.compile(r"\bimport\s*\.\s*meta\b(?P<url>\.url\b)?")
_AWAIT = re.compile(r"(?<![\w$.#])await\b")
_ASSIGNMENT = r"(?<![\w$.]){name}\s*(?:(?:[-+*/%&|^?<>]+)?=(?![=>])|\+\+|--)"


class Module(Struct, frozen=True):
    """One module as a function: the constant that has its exports, its body, and each export by its public name."""

    constant: str
    body: str
    exports: Mapping[str, str]


class ModuleReader:
    """Reads one module; `load` returns those that it imports."""

    def __init__(self, name: str, source: str, *, entry: str, load: Callable[[str], Module]) -> None:
        self._name = name
        self._source = source
        self._url = posixpath.relpath(name, posixpath.dirname(entry) or ".")
        self._load = load
        self._code = blanked(source)
        self._edits: list[Edit] = []
        self._imports: list[str] = []  # they hold for the whole module, wherever they stand
        self._imported: set[str] = set()
        self._exports: dict[str, str] = {}

    def read(self) -> tuple[str, Mapping[str, str]]:
        """Return the body of the function, and the exports."""
        imports = imports_of(self._source, self._code)
        for one in imports:
            self._take_import(one)
        reexports = {one.start for one in imports}
        for match in _EXPORT.finditer(self._code):
            if match.start() not in reexports:
                self._take_export(match.start())
        self._check_code()
        code = without_comments(edited(self._source, self._edits)).strip()
        returned = ", ".join(name if name == text else f"{name}: {text}" for name, text in self._exports.items())
        return "\n".join((*self._imports, code, f"return {{ {returned} }};")), self._exports

    def _take_import(self, one: Import) -> None:
        if one.is_dynamic:
            raise self._refusal(one.start, "a dynamic import cannot be bundled")
        self._edits.append(Edit(one.start, one.end, ""))
        other = self._load(posixpath.normpath(posixpath.join(posixpath.dirname(self._name), one.specifier)))
        namespace = _NAMESPACE.fullmatch(one.clause)
        if one.verb == "export" and one.clause == "*":
            for public in other.exports:
                self._export(public, f"{other.constant}.{public}", one.start)
        elif one.verb == "export":
            for name, public in self._pairs(one.clause, one.start, other):
                self._export(public, f"{other.constant}.{name}", one.start)
        elif namespace is not None:
            self._imports.append(f"const {namespace['name']} = {other.constant};")
        elif one.clause:
            pairs = self._pairs(one.clause, one.start, other)
            self._imported |= {local for _, local in pairs}
            names = ", ".join(name if name == local else f"{name}: {local}" for name, local in pairs)
            self._imports.append(f"const {{ {names} }} = {other.constant};")

    def _take_export(self, at: int) -> None:
        if declaration := _DECLARATION.match(self._code, at):
            name = declaration["name"]
            self._edits.append(Edit(at, at + len("export"), ""))
            self._export(name, name, at)
            if declaration["constant"]:
                self._require_one_constant(declaration.end())
            elif re.search(_ASSIGNMENT.format(name=re.escape(name)), self._code):
                raise self._refusal(at, "an export that changes cannot be bundled")
        elif names := _LIST.match(self._code, at):
            self._edits.append(Edit(*names.span(), ""))
            for name, public in self._pairs(names["clause"], at):
                if name not in self._imported and not re.search(rf"(?m)^const {re.escape(name)}\b", self._code):
                    raise self._refusal(at, f"{name} is neither a constant at the beginning of a line nor imported")
                self._export(public, name, at)
        else:
            raise self._refusal(at, "an export that is not understood")

    def _export(self, public: str, text: str, at: int) -> None:
        if public == "default" or public in self._exports:
            raise self._refusal(at, f"an export named {public} cannot be bundled, or not twice")
        self._exports[public] = text

    def _pairs(self, clause: str, at: int, of: Module | None = None) -> list[tuple[str, str]]:
        """Read `{ a, b as c }`, as (a, a), (b, c); each name must be one that the module `of` exports."""
        if not clause.startswith("{") or not clause.endswith("}"):
            raise self._refusal(at, "an import or export that is not understood")
        pairs = []
        for part in filter(None, (text.strip() for text in clause[1:-1].split(","))):
            pair = _PAIR.fullmatch(part)
            if pair is None:
                raise self._refusal(at, "an import or export that is not understood")
            if of is not None and pair["name"] not in of.exports:
                raise AssetError(f"{self._name} imports {pair['name']}, which that module does not export")
            pairs.append((pair["name"], pair["other"] or pair["name"]))
        return pairs

    def _require_one_constant(self, at: int) -> None:
        """Refuse `const a = 1, b = 2`: what comes after the comma would not be exported."""
        depth = 0
        for place in range(at, len(self._code)):
            character = self._code[place]
            if depth == 0 and character == ";":
                return
            if depth == 0 and character == ",":
                raise self._refusal(at, "two constants in one export are not understood")
            depth += (character in "([{") - (character in ")]}")

    def _check_code(self) -> None:
        if (at := self._code.find(PREFIX)) >= 0:
            raise self._refusal(at, "this name is the bundle's own")
        for match in _AWAIT.finditer(self._code):
            if self._code.count("{", 0, match.start()) == self._code.count("}", 0, match.start()):
                raise self._refusal(match.start(), "an await outside a function cannot be bundled")
        for match in _META.finditer(self._code):
            if not match["url"]:
                raise self._refusal(match.start(), "only the url of import.meta is understood")
            self._edits.append(Edit(*match.span(), f'new URL("{self._url}", import.meta.url).href'))

    def _refusal(self, at: int, complaint: str) -> JavaScriptError:
        return JavaScriptError(self._source, at, complaint)

"""Turns one JavaScript module into the body of a function that returns its exports.

It understands the forms that the modules of `web/` are written in, and refuses all others: named imports and exports of
constants, functions and classes that do not change. It is no general bundler.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Mapping

from msgspec import Struct

from handlers.assets.asset_error import AssetError
from handlers.assets.javascript_modules import Import, imports_of, own_urls
from handlers.assets.javascript_text import JavaScriptError, blanked, shortened, spans_of
from handlers.assets.references import Reference, references_of_module
from handlers.assets.text_edits import Edit

REGISTRY = "module$"  # where the modules' exports are, by the modules' names; in a bundle's names of its own, too
LOAD = f"{REGISTRY}load"  # the function that loads a part of the bundle, by the name of the module that is wanted

_NAME = r"(?P<name>[A-Za-z_$][\w$]*)"
_EXPORT = re.compile(r"(?<![\w$.#])export\b(?!\s*[.:(])")
_DECLARATION = re.compile(rf"export\s+(?:(?P<constant>const)|class|(?:async\s+)?function\s*\*?)\s*\b{_NAME}")
_LIST = re.compile(r"export\s*(?P<clause>\{[^{}]*\})[ \t]*;?")
_PAIR = re.compile(rf"{_NAME}(?:\s+as\s+(?P<other>[A-Za-z_$][\w$]*))?")
_NAMESPACE = re.compile(rf"\*\s*as\s+{_NAME}")
_META = re.compile(r"import\s*\.\s*meta\b")
_AWAIT_AND_AROUND = re.compile(r"await\b(?<![\w$.#]await)|=>|[][(){},;]")
_ASSIGNED = re.compile(r"\s*(?:(?:[-+*/%&|^?<>]+)?=(?![=>])|\+\+|--)")  # what follows a name


class Module(Struct, frozen=True):
    """One module as the body of a function, and its exports: each as an expression in that body, by its public name.

    `imports` and `dynamic_imports` are the names of other modules. `has_own_url`: `import.meta.url` is in the body.
    `awaits`: outside its functions, so its own has to be asynchronous. `references` are those of its own file.
    """

    name: str
    body: str
    exports: Mapping[str, str]
    imports: tuple[str, ...]
    dynamic_imports: tuple[str, ...]
    has_own_url: bool
    awaits: bool
    references: tuple[Reference, ...]


def exports_of(name: str) -> str:
    """Return the expression for the exports of a module."""
    return f'{REGISTRY}["{name}"]'


class ModuleReader:
    """Reads one module; `load` returns those that it imports, `names` are those of all files."""

    def __init__(self, name: str, source: str, *, load: Callable[[str], Module], names: Container[str]) -> None:
        self._name = name
        self._source = source
        self._load = load
        self._names = names
        self._spans = list(spans_of(source))
        self._code = blanked(source, self._spans)
        self._edits: list[Edit] = []
        self._constants: list[str] = []  # of imports, which hold for the whole module, wherever they stand
        self._imported: set[str] = set()
        self._imports: dict[str, None] = {}
        self._dynamic_imports: dict[str, None] = {}
        self._exports: dict[str, str] = {}

    def read(self) -> Module:
        imports = imports_of(self._source, self._code)
        for one in imports:
            self._take_import(one)
        reexports = {one.start for one in imports}
        for match in _EXPORT.finditer(self._code):
            if match.start() not in reexports:
                self._take_export(match.start())
        self._check_code()
        code = shortened(self._source, self._edits, self._spans).strip()
        returned = ", ".join(name if name == text else f"{name}: {text}" for name, text in self._exports.items())
        return Module(
            self._name,
            "\n".join((*self._constants, code, f"return {{ {returned} }};")),
            self._exports,
            tuple(self._imports),
            tuple(self._dynamic_imports),
            has_own_url=bool(own_urls(self._code)),
            awaits=self._awaits_outside_functions(),
            references=tuple(references_of_module(self._name, self._source, self._code, imports, self._names)),
        )

    def _take_import(self, one: Import) -> None:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(self._name), one.specifier))
        if one.is_dynamic:
            self._edits.append(Edit(one.start, one.end, f'{LOAD}("{target}")'))
            self._dynamic_imports[target] = None
            return
        self._edits.append(Edit(one.start, one.end, ""))
        other = self._load(target)
        if other.awaits:
            raise self._refusal(one.start, "a module with an await outside its functions can only be a page's own")
        self._imports[target] = None
        exports = exports_of(target)
        namespace = _NAMESPACE.fullmatch(one.clause)
        if one.verb == "export" and one.clause == "*":
            for public in other.exports:
                self._export(public, f"{exports}.{public}", one.start)
        elif one.verb == "export":
            for name, public in self._pairs(one.clause, one.start, other):
                self._export(public, f"{exports}.{name}", one.start)
        elif namespace is not None:
            self._constants.append(f"const {namespace['name']} = {exports};")
        elif one.clause:
            pairs = self._pairs(one.clause, one.start, other)
            self._imported |= {local for _, local in pairs}
            names = ", ".join(name if name == local else f"{name}: {local}" for name, local in pairs)
            self._constants.append(f"const {{ {names} }} = {exports};")

    def _take_export(self, at: int) -> None:
        if declaration := _DECLARATION.match(self._code, at):
            name = declaration["name"]
            self._edits.append(Edit(at, at + len("export"), ""))
            self._export(name, name, at)
            if declaration["constant"]:
                self._require_one_constant(declaration.end())
            elif self._is_assigned(name):
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

    def _is_assigned(self, name: str) -> bool:
        at = self._code.find(name)
        while at >= 0:
            before = self._code[at - 1 : at]
            if not (before.isalnum() or before in ("_", "$", ".")) and _ASSIGNED.match(self._code, at + len(name)):
                return True
            at = self._code.find(name, at + 1)
        return False

    def _check_code(self) -> None:
        if (at := self._code.find(REGISTRY)) >= 0:
            raise self._refusal(at, "this name is the bundle's own")
        understood = {at for at, _ in own_urls(self._code)}
        for match in _META.finditer(self._code):
            if match.start() not in understood:
                raise self._refusal(match.start(), "only the url of import.meta is understood")

    def _awaits_outside_functions(self) -> bool:
        """Whether an await is in no block and in no arrow function's expression."""
        arrows = [False]  # whether an arrow stood before, in each bracket that is open: its expression ends with , or ;
        blocks = 0
        for match in _AWAIT_AND_AROUND.finditer(self._code) if "await" in self._code else ():
            match match[0]:
                case "await":
                    if not blocks and not any(arrows):
                        return True
                case "=>":
                    arrows[-1] = True
                case "," | ";":
                    arrows[-1] = False
                case "(" | "[" | "{" as bracket:
                    arrows.append(False)
                    blocks += bracket == "{"
                case bracket if len(arrows) > 1:
                    arrows.pop()
                    blocks -= bracket == "}"
        return False

    def _refusal(self, at: int, complaint: str) -> JavaScriptError:
        return JavaScriptError(self._source, at, complaint)

"""One file of many modules: it exports the same, and what cannot be bundled is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.composition.web import FOR_OTHER_SITES, WEB
from handlers.assets.asset_error import AssetError
from handlers.assets.module_bundle import bundle

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node.js 20: apt-get install nodejs")

# The exports of an entry, called where they are functions, as JSON.
SHOW = """
const all = await import(process.argv[1]);
const shown = ([name, value]) => [name, typeof value === "function" && !/^class/.test(value) ? value() : value];
console.log(JSON.stringify(Object.fromEntries(Object.entries(all).map(shown).sort())));
"""

FORMS: dict[str, dict[str, str]] = {
    "constants, functions and classes": {
        "a.js": """
            export const one = 1;
            export const arrow = (a, b = { c: [1, 2] }) => `${b.c}, ${a}`;
            export function two() { return later() + one; }
            export async function* three() {}
            export class Four extends Object { static five = 5; }
            function later() { return 2; }
        """
    },
    "named imports, renamed, over several lines": {
        "a.js": """
            import { one, two as deux } from "./b.js";
            import {
              three, // a comment, with { braces }
            } from "./b.js";
            export const sum = [one, deux, three];
        """,
        "b.js": "export const one = 1; export const two = 2; export const three = 3;",
    },
    "an import that stands below its use": {
        "a.js": 'export const two = () => one + 1;\nimport { one } from "./b.js";',
        "b.js": "export const one = 1;",
    },
    "a namespace": {"a.js": 'import * as b from "./b.js"; export const sum = b.one + b.two;', "b.js": "@both"},
    "re-exports": {
        "a.js": 'export { one as uno } from "./b.js"; export * from "./c.js";',
        "b.js": "@both",
        "c.js": "export const three = 3;",
    },
    "lists of exports": {
        "a.js": 'import { one } from "./b.js";\nconst three = 3;\nexport { one, three as drei };',
        "b.js": "@both",
    },
    "equal names in several modules": {
        "a.js": 'import { b } from "./b.js"; const name = "a"; export const names = [name, b()];',
        "b.js": 'import { c } from "./c.js"; const name = "b"; export const b = () => name + c();',
        "c.js": 'const name = "c"; export const c = () => name;',
    },
    "one module imported by two is evaluated once, and each after what it imports": {
        "a.js": 'import "./b.js"; import "./c.js"; export const log = globalThis.log;',
        "b.js": 'import "./d.js"; globalThis.log.push("b");',
        "c.js": 'import "./d.js"; globalThis.log.push("c");',
        "d.js": 'globalThis.log = [...(globalThis.log ?? []), "d"];',
    },
    "its own URL": {
        "a.js": 'export * from "./x/b.js";',
        "x/b.js": 'export const name = new URL("../..", import.meta.url).pathname.split("/").length - OFFSET;',
    },
    "words in texts": {
        "a.js": """
            // import { gone } from "./gone.js";
            export const text = 'import { gone } from "./gone.js"; export const gone = 1;';
            export const template = `
              export default ${[1, 2].map((n) => `${n} // no comment`)}
                import.meta.url
            `;
            export const pattern = /export { a } from "b"/.source;
            export const options = { import: 1, export: 2, await: 3 };
        """
    },
    "this and strictness": {
        "a.js": "export const self = this === undefined; export const strict = (() => !this)();",
    },
    "awaits within functions": {
        "a.js": "export async function later() { for await (const one of []) await one; return 1; }",
    },
    "no export": {"a.js": "globalThis.seen = 1;"},
    "no line end at the end, and a comment": {"a.js": "export const one = 1 // the end"},
}
BOTH = "export const one = 1; export const two = 2;"

REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a default export": ({"a.js": "export default 1;"}, "a.js, line 1: an export that is not understood"),
    "a default import": ({"a.js": 'import b from "./b.js";', "b.js": BOTH}, "not understood"),
    "a default import beside others": ({"a.js": 'import b, { one } from "./b.js";', "b.js": BOTH}, "not understood"),
    "a default by another name": ({"a.js": "const one = 1;\nexport { one as default };"}, "named default"),
    "an export that is a variable": ({"a.js": "export let one = 1;"}, "not understood"),
    "an exported list with a variable": ({"a.js": "let one = 1;\nexport { one };"}, "neither a constant"),
    "a function that changes": ({"a.js": "export function f() {}\nf = null;"}, "changes"),
    "a namespace export": ({"a.js": 'export * as b from "./b.js";', "b.js": BOTH}, "not understood"),
    "a text as a name": ({"a.js": 'import { "one" as b } from "./b.js";', "b.js": BOTH}, "not understood"),
    "two constants in one": ({"a.js": "export const one = 1, two = 2;"}, "two constants"),
    "a destructuring": ({"a.js": "export const { one } = {};"}, "not understood"),
    "two exports of one name": ({"a.js": 'export * from "./b.js"; export const one = 1;', "b.js": BOTH}, "twice"),
    "a dynamic import": ({"a.js": 'import("./b.js");', "b.js": BOTH}, "dynamic"),
    "an await outside functions": ({"a.js": "export const one = await 1;"}, "an await outside"),
    "import.meta alone": ({"a.js": "export const one = import.meta;"}, "only the url"),
    "a cycle": ({"a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}, "import each other: a.js → b.js → a.js"),
    "a missing file": ({"a.js": 'import "./gone.js";'}, "a.js names gone.js"),
    "a file elsewhere": ({"a.js": 'import "https://elsewhere.example/b.js";'}, "no such file"),
    "a missing name": ({"a.js": 'import { gone } from "./b.js";', "b.js": BOTH}, "gone, which"),
    "a missing name passed on": ({"a.js": 'export { gone } from "./b.js";', "b.js": BOTH}, "gone, which"),
    "a name of the bundle's own": ({"a.js": "const module$1 = 1;"}, "the bundle's own"),
    "an import from a text": ({"a.js": "import(`./b.js`);"}, "not understood"),
}


def exports_of(path: Path) -> dict[str, Any]:
    assert NODE is not None
    command = [NODE, "--input-type=module", "-e", SHOW, "--", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    shown: dict[str, Any] = json.loads(run.stdout)
    return shown


def encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.replace("@both", BOTH).encode() for name, text in files.items()}


@needs_node
@pytest.mark.parametrize("name", FORMS)
def test_a_bundle_exports_what_its_entry_does(name: str, tmp_path: Path) -> None:
    files = encoded(FORMS[name])
    for folder, contents in (("many", files), ("one", {"a.js": bundle("a.js", files).encode()})):
        for path, body in contents.items():
            (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / path).write_bytes(body.replace(b"OFFSET", str(len(tmp_path.parts)).encode()))
        (tmp_path / folder / "package.json").write_text('{"type": "module"}')
    assert exports_of(tmp_path / "one" / "a.js") == exports_of(tmp_path / "many" / "a.js")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_bundled_is_refused(name: str) -> None:
    files, complaint = REFUSED[name]
    with pytest.raises(AssetError, match=complaint):
        bundle("a.js", encoded(files))


@needs_node
def test_our_client_library_is_one_file_with_the_same_exports(tmp_path: Path) -> None:
    files = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in sorted(WEB.rglob("*.js"))}
    (name,) = FOR_OTHER_SITES
    text = bundle(name, files)
    assert text == bundle(name, dict(reversed(files.items())))
    (tmp_path / "chat.mjs").write_text(text)
    names = exports_of(tmp_path / "chat.mjs").keys()
    assert names == exports_of(WEB / name).keys()
    assert "ChatClient" in text.rpartition("export")[2]

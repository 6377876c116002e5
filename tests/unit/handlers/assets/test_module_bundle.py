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
from handlers.assets.hashed_names import with_hashed_names
from handlers.assets.module_bundle import bundle, bundle_and_chunks
from handlers.assets.module_graph import ModuleGraph

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
        "a.js": """
            import { one } from "./b.js";
            export async function later() { for await (const one of []) await one; return 1; }
        """,
        "b.js": """
            export const one = async () => (await two()) + 1;
            const two = async (a = [1, 2], b = () => a) => await b();
            [1].map(async (n) => await n, 2);
        """,
    },
    "awaits outside functions, in the entry": {
        "a.js": "const f = async () => 1; export const one = await f(); export const two = [() => 1, await 2][1];"
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
    "a dynamic import": ({"a.js": 'import("./b.js");', "b.js": BOTH}, "a.js: a dynamic import"),
    "an await outside functions, imported": (
        {"a.js": 'import "./b.js";', "b.js": "await 1;"},
        "a.js, line 1: a module with an await outside",
    ),
    "import.meta alone": ({"a.js": "export const one = import.meta;"}, "only the url"),
    "a cycle": ({"a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}, "import each other: a.js → b.js → a.js"),
    "a missing file": ({"a.js": 'import "./gone.js";'}, "a.js names gone.js"),
    "a file elsewhere": ({"a.js": 'import "https://elsewhere.example/b.js";'}, "no such file"),
    "a missing name": ({"a.js": 'import { gone } from "./b.js";', "b.js": BOTH}, "gone, which"),
    "a missing name passed on": ({"a.js": 'export { gone } from "./b.js";', "b.js": BOTH}, "gone, which"),
    "a name of the bundle's own": ({"a.js": "const module$ = 1;"}, "the bundle's own"),
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
    for folder, contents in (("many", files), ("one", {"a.js": bundle("a.js", ModuleGraph(files)).text.encode()})):
        for path, body in contents.items():
            (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / path).write_bytes(body.replace(b"OFFSET", str(len(tmp_path.parts)).encode()))
        (tmp_path / folder / "package.json").write_text('{"type": "module"}')
    assert exports_of(tmp_path / "one" / "a.js") == exports_of(tmp_path / "many" / "a.js")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_bundled_is_refused(name: str) -> None:
    files, complaint = REFUSED[name]
    with pytest.raises(AssetError, match=complaint):
        bundle("a.js", ModuleGraph(encoded(files)))


@needs_node
def test_our_client_library_is_one_file_with_the_same_exports(tmp_path: Path) -> None:
    files = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in sorted(WEB.rglob("*.js"))}
    (name,) = FOR_OTHER_SITES
    text = bundle(name, ModuleGraph(files)).text
    assert text == bundle(name, ModuleGraph(dict(reversed(files.items())))).text
    (tmp_path / "chat.mjs").write_text(text)
    names = exports_of(tmp_path / "chat.mjs").keys()
    assert names == exports_of(WEB / name).keys()
    assert "ChatClient" in text.rpartition("export")[2]


# A page whose panels are loaded later: both import what the entry has, and what it has not; they load each other.
PARTS = {
    "page/app.js": """
        import { seen } from "../ui/seen.js";
        import { ready } from "./ready.js";
        seen("app");
        export const panel = async (name) => {
          if (name === "a") return import("./panels/a.js");
          if (name === "b") return (await import("./panels/b.js")).b();
          if (name === "ready") return import("./ready.js");
          return import("./panels/broken.js");
        };
    """,
    "page/ready.js": 'import { seen } from "../ui/seen.js"; seen("ready"); export const ready = 1;',
    "page/panels/a.js": """
        // What is here is loaded when it is wanted.
        import { seen } from "../../ui/seen.js";
        import { shared } from "../../ui/shared.js";
        seen("a");
        export const picture = new URL("picture.svg", import.meta.url).href;
        export const root = new URL("../..", import.meta.url).href;
        export const next = async () => (await import("./b.js")).b();
        export const name = `a
          ${shared}`;
    """,
    "page/panels/b.js": """
        import { shared } from "../../ui/shared.js";
        import { seen } from "../../ui/seen.js";
        seen("b");
        export const b = () => "b" + shared;
        export const back = () => import("./a.js");
    """,
    "page/panels/broken.js": "throw new Error('broken');",
    "page/panels/picture.svg": "<svg/>",
    "ui/seen.js": "globalThis.log ??= []; export const seen = (name) => globalThis.log.push(name);",
    "ui/shared.js": 'import { seen } from "./seen.js"; seen("shared"); export const shared = "!";',
}
PLAY = """
import fs from "node:fs";
const { panel } = await import(process.argv[1]);
const log = () => globalThis.log.splice(0);
const shown = [log()];
const [a, again] = await Promise.all([panel("a"), panel("a")]);
shown.push(a === again, a.name, log(), await a.next(), log(), await panel("b"), log(), (await panel("ready")).ready);
const beside = fs.readFileSync(new URL(a.picture), "utf8");
shown.push(beside, new URL("ui/", a.root).pathname, await panel("broken").catch((error) => error.message));
console.log(JSON.stringify(shown));
"""


def made_of(files: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Write the bundle of a page and its chunks, by their hashed names; return all written names by those without."""
    raw = encoded(files)
    made = bundle_and_chunks("page/app.js", ModuleGraph(raw))
    pictures = {name: body for name, body in raw.items() if name.endswith(".svg")}
    named = with_hashed_names(
        pictures | {name: one.text.encode() for name, one in made.items()},
        {name: one.references for name, one in made.items()},
    )
    for name, hashed in named.hashed_names.items():
        (folder / hashed).parent.mkdir(parents=True, exist_ok=True)
        (folder / hashed).write_bytes(named.contents[name])
    (folder / "package.json").write_text('{"type": "module"}')
    return dict(named.hashed_names)


def played(entry: Path) -> list[Any]:
    assert NODE is not None
    command = [NODE, "--input-type=module", "-e", PLAY, "--", str(entry)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    shown: list[Any] = json.loads(run.stdout)
    return shown


@needs_node
def test_what_a_page_loads_later_does_what_its_modules_do_and_each_exists_once(tmp_path: Path) -> None:
    for name, text in PARTS.items():
        (tmp_path / "many" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "many" / name).write_text(text)
    (tmp_path / "many" / "package.json").write_text('{"type": "module"}')
    names = made_of(PARTS, tmp_path / "few")
    assert sorted(names) == [
        *("page/app.js", "page/app.panels-a.js", "page/app.panels-b.js", "page/app.panels-broken.js"),
        "page/panels/picture.svg",
    ]
    few, many = played(tmp_path / "few" / names["page/app.js"]), played(tmp_path / "many" / "page/app.js")
    few[10] = few[10].replace("few", "many")
    assert few == many
    assert few[:5] == [["ready", "app"], True, "a\n          !", ["shared", "a"], "b!"]


@needs_node
def test_a_chunk_that_did_not_load_is_asked_for_again_by_another_address(tmp_path: Path) -> None:
    names = made_of(PARTS, tmp_path)
    chunk = tmp_path / names["page/app.panels-b.js"]
    away = chunk.rename(tmp_path / "away")
    script = """
    import fs from "node:fs";
    const { panel } = await import(process.argv[1]);
    const failed = await panel("b").catch((error) => error.code);
    fs.renameSync(process.argv[2], process.argv[3]);
    console.log(JSON.stringify([failed, await panel("b")]));
    """
    assert NODE is not None
    command = [NODE, "--input-type=module", "-e", script, "--", str(tmp_path / names["page/app.js"]), away, chunk]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == ["ERR_MODULE_NOT_FOUND", "b!"]


def test_a_chunk_leaves_out_what_is_there_whoever_loads_it(tmp_path: Path) -> None:
    parts = PARTS | {
        "page/panels/a.js": PARTS["page/panels/a.js"] + 'export const detail = () => import("./detail.js");',
        "page/panels/detail.js": 'import { shared } from "../../ui/shared.js"; import "../../ui/own.js"; shared;',
        "ui/own.js": 'import { seen } from "./seen.js"; seen("own");',
    }
    names = made_of(parts, tmp_path)
    in_chunk = {
        name: sorted(
            part for part in parts if f'["{part}"] ??=' in (tmp_path / names[f"page/app.{name}.js"]).read_text()
        )
        for name in ("panels-a", "panels-b", "panels-detail")
    }
    assert in_chunk == {
        "panels-a": ["page/panels/a.js", "ui/shared.js"],
        "panels-b": ["page/panels/b.js", "ui/shared.js"],  # the page loads it, too, which may not have a.js
        "panels-detail": ["page/panels/detail.js", "ui/own.js"],
    }


def test_a_change_renames_what_has_it_and_the_bundle_and_no_other_chunk(tmp_path: Path) -> None:
    before = made_of(PARTS, tmp_path)
    for changed, renamed in (
        ("page/panels/a.js", {"page/app.js", "page/app.panels-a.js"}),
        ("ui/shared.js", {"page/app.js", "page/app.panels-a.js", "page/app.panels-b.js"}),
        ("ui/seen.js", {"page/app.js"}),
    ):
        after = made_of(PARTS | {changed: PARTS[changed] + "globalThis.changed = true;"}, tmp_path)
        assert {name for name in before if before[name] != after[name]} == renamed


def test_a_bundle_says_of_which_module_each_part_is_and_has_no_comments(tmp_path: Path) -> None:
    names = made_of(PARTS, tmp_path)
    text = (tmp_path / names["page/app.js"]).read_text()
    assert [text.index(f'\nmodule$["{name}"] = ') for name in ("ui/seen.js", "page/ready.js", "page/app.js")]
    assert "What is here" not in (tmp_path / names["page/app.panels-a.js"]).read_text()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"page/ready.js": 'export const ready = import("./gone.js");'}, "page/ready.js names page/gone.js"),
        ({"page/panels/b.js": "export const b = await 1;"}, "page/panels/b.js is loaded later, and has an await"),
        ({"page/ready.js": 'import("./panels-b.js"); import("./panels/b.js"); export const ready = 1;'}, "one name"),
        ({"page/ready.js": 'import("./panels/" + name);'}, "not understood"),
    ],
)
def test_what_cannot_be_loaded_later_is_refused(changes: dict[str, str], complaint: str) -> None:
    files = PARTS | {"page/panels-b.js": ""} | changes
    with pytest.raises(AssetError, match=complaint):
        bundle_and_chunks("page/app.js", ModuleGraph(encoded(files)))

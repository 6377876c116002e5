"""What of a JavaScript text is code: nothing is found in comments, strings, templates and regular expressions."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.composition.web import WEB
from handlers.assets.javascript_text import FILLER, JavaScriptError, blanked, shortened, spans_of

X = "import"  # stands where it must not be seen
NODE = shutil.which("node")
HIDDEN = (
    f"// {X}",
    f"/* {X}\n{X} */ 1",
    f"/** {X} **/",
    f'"{X}"',
    f"'{X}'",
    f'"\\"{X}"',
    f"'\\\\' + '{X}'",
    f"'a\"' + '{X}'",
    f"`{X}`",
    f"`\\`{X}`",
    f"`${{1}}{X}`",
    f"`${{ {{ a: `{X}` }} }} {X}`",
    f"`${{`${{1}}{X}`}}{X}`",
    f"`$ {X} $`",
    f"`{{ {X}`",
    f"x = /{X}/",
    f"x = /[/'\"`]{X}/g",
    f"x = /\\/{X}/",
    f"return /{X}/",
    f"case /{X}/:",
    f"f(/{X}/)",
    f"[/{X}/]",
    f"a && /{X}/",
    f"!/{X}/.test(a)",
    f"=> /{X}/",
    f"{{ }} /{X}/",
    f"x = // '\n/{X}/",
    f"`${{a}}` + /{X}/",
)
SEEN = (
    f"a / {X} / b",
    f"a) / {X} / b",
    f"a] / {X} / b",
    f"10 / {X} / 2",
    f"$ / {X} / 2",
    f'"a" / {X} / b',
    f"`a` / {X} / b",
    f"a++ / {X} / b",
    f"a.return / {X} / b",
    f"`${{ {X} }}`",
    f"`${{ {{}}, {X} }}`",
    f"`${{ '}}' + {X} }}`",
    f"`${{ `a` + {X} }}`",
    f"'//' + {X}",
    f"/'/ + {X}",
    f"/* ' */ {X}",
    f"// '\n{X}",
    f"{{`a`}} {X}",
)


@pytest.mark.parametrize("source", HIDDEN)
def test_what_is_no_code_is_blank(source: str) -> None:
    assert X not in blanked(source)


@pytest.mark.parametrize("source", SEEN)
def test_code_stays(source: str) -> None:
    assert blanked(source).count(X) == 1


@pytest.mark.parametrize("source", (*HIDDEN, *SEEN))
def test_places_and_lines_stay_where_they_were(source: str) -> None:
    spans = list(spans_of(source))
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == len(source) == len(blanked(source))


@pytest.mark.parametrize("source", ["'", '"a\nb"', "`", "`${", "`${a", "`${{`", "/*", "x = /", "x = /[/", "`a${b}c"])
def test_what_does_not_end_is_refused_with_its_line(source: str) -> None:
    with pytest.raises(JavaScriptError, match="line 2: "):
        blanked("\n" + source)


def test_a_shortened_program_has_the_text_of_its_strings_and_templates_as_it_was() -> None:
    assert shortened('/** a */\n  f( // b\n  "  //  ",\n\n  `\n    /* c */\n ${ a + b }  `); /* d */ g\n') == (
        '\nf(\n"  //  ",\n`\n    /* c */\n ${a+b}  `);g\n'
    )


def test_a_comment_with_a_line_end_still_ends_a_statement() -> None:
    assert shortened("a /* \n */ b") == "a\nb"
    assert shortened("a/* */b") == "a b"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("const { a, b: c } = d ?? [ 1, 2 ];", "const{a,b:c}=d??[1,2];"),
        ("async ({ a }) => { await a( ); }", "async({a})=>{await a();}"),
        ("a + +b - -c + ++d - --e + -f", "a+ +b- -c+ ++d- --e+ -f"),
        ("a / /b c/g.test( d ) / 2", "a/ /b c/g.test(d)/2"),
        ("a * /b/", "a*/b/"),
        ("return /a b/g in c", "return/a b/g in c"),
        ("static #a = 1; get #b() {} #a in c", "static#a=1;get#b(){}#a in c"),
        ("1 .toFixed( 2 ) + a .b + .5", "1 .toFixed(2)+a.b+ .5"),
        ("a ? .5 : b ?. c", "a?.5:b?.c"),
        ("é in ñ", "é in ñ"),
        ("case 'a b' : return `c d` + 'e' in f", "case'a b':return`c d`+'e'in f"),
        ("a\n  + b\n  ++ c", "a\n+b\n++c"),
        ("yield * a ; b ... c", "yield*a;b...c"),
    ],
)
def test_spaces_go_where_they_separate_nothing(source: str, expected: str) -> None:
    assert shortened(source) == expected
    assert shortened(expected) == expected


VALUES = (
    "[1, 2].map((n) => n + +1 - -n)",
    "((a, b) => a / b / 2 + a++ - --b)(8, 2)",
    "/a b/g.test('a b') + `x ${ 1 + 1 } y ${ { a: ' z ' }.a }`.length / 2",
    "[typeof void 0, 1 .toFixed(1), .5 + 1. + 2, !0 in [], -1 ** 2 === undefined ? 0 : 1]".replace(
        "-1 ** 2", "(-1) ** 2"
    ),
    "new (class A { static #b = 3; #c = 4; get d() { return A.#b + this.#c + (#c in this); } })().d",
    "(function* () { yield * [1, 2]; yield /x y/.source; })().next().value",
)


@pytest.mark.skipif(NODE is None, reason="needs Node.js 20: apt-get install nodejs")
def test_a_shortened_program_computes_the_same() -> None:
    assert NODE is not None
    both = [[value, shortened(value)] for value in VALUES]
    assert all(len(short) < len(value) for value, short in both)
    script = (
        f"console.log(JSON.stringify({json.dumps(both)}.map((pair) => pair.map((text) => (0, eval)(`(${{text}})`)))))"
    )
    run = subprocess.run([NODE, "-e", script], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    computed = json.loads(run.stdout)
    assert [one for one, _ in computed] == [other for _, other in computed]


@pytest.mark.skipif(NODE is None, reason="needs Node.js 20: apt-get install nodejs")
def test_our_modules_stay_valid_programs_when_they_are_shortened(tmp_path: Path) -> None:
    assert NODE is not None
    files = []
    for path in sorted(WEB.rglob("*.js")):
        source = path.read_text()
        assert FILLER not in source
        files.append(tmp_path / f"{len(files)}-{path.stem}.mjs")
        files[-1].write_text(shortened(source))
    check = "import vm from 'node:vm'; import fs from 'node:fs'; for (const f of process.argv.slice(1)) "
    check += "new vm.SourceTextModule(fs.readFileSync(f, 'utf8'), {identifier: f});"
    arguments = [
        "--experimental-vm-modules",
        "--no-warnings",
        "--input-type=module",
        "-e",
        check,
        "--",
        *map(str, files),
    ]
    run = subprocess.run([NODE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr

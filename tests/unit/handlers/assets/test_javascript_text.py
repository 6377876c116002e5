"""What of a JavaScript text is code: nothing is found in comments, strings, templates and regular expressions."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from app.composition.web import WEB
from handlers.assets.javascript_text import FILLER, JavaScriptError, blanked, spans_of, without_comments

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


def test_without_comments_the_text_of_strings_and_templates_is_as_it_was() -> None:
    assert without_comments('/** a */\n  f( // b\n  "  //  ",\n\n  `\n    /* c */\n`); /* d */ g\n') == (
        '\nf(\n"  //  ",\n`\n    /* c */\n`);   g\n'
    )


def test_a_comment_with_a_line_end_still_ends_a_statement() -> None:
    assert without_comments("a /* \n */ b") == "a\nb"
    assert without_comments("a/* */b") == "a b"


@pytest.mark.skipif(NODE is None, reason="needs Node.js 20: apt-get install nodejs")
def test_our_modules_stay_valid_programs_without_their_comments(tmp_path: Path) -> None:
    assert NODE is not None
    files = []
    for path in sorted(WEB.rglob("*.js")):
        source = path.read_text()
        assert FILLER not in source
        files.append(tmp_path / f"{len(files)}-{path.stem}.mjs")
        files[-1].write_text(without_comments(source))
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

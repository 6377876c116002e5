"""One style sheet of several: what they import is in it, in its layer, and what no browser needs is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from handlers.assets.asset_error import AssetError
from handlers.assets.made_file import MadeFile
from handlers.assets.style_sheet import StyleSheet

FILES = {
    "page/page.css": """
        /* Order of the layers. */
        @layer reset, base;
        @import "../ui/base.css" layer(base);
        @import url("../ui/parts/print.css") layer(base.print) print and (min-width: 10px);
        @import url(../ui/parts/any.css) layer;
        @import '../ui/plain.css';
        .a { color: red; }
    """,
    "ui/base.css": '@import "parts/any.css";\nb { background: url("parts/icon.svg#dark") }',
    "ui/parts/print.css": "c { d: url( icon.svg ) url(data:image/png;base64,AA==) url(#here) }",
    "ui/parts/any.css": "e { f: url('icon.svg') }",
    "ui/plain.css": "",
    "ui/parts/icon.svg": "<svg/>",
}


def made_of(*names: str, **changes: str) -> MadeFile:
    files = FILES | {name.replace("__", "."): text for name, text in changes.items()}
    return StyleSheet("page/page.css", {name: text.encode() for name, text in files.items()}).made_of(names)


def short(source: str) -> str:
    return made_of("a.css", a__css=source).text


def test_what_a_file_imports_is_in_its_place_and_its_layer_and_its_urls_are_seen_from_the_whole() -> None:
    assert made_of("page/page.css").text == (
        "@layer reset,base;"
        "@layer base{e{f:url('../ui/parts/icon.svg')}b{background:url(\"../ui/parts/icon.svg#dark\")}}"
        "@layer base.print{@media print and (min-width:10px)"
        "{c{d:url( ../ui/parts/icon.svg ) url(data:image/png;base64,AA==) url(#here)}}}"
        "@layer{e{f:url('../ui/parts/icon.svg')}}"
        ".a{color:red}"
    )


def test_it_is_known_where_other_files_are_named() -> None:
    made = made_of("page/page.css", "ui/base.css")
    assert {one.target for one in made.references} == {"ui/parts/icon.svg"}
    assert {made.text[one.start : one.end] for one in made.references} == {"../ui/parts/icon.svg"}
    assert len(made.references) == made.text.count("icon.svg") == 6


def test_several_files_follow_each_other() -> None:
    assert made_of("ui/parts/any.css", "ui/plain.css", "page/b.css", **{"page/b__css": "g{}"}).text.endswith("}g{}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a  >  b ,\n c d { e : f g ;\n }\n", "a > b,c d{e :f g}"),
        ("a :hover { b: c }", "a :hover{b:c}"),
        ("a { --empty: ; --text:  b  c ; }", "a{--empty:;--text:b c}"),
        ("a { b: calc( 1px + -2px ) }", "a{b:calc(1px + -2px)}"),
        ("@media ( x: 1px ) and ( y ) { a { b: c } }", "@media (x:1px) and (y){a{b:c}}"),
        (".a/* b */.c { d: 1px/* e */2px /* f */ 3px/**//* */; }", ".a/**/.c{d:1px/**/2px 3px/**/}"),
        ("a { content: '  /* ; */  '; b: \"it's  ;}\" }", "a{content:'  /* ; */  ';b:\"it's  ;}\"}"),
        ("a { b: '\\'  ; {' }", "a{b:'\\'  ; {'}"),
        ("a { b: url( data:text/plain,//*x ) }", "a{b:url( data:text/plain,//*x )}"),
        ("/* don't url( @import 'x' */ a{}", "a{}"),
        ("a{}/* the end", None),
        ("a { b: 'c\n' }", None),
        ("a { b: url(c", None),
    ],
)
def test_spaces_and_comments_go_where_they_mean_nothing(source: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(AssetError, match=r"a\.css: what begins here does not end"):
            short(source)
    else:
        assert short(source) == expected
        assert short(expected) == expected


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ui/plain__css": "@import 'parts/any.css'; @import '../page/page.css';"}, "page.css → ui/plain.css → page"),
        ({"ui/plain__css": "@import 'gone.css';"}, "ui/plain.css names ui/gone.css"),
        ({"ui/plain__css": "a { b: url(gone.svg) }"}, "ui/plain.css names ui/gone.svg"),
        ({"ui/plain__css": "a {} @import 'base.css';"}, "ui/plain.css: an @import"),
        ({"ui/plain__css": "@import 'base.css' supports(a: b);"}, "ui/plain.css: an @import"),
        ({"ui/plain__css": "@import 'https://elsewhere.example/a.css';"}, "and there is no such file"),
        ({"ui/plain__css": "@charset 'utf-8';"}, "@charset"),
    ],
)
def test_what_cannot_be_one_file_is_refused(changes: Mapping[str, str], complaint: str) -> None:
    with pytest.raises(AssetError, match=complaint):
        made_of("page/page.css", **changes)

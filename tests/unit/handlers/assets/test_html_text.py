"""A page without comments and indentation is the same page."""

from __future__ import annotations

import pytest

from handlers.assets.html_text import without_comments_and_indentation


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<!doctype html>\n\n  <p>a  b\n   c</p>\n</html>\n\n", "<!doctype html>\n<p>a  b\nc</p>\n</html>\n"),
        ("<p\n    class='a'\n    id=b\n>c</p>", "<p class='a' id=b>c</p>\n"),
        ("<p title='a\n  b > c' d=\"'\n  '\">e</p>", "<p title='a\n  b > c' d=\"'\n  '\">e</p>\n"),
        ("a\n  <!-- b > <p> -->\n  c", "a\nc\n"),
        ("a <!-- --> b", "a  b\n"),
        ("a<b>c</b> <b>d</b>", "a<b>c</b> <b>d</b>\n"),
        ("<pre>\n  a <!-- b -->\n</pre>\n  <p>", "<pre>\n  a <!-- b -->\n</pre>\n<p>\n"),
        ("<textarea>\n  c</textarea>\n  <p>", "<textarea>\n  c</textarea>\n<p>\n"),
        ("<script  src='a'>\n  <!-- b\n</script>", "<script  src='a'>\n  <!-- b\n</script>\n"),
        ("<style>\n  a {}\n</style>", "<style>\n  a {}\n</style>\n"),
        ("<path d='a\n  b'\n   />", "<path d='a\n  b' />\n"),
        ("a < b\n  c", "a < b\nc\n"),
    ],
)
def test_comments_and_indentation_go_and_all_else_stays(source: str, expected: str) -> None:
    assert without_comments_and_indentation(source) == expected
    assert without_comments_and_indentation(expected) == expected

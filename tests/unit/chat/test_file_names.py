from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.file_names import EXTENSIONS, NAME_MAX_BYTES, content_disposition, file_name

PNG, TEXT = "image/png", "text/plain"


@pytest.mark.parametrize(
    ("raw", "kind", "name"),
    [
        ("photo.png", PNG, "photo.png"),
        ("photo.PNG", PNG, "photo.PNG"),
        ("evil.exe", PNG, "evil.exe.png"),
        ("photo.jpg", PNG, "photo.jpg.png"),
        ("photo", PNG, "photo.png"),
        ("page.html", TEXT, "page.html.txt"),
        ("notes.md", TEXT, "notes.md"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        (r"C:\Users\me\notes.txt", TEXT, "notes.txt"),
        ("a/b\\c", TEXT, "c.txt"),
        ("", TEXT, "file.txt"),
        ("..", TEXT, "file.txt"),
        ("/", TEXT, "file.txt"),
        (".htaccess", TEXT, "htaccess.txt"),
        ("  spaced .txt ", TEXT, "spaced .txt"),
        ("exe.\u202etxt.png", PNG, "exe.txt.png"),
        ("a\r\nb\x00\u2028c.txt", TEXT, "abc.txt"),
        ("\u200b\u2060", TEXT, "file.txt"),
        ("CON", TEXT, "_CON.txt"),
        ("nul.tar.txt", TEXT, "_nul.tar.txt"),
        ("com1 .png", PNG, "_com1 .png"),
        ("desktop.ini", TEXT, "_desktop.ini"),
        ("console.txt", TEXT, "console.txt"),
        ("\u200b.txt", TEXT, "\u200b.txt"),
        ("e\u0301.txt", TEXT, "\u00e9.txt"),
        ("日本語.txt", TEXT, "日本語.txt"),
        ("x.txt" + "y" * 2000, TEXT, "y" * 251 + ".txt"),
        ("é" * 200 + ".pdf", "application/pdf", "é" * 125 + ".pdf"),
    ],
)
def test_a_name_is_cleaned_and_its_extension_fits(raw: str, kind: str, name: str) -> None:
    assert file_name(raw, kind) == name


def test_a_long_name_is_not_cut_between_a_letter_and_its_mark() -> None:
    name = file_name("a" * 249 + "x\u0323\u0301" + "b" * 50, TEXT)  # no composed character holds both marks
    assert name == "a" * 249 + ".txt"


@given(st.text(max_size=400), st.sampled_from(sorted(EXTENSIONS)))
def test_whatever_is_sent_the_name_is_one_that_can_be_shown_and_saved(raw: str, kind: str) -> None:
    name = file_name(raw, kind)
    assert 1 <= len(name.encode()) <= NAME_MAX_BYTES
    assert not set(name) & set("/\\\x00\r\n\u202e\u2066\u2028")
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in name)
    assert not name.startswith(".")
    assert name.rpartition(".")[2].lower() in EXTENSIONS[kind]
    header = content_disposition(name, inline=False)
    assert header.isascii()
    assert header.isprintable()


def test_a_header_has_the_name_for_old_clients_and_for_new_ones() -> None:
    assert content_disposition('Gr\u00fc\u00dfe "1".png', inline=True) == (
        "inline; filename=\"Gr__e _1_.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.png"
    )

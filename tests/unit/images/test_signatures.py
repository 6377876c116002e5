from __future__ import annotations

import pytest

from images.contract import IMAGE_TYPES, THUMBNAIL_TYPE
from images.signatures import KNOWN_TYPES, SIGNATURE_BYTES, SIGNED_TYPES, TextCheck, mime_type_of

HEADS = {
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\1": "image/jpeg",
    b"\xff\xd8\xff\xdb": "image/jpeg",
    b"\x89PNG\r\n\x1a\n\0\0\0\r": "image/png",
    b"GIF87a\1\0\1\0": "image/gif",
    b"GIF89a\1\0\1\0": "image/gif",
    b"RIFF\x24\0\0\0WEBPVP8 ": "image/webp",
    b"%PDF-1.7\n%\xe2\xe3": "application/pdf",
}
NO_SIGNATURES = (
    b"",
    b"\xff\xd8",
    b"MZ\x90\0\3\0\0\0\4\0\0\0",
    b"RIFF\x24\0\0\0WAVEfmt ",
    b"RIFF",
    b"<svg xmlns='http",
    b"\n%PDF-1.7",
    b"GIF90a\1\0\1\0",
    b"BM\x36\0\0\0",
    b"II*\0\x08\0\0\0",
    b"\x89PNG\n\x1a\n",
)


@pytest.mark.parametrize(("head", "mime_type"), HEADS.items())
def test_a_type_is_told_by_the_first_bytes(head: bytes, mime_type: str) -> None:
    assert mime_type_of(head) == mime_type
    assert mime_type_of(head[:SIGNATURE_BYTES]) == mime_type
    assert mime_type_of(head + bytes(1000)) == mime_type


@pytest.mark.parametrize("head", NO_SIGNATURES)
def test_what_has_no_known_signature_has_no_type(head: bytes) -> None:
    assert mime_type_of(head) is None


def test_every_type_with_a_signature_is_known_and_text_besides() -> None:
    assert set(HEADS.values()) == set(SIGNED_TYPES)
    assert {*SIGNED_TYPES, "text/plain"} == KNOWN_TYPES
    assert {*IMAGE_TYPES, "application/pdf"} == set(SIGNED_TYPES)
    assert THUMBNAIL_TYPE in IMAGE_TYPES


TEXTS = ("", "plain", "Grüße, 你好, 🙂\r\n", "\ufeffwith a mark", "<script>alert(1)</script>")
NO_TEXTS = (b"a\0b", b"\xff\xfe", "é".encode("latin-1"), "🙂".encode()[:3], b"\xed\xa0\x80", b"\xc0\x80", b"MZ\x90\0")


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 1000])
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_text_wherever_it_is_cut_into_pieces(text: str, piece_bytes: int) -> None:
    check, content = TextCheck(), text.encode()
    assert all(check.feed(content[at : at + piece_bytes]) for at in range(0, len(content), piece_bytes))
    assert check.finish()


@pytest.mark.parametrize("piece_bytes", [1, 2, 1000])
@pytest.mark.parametrize("content", NO_TEXTS)
def test_other_bytes_are_no_text_and_stay_so(content: bytes, piece_bytes: int) -> None:
    check = TextCheck()
    for at in range(0, len(content), piece_bytes):
        check.feed(content[at : at + piece_bytes])
    assert not check.finish()
    assert not check.feed(b"text")

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import ChatError
from handlers.multipart_form import FRAME_MAX_BYTES, PARTS_MAX, FileBegins, FileForm
from tests.support.uploads import BOUNDARY, FORM, form, part

MAX_BYTES = 1000


def read(body: bytes, *cuts: int, kind: str = FORM) -> tuple[str, bytes]:
    """The name and the content of the file in a form that comes in pieces, cut at these places."""
    reader = FileForm(kind, file_max_bytes=MAX_BYTES)
    content, places = b"", (0, *sorted(cuts), len(body))
    for start, end in itertools.pairwise(places):
        if start < end:
            content += b"".join(event for event in reader.feed(body[start:end]) if isinstance(event, bytes))
    reader.finish()
    return reader.name, content


def refusal(body: bytes, *cuts: int, kind: str = FORM) -> str:
    with pytest.raises(ChatError) as refused:
        read(body, *cuts, kind=kind)
    return refused.value.code


@given(st.binary(max_size=MAX_BYTES), st.lists(st.integers(0, MAX_BYTES), max_size=6))
def test_a_file_is_the_same_however_its_form_is_cut(content: bytes, cuts: list[int]) -> None:
    body = form(part(b"before", field="about", name=None), part(content, name="a b.txt"), part(b"later", name="z"))
    assert read(body, *(min(cut, len(body)) for cut in cuts)) == ("a b.txt", content)


def test_content_that_looks_like_a_delimiter_is_content() -> None:
    content = f"\r\n--{BOUNDARY[:-1]}\r\n--x\r\n".encode()
    body = form(part(content))
    for cut in range(1, len(body)):
        assert read(body, cut) == ("notes.txt", content)


def test_a_file_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert read(form(part(b"x" * MAX_BYTES)))[1] == b"x" * MAX_BYTES
    assert refusal(form(part(b"x" * (MAX_BYTES + 1)))) == "payload_too_large"
    assert refusal(part(b"x" * (MAX_BYTES + 1))) == "payload_too_large"  # before the form has ended


@pytest.mark.parametrize(
    "kind",
    [
        "", "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x",
        'multipart/form-data; boundary="' + "x" * 71 + '"', "multipart/form-data; boundary=\u00fc",
        'multipart/form-data; boundary="a\nb"',
    ],
)  # fmt: skip
def test_without_a_usable_boundary_there_is_no_form(kind: str) -> None:
    assert refusal(form(part(b"x")), kind=kind) == "malformed"


def test_a_form_that_is_cut_anywhere_is_none() -> None:
    body = form(part(b"content"))
    for length in range(len(body) - 2):
        assert refusal(body[:length]) == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"no form",
        form(b"--" + BOUNDARY.encode() + b"\r\nContent-Disposition: form-data\n\nx\r\n"),
        form(b"--" + BOUNDARY.encode() + b"\r\nX: y\r\n\r\nno disposition\r\n"),
        form(b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: attachment; name="file"\r\n\r\nx\r\n'),
        form(b"--" + BOUNDARY.encode() + b"\r\n" + b"X: y\r\n" * 50 + b"\r\nx\r\n"),
        form(b"--" + BOUNDARY.encode() + b"\r\nX: " + b"y" * 10_000 + b"\r\n\r\nx\r\n"),
        form(part(b"x", name="\u00ff").replace("\u00ff".encode(), b"\xff")),
        form(*[part(b"", field="x", name=None)] * (PARTS_MAX + 1)),
        form(part(b"x").replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")),
    ],
)
def test_what_is_not_a_form_as_rfc_7578_has_it_is_malformed(body: bytes) -> None:
    assert refusal(body) == "malformed"


def test_a_form_inside_of_a_form_is_a_file_like_any() -> None:
    inner = form(part(b"inside")).replace(BOUNDARY.encode(), b"another")
    assert read(form(part(inner)))[1] == inner


@pytest.mark.parametrize(
    "body", [form(), form(part(b"x", field="other")), form(part(b"", name="")), form(part(b"", name=None))]
)
def test_a_form_without_a_file_names_the_field(body: bytes) -> None:
    assert refusal(body) == "validation_failed"


def test_an_empty_file_is_a_file_and_one_may_have_no_name() -> None:
    assert read(form(part(b""))) == ("notes.txt", b"")
    assert read(form(part(b"x", name=None))) == ("", b"x")


def test_only_the_first_file_counts_and_what_is_beside_it_is_bounded() -> None:
    assert read(form(part(b"first"), part(b"second"))) == ("notes.txt", b"first")
    assert refusal(form(part(b"first"), part(b"x" * FRAME_MAX_BYTES, field="other"))) == "payload_too_large"
    assert refusal(b"x" * FRAME_MAX_BYTES + b"\r\n" + form(part(b"first"))) == "payload_too_large"


def test_the_size_of_the_only_file_follows_from_the_length_of_the_form() -> None:
    for content, name in ((b"x" * 500, "a.txt"), (b"", "\u00fc\u00e9.txt"), (b"y", None)):
        body = form(part(content, name=name))
        reader = FileForm(FORM, file_max_bytes=MAX_BYTES)
        (begins,) = [event for event in reader.feed(body) if isinstance(event, FileBegins)]
        assert len(body) - begins.frame_bytes == len(content)

"""Which Accept-Encoding headers ask for gzip, and which bodies are compressed."""

from __future__ import annotations

import gzip
import os
import time

import pytest

from handlers.content_encoding import (
    KEPT_BYTES,
    KEPT_MAX,
    MAX_REPLY_BYTES,
    MIN_BYTES,
    accepts_gzip,
    gzip_asset,
    gzip_reply,
)

ASK_FOR_GZIP = (
    "gzip",
    "GZip",
    "x-gzip",
    "gzip, deflate, br",
    "br;q=1.0, gzip;q=0.8, *;q=0.1",
    "*",
    "*;q=0.001",
    "identity;q=0, *",
    "identity;q=0.5, gzip",
    "gzip;q=0.5, identity;q=0.5",
    "deflate, gzip;q=1.000",
    " gzip ; q=0.5 ,",
    "gzip;q=0., gzip;q=1",
    "deflate;q=often, gzip",
)
ASK_FOR_NONE = (
    None,
    "",
    ",,,",
    "identity",
    "br",
    "gzip;q=0",
    "gzip;q=0.000",
    "gzip;q=0, *",
    "*;q=0",
    "gzip;q=0.5, identity",
    "gzip;q=0.5, identity;q=0.6",
    "identity, *;q=0.5",
    "gzipped",
    "not-gzip",
    "gzip;q=1.5",
    "gzip;q=-1",
    "gzip;q=٠",
    "gzip;q=nan",
    "gzip;q=1e0",
    "gzip;level=9",
    '"gzip"',
    "gzip gzip",
)


@pytest.mark.parametrize("header", ASK_FOR_GZIP)
def test_gzip_is_sent_to_who_accepts_it(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize("header", ASK_FOR_NONE)
def test_the_body_is_sent_as_it_is_to_who_does_not_accept_gzip_or_prefers_no_coding(header: str | None) -> None:
    assert not accepts_gzip(header)


def test_a_header_of_the_largest_size_is_read_at_once() -> None:
    began_at = time.process_time()
    for header in ("gzip;q=0," * 3_600, ";" * 32_000, "*," * 16_000, "gzip" + " " * 32_000 + ";q=0"):
        assert accepts_gzip(header) == header.startswith("*")
    assert time.process_time() - began_at < 0.5


def test_a_reply_is_compressed_between_its_bounds_and_comes_back_as_it_was() -> None:
    for size, is_compressed in (
        (0, False),
        (MIN_BYTES - 1, False),
        (MIN_BYTES, True),
        (MAX_REPLY_BYTES, True),
        (MAX_REPLY_BYTES + 1, False),
    ):
        body = b"x" * size
        compressed = gzip_reply(body)
        assert (compressed is not None) == is_compressed
        assert compressed is None or gzip.decompress(compressed) == body


def test_what_was_compressed_lately_is_not_compressed_again_unless_it_is_large() -> None:
    bodies = [b"%06d" % number * 1_000 for number in range(KEPT_MAX + 1)]
    first = [gzip_reply(body) for body in bodies]
    assert [gzip_reply(bytes(bytearray(body))) is kept for body, kept in zip(bodies[1:], first[1:], strict=True)] == (
        [True] * KEPT_MAX
    )
    assert gzip_reply(bodies[0]) is not first[0]
    large = b"x" * (KEPT_BYTES + 1)
    assert gzip_reply(large) is not gzip_reply(large)


def test_equal_bodies_are_equal_when_compressed() -> None:
    assert gzip_asset(b"body" * 1_000) == gzip_asset(b"body" * 1_000)


def test_a_file_that_gzip_does_not_make_smaller_by_a_tenth_stays_as_it_is() -> None:
    assert gzip_asset(os.urandom(50_000)) is None
    assert gzip_asset(b"short") is None
    assert gzip_asset(b"long " * 1_000) is not None

"""Draws the sample's pictures and writes its text: PNGs of a few colours, made of the standard library. Pure."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from random import Random

Colour = bytes  # red, green, blue

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AVATAR_CELLS, _CELL = 5, 32  # cells in a row, pixels in a cell
_WIDTH, _HEIGHT, _HORIZON = 960, 540, 320


def png(width: int, rows: Iterable[bytes]) -> bytes:
    """A PNG of rows of three bytes a pixel."""
    lines = [b"\0" + row for row in rows]  # 0: the row is not filtered
    head = struct.pack(">IIBBBBB", width, len(lines), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(lines), 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def avatar(name: str, text_colour: str, background_colour: str) -> bytes:
    """A mirrored pattern in two colours (`#rrggbb`), the same for the same name."""
    ink, paper = (bytes.fromhex(one.removeprefix("#")) for one in (text_colour, background_colour))
    random, half = Random(name), _AVATAR_CELLS // 2 + 1
    rows = []
    for _ in range(_AVATAR_CELLS):
        left = [random.random() < 0.5 for _ in range(half)]
        cells = [*left, *reversed(left[: _AVATAR_CELLS - half])]
        edge = paper * (_CELL // 2)
        rows += [edge + b"".join((ink if cell else paper) * _CELL for cell in cells) + edge] * _CELL
    width = _AVATAR_CELLS * _CELL + _CELL // 2 * 2
    blank = [paper * width] * (_CELL // 2)
    return png(width, [*blank, *rows, *blank])


def dock() -> bytes:
    """A dock at low tide: sky, sea, posts, and a lighthouse far away."""
    return png(_WIDTH, _dock_rows())


def _dock_rows() -> Iterator[bytes]:
    for y in range(_HEIGHT):
        if y < _HORIZON:
            row = bytearray(_mix((120, 170, 225), (250, 225, 190), y / _HORIZON) * _WIDTH)
            if y >= 150:
                half = 7 + (y - 150) // 30
                _paint(row, 700 - half, 700 + half, (200, 60, 50) if (y // 34) % 2 else (245, 245, 240))
            if 130 <= y < 150:
                _paint(row, 692, 708, (255, 215, 90))
        else:
            row = bytearray(_mix((70, 130, 160), (25, 60, 85), (y - _HORIZON) / (_HEIGHT - _HORIZON)) * _WIDTH)
            wave = int(40 * math.sin(y / 9) + 40 * math.sin(y / 3.7))
            for start in range(60 + wave, _WIDTH - 80, 190):
                _paint(row, start, start + 46, (110, 165, 190))
        for post in range(60, 420, 90):
            if y >= 260:
                _paint(row, post, post + 18, (70, 50, 38) if y < 430 else (52, 70, 48))  # below the high water: weed
        if 248 <= y < 268:
            _paint(row, 0, 450, (120, 88, 60) if y % 10 else (90, 64, 44))
        yield bytes(row)


def _mix(above: tuple[int, int, int], below: tuple[int, int, int], share: float) -> bytes:
    return bytes(round(one + (other - one) * share) for one, other in zip(above, below, strict=True))


def _paint(row: bytearray, start: int, end: int, colour: tuple[int, int, int]) -> None:
    start, end = max(0, start), min(_WIDTH, end)
    row[3 * start : 3 * end] = bytes(colour) * max(0, end - start)


def tide_table() -> bytes:
    """A text: a day of high and low water at some stations."""
    lines = ["station         low     high    low     high", "-" * 45]
    for number, station in enumerate(("Port Ellen", "Oban", "Tobermory", "Mallaig", "Ullapool", "Stornoway")):
        first = 60 + 37 * number  # minutes after midnight; the tides are some six hours and a quarter apart
        times = (f"{(first + 373 * tide) // 60 % 24:02d}:{(first + 373 * tide) % 60:02d}" for tide in range(4))
        lines.append(f"{station:16}{'   '.join(times)}")
    return "\n".join([*lines, "", "All times in UTC. Port Ellen was checked by hand, with a stick.", ""]).encode()


# The files that scenes name.
FILES: dict[str, Callable[[], bytes]] = {"dock-at-low-tide.png": dock, "west-coast-tides.txt": tide_table}

"""The name under which an uploaded file is shown and saved: cleaned, with an extension that fits its type. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

from chat.text_rules import has_visible_character, nfc, printable

NAME_MAX_BYTES = 255  # of UTF-8, as file systems have it
_RAW_MAX_CHARS = 1024  # of what a client sends: the base name is looked for at its end
_NAMELESS = "file"
_SEPARATORS = re.compile(r"[/\\]")
# What Windows takes for a device, whatever follows the first dot, and a file that dresses up the folder that it is in
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]|conin\$|conout\$|clock\$) *(?:\.|$)|desktop\.ini$", re.IGNORECASE
)

# The extensions that a name of each type may keep, the first for a name that has another. Of text only those that no
# system opens with a program that would run it: a page or a script gets `.txt` behind its own.
EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/png": ("png",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "application/pdf": ("pdf",),
    "text/plain": (
        "txt", "text", "md", "csv", "tsv", "log", "json", "jsonl", "yaml", "yml", "toml", "ini", "conf", "rst", "diff",
        "patch", "srt", "vtt", "ics", "vcf", "tex", "bib", "c", "h", "cpp", "rs", "go", "java", "sql", "css",
    ),
}  # fmt: skip


def file_name(raw: str, mime_type: str) -> str:
    """Return the name of an upload of `mime_type` that its client calls `raw`, whatever that is: never empty, no path.

    1 to NAME_MAX_BYTES bytes of UTF-8, NFC, without control, line and bidirectional formatting characters.
    """
    base = nfc(printable(_SEPARATORS.split(raw[-_RAW_MAX_CHARS:])[-1])).strip(" .")
    if not base or not has_visible_character(base):
        base = _NAMELESS
    if _RESERVED.match(base):
        base = f"_{base}"
    fitting = EXTENSIONS[mime_type]
    stem, dot, extension = base.rpartition(".")
    if not dot or extension.lower() not in fitting:
        stem, extension = base, fitting[0]
    return f"{_cut(stem, NAME_MAX_BYTES - len(extension) - 1)}.{extension}"


def _cut(text: str, max_bytes: int) -> str:
    """The text, cut at a character where it is longer than `max_bytes`, and before the marks of a cut-off one."""
    if len(text.encode()) <= max_bytes:
        return text
    kept = text.encode()[:max_bytes].decode(errors="ignore")
    end = len(kept)
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return kept[:end].rstrip(" .") or _NAMELESS


def content_disposition(name: str, *, inline: bool) -> str:
    """Return the header for a file of this name (RFC 6266): `filename` for old clients, `filename*` for all others."""
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in name)
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"

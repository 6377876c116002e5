"""The type of an upload by its content, whatever its name and its sender say."""

from __future__ import annotations

import codecs

SIGNATURE_BYTES = 12
"""As many first bytes tell the types apart."""
SIGNED_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf")
KNOWN_TYPES = frozenset({*SIGNED_TYPES, "text/plain"})
"""The types that can be told by content: of others no upload is ever accepted."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def mime_type_of(head: bytes) -> str | None:
    """The type that the first SIGNATURE_BYTES or more say; None where they are no known signature.

    Then it may still be text/plain, which has none: TextCheck.
    """
    for signature, mime_type in _SIGNATURES:
        if head.startswith(signature):
            return mime_type
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


class TextCheck:
    """Whether bytes that come in pieces are text: UTF-8 without NUL."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = True

    def feed(self, piece: bytes) -> bool:
        """Take the next piece; returns whether all so far may be text."""
        return self._take(piece, is_last=False)

    def finish(self) -> bool:
        """Returns whether all pieces together are text; a character cut in the middle is not."""
        return self._take(b"", is_last=True)

    def _take(self, piece: bytes, *, is_last: bool) -> bool:
        if self._is_text:
            try:
                self._is_text = "\0" not in self._decoder.decode(piece, is_last)
            except UnicodeDecodeError:
                self._is_text = False
        return self._is_text

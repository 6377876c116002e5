"""Finds the one file in a multipart body that comes in pieces (RFC 7578). Pure: knows no socket and no disk."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from chat.errors import ChatError, invalid

PARTS_MAX = 32
HEADERS_MAX = 8  # of one part
HEADER_MAX_BYTES = 4096
# Of everything but the file: other fields, part headers, what stands before and behind the form
FRAME_MAX_BYTES = 65_536
BOUNDARY_MAX_CHARS = 70  # RFC 2046 section 5.1.1
FIELD = "file"


class FileBegins(Struct, frozen=True):
    """The file's bytes come next. `name` is what the client calls it.

    `frame_bytes`: how many bytes of the body are the file's headers and delimiters where it is the only part.
    """

    name: str
    frame_bytes: int


class FileForm:
    """A form with a file in its first field of the name FIELD. All else in it is ignored.

    `content_type` is the request's header. Raises ChatError malformed.
    """

    def __init__(self, content_type: str, *, file_max_bytes: int) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not boundary.isascii() or not 1 <= len(boundary) <= BOUNDARY_MAX_CHARS:
            raise ChatError("malformed", "The body takes multipart/form-data with a boundary.")
        try:
            self._parser = PushMultipartParser(
                boundary,
                max_header_size=HEADER_MAX_BYTES,
                max_header_count=HEADERS_MAX,
                max_segment_count=PARTS_MAX,
            )
        except MultipartError as error:
            raise _unreadable() from error
        # The first, `--…` and CRLF, and the last, `--…--` and CRLF; and the CRLF behind the headers and the content
        self._delimiters_bytes = 2 * len(boundary) + 14
        self._file_max_bytes = file_max_bytes
        self._frame_left = FRAME_MAX_BYTES
        self._file: MultipartSegment | None = None
        self._is_in_file = False

    @property
    def name(self) -> str:
        """What the client calls the file; empty where it says nothing."""
        return (self._file.filename or "") if self._file is not None else ""

    def feed(self, chunk: bytes) -> Iterator[FileBegins | bytes]:
        """Take the next bytes of the body; yields what they hold of the file. To be iterated to its end.

        Raises ChatError malformed, payload_too_large.
        """
        of_file = 0
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    self._is_in_file = self._file is None and event.name == FIELD
                    if self._is_in_file:
                        self._file = event
                        yield FileBegins(self.name, self._frame_bytes(event))
                elif event is not None and self._is_in_file and self._file is not None:
                    if self._file.bytes_received > self._file_max_bytes:
                        raise ChatError("payload_too_large", details={"maxBytes": self._file_max_bytes})
                    of_file += len(event)
                    yield event
        except MultipartError as error:
            raise _unreadable() from error
        self._frame_left -= len(chunk) - of_file
        if self._frame_left < 0:
            raise ChatError("payload_too_large", "The form is too large beside its file.")

    def finish(self) -> None:
        """The body is over. Raises ChatError malformed, validation_failed where no file was in it."""
        try:
            self._parser.close()
        except MultipartError as error:
            raise _unreadable() from error
        # Browsers send an empty file without a name for a field in which none was chosen.
        if self._file is None or not (self._file.filename or self._file.bytes_received):
            raise invalid(file="takes a file")

    def _frame_bytes(self, part: MultipartSegment) -> int:
        headers = sum(len(name) + len(value.encode()) + 4 for name, value in part.headerlist)
        return headers + self._delimiters_bytes


def _unreadable() -> ChatError:
    return ChatError("malformed", "The body is no multipart form that can be read.")

"""The log's two formats, one line per event: text for people, JSON for programs.

Never logs a chat message or a token: callers pass neither.
"""

from __future__ import annotations

import atexit
import io
import json
import logging
import os
import sys
import threading

from common.rfc3339 import rfc3339
from monitor.log_line_writer import LineWriter

BEGUN_MAX = 65_536  # characters of a line without an end, which is then written as it is


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO access: request method=GET path=/ …`; a line break within a value is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {record.name}: {_plain(record.getMessage())}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a traceback is a string in it."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)  # ASCII only: some readers end a line at U+2028


FORMATTERS = {"text": TextFormatter, "json": JsonFormatter}


class LineHandler(logging.Handler):
    """Passes lines to a LineWriter.

    Records are formatted here, in the caller's thread, because the objects that they refer to may change later.
    """

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.put(_line(self.format(record)))
        except Exception:
            self.handleError(record)


class ErrorStream(io.TextIOBase):
    """Standard error through a LineWriter, so that the interpreter's warnings and tracebacks do not block either."""

    def __init__(self, writer: LineWriter, descriptor: int) -> None:
        self._writer = writer
        self._descriptor = descriptor
        self._begun = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            if len(self._begun) > BEGUN_MAX:
                lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            self._writer.put(_line(line))
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor


def set_up(*, log_format: str, level: str) -> None:
    """Send the log to standard error in the given format."""
    _install(logging.StreamHandler(sys.stderr), log_format, level)


def set_up_queued(*, log_format: str, level: str) -> LineWriter:
    """Send the log and all of standard error through a thread, so that a slow reader does not block the process.

    The lines that wait are written at exit. A caller that ends the process by os._exit, which runs no exit handlers,
    must close the returned writer first.
    """
    formatter = FORMATTERS[log_format]()

    def dropped_line(count: int) -> bytes:
        record = logging.LogRecord(
            __name__, logging.WARNING, __file__, 0, "log lines dropped: they were not read in time", None, None
        )
        record.fields = {"dropped": count}
        return _line(formatter.format(record))

    # If standard error was closed before the start, another file has descriptor 2 by now, perhaps the event loop's.
    descriptor = os.open(os.devnull, os.O_WRONLY) if sys.__stderr__ is None else sys.__stderr__.fileno()
    writer = LineWriter(descriptor, dropped_line=dropped_line)
    sys.stderr = ErrorStream(writer, descriptor)
    atexit.register(writer.close)
    _install(LineHandler(writer), log_format, level)
    return writer


def _install(handler: logging.Handler, log_format: str, level: str) -> None:
    # Of a record no line here shows the source line, thread or process: finding them out took a third of its time (the
    # standard library's "Optimization" of logging).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler.setFormatter(FORMATTERS[log_format]())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Tornado and asyncio log what clients do wrong, and pymongo logs what it stores; our own parts log the rest.
    for noisy in ("tornado.general", "tornado.access", "asyncio", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _line(text: str) -> bytes:
    return text.encode(errors="backslashreplace") + b"\n"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


def _time(record: logging.LogRecord) -> str:
    return rfc3339(int(record.created * 1000))


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")

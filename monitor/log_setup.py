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
import time
from collections.abc import Mapping
from functools import lru_cache

from common.rfc3339 import rfc3339
from monitor.log_line_writer import LineWriter

Fields = Mapping[str, object]

BEGUN_MAX = 65_536  # characters of a line without an end, which is then written as it is


class EventFormatter(logging.Formatter):
    """Formats a record, or an event of which no record was made."""

    def format(self, record: logging.LogRecord) -> str:
        traceback = self.formatException(record.exc_info) if record.exc_info else None
        return self.event(
            record.created, record.levelname, record.name, record.getMessage(), _fields(record), traceback
        )

    def event(
        self, at_s: float, level: str, logger: str, message: str, fields: Fields, traceback: str | None = None
    ) -> str:
        raise NotImplementedError


class TextFormatter(EventFormatter):
    """`2026-01-31T12:00:00.123Z INFO access: request method=GET path=/ …`; a line break within a value is escaped."""

    def event(
        self, at_s: float, level: str, logger: str, message: str, fields: Fields, traceback: str | None = None
    ) -> str:
        shown = "".join([f" {name}={_plain(value)}" for name, value in fields.items()])
        line = f"{_time(at_s)} {level} {logger}: {_plain(message)}{shown}"
        return line if traceback is None else f"{line}\n{traceback}"


class JsonFormatter(EventFormatter):
    """One JSON object per line; a traceback is a string in it."""

    def event(
        self, at_s: float, level: str, logger: str, message: str, fields: Fields, traceback: str | None = None
    ) -> str:
        entry = {"time": _time(at_s), "level": level.lower(), "logger": logger, "message": message, **fields}
        if traceback is not None:
            entry["traceback"] = traceback
        return json.dumps(entry, default=str)  # ASCII only: some readers end a line at U+2028


FORMATTERS: Mapping[str, type[EventFormatter]] = {"text": TextFormatter, "json": JsonFormatter}


class LineHandler(logging.Handler):
    """Passes lines to a LineWriter.

    Records are formatted here, in the caller's thread, because the objects that they refer to may change later.
    """

    def __init__(self, writer: LineWriter, formatter: EventFormatter) -> None:
        super().__init__()
        self._writer = writer
        self._event = formatter.event
        self.setFormatter(formatter)

    def write(self, level: int, logger: str, message: str, fields: Fields) -> None:
        """Write an event without a record of it."""
        line = self._event(time.time(), logging.getLevelName(level), logger, message, fields)
        self._writer.put(_line(line))

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


def log_event(logger: logging.Logger, level: int, message: str, fields: Fields) -> None:
    """As `logger.log(level, message, extra={"fields": fields})`, in a quarter of the time where each line of the log
    goes to one LineHandler.

    For what is logged for each request: a record, and its way through the loggers, were 15 µs of it.
    """
    if logger.isEnabledFor(level):
        handlers = logger.manager.root.handlers
        if len(handlers) == 1 and isinstance(only := handlers[0], LineHandler) and not logger.handlers:
            only.write(level, logger.name, message, fields)
        else:
            logger.log(level, message, extra={"fields": fields})


def set_up(*, log_format: str, level: str) -> None:
    """Send the log to standard error in the given format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTERS[log_format]())
    _install(handler, level)


def set_up_queued(*, log_format: str, level: str) -> LineWriter:
    """Send the log and all of standard error through a thread, so that a slow reader does not block the process.

    The lines that wait are written at exit. A caller that ends the process by os._exit, which runs no exit handlers,
    must close the returned writer first.
    """
    formatter = FORMATTERS[log_format]()

    def dropped_line(count: int) -> bytes:
        message = "log lines dropped: they were not read in time"
        return _line(formatter.event(time.time(), "WARNING", __name__, message, {"dropped": count}))

    # If standard error was closed before the start, another file has descriptor 2 by now, perhaps the event loop's.
    descriptor = os.open(os.devnull, os.O_WRONLY) if sys.__stderr__ is None else sys.__stderr__.fileno()
    writer = LineWriter(descriptor, dropped_line=dropped_line)
    sys.stderr = ErrorStream(writer, descriptor)
    atexit.register(writer.close)
    _install(LineHandler(writer, formatter), level)
    return writer


def _install(handler: logging.Handler, level: str) -> None:
    # Of a record no line here shows the source line, thread or process: finding them out took a third of its time (the
    # standard library's "Optimization" of logging).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Tornado and asyncio log what clients do wrong, and pymongo logs what it stores; our own parts log the rest.
    for noisy in ("tornado.general", "tornado.access", "asyncio", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _line(text: str) -> bytes:
    return text.encode(errors="backslashreplace") + b"\n"


def _fields(record: logging.LogRecord) -> Fields:
    fields: Fields = getattr(record, "fields", {})
    return fields


def _time(epoch_s: float) -> str:
    second, millis = divmod(int(epoch_s * 1000), 1000)
    return f"{_second(second)}{millis:03d}Z"


@lru_cache(maxsize=2)  # many lines have the same
def _second(epoch_s: int) -> str:
    return rfc3339(epoch_s * 1000).removesuffix("000Z")


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")

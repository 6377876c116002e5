"""`server.py` with arguments run in this process: the same output and exit code as in a process of its own, without the
start of an interpreter.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from tests.support.server import ROOT

_one_at_a_time = threading.Lock()  # environment, arguments and streams are the whole process's


def run_in_process(*arguments: str, env: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as tests.support.server.command does. Not for `serve`, nor for tests of signals.

    It runs on a thread of its own: the caller's may have a running event loop.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_run, arguments, env, stdin).result()


def _run(arguments: tuple[str, ...], env: Mapping[str, str], stdin: str) -> subprocess.CompletedProcess[str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        _one_at_a_time,
        _logging_restored(),
        patch.dict(os.environ, {"PATH": os.environ["PATH"], **env}, clear=True),
        patch.object(sys, "argv", ["server.py", *arguments]),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(str(ROOT / "server.py"), run_name="__main__")
        except SystemExit as ended:
            assert isinstance(ended.code, int), ended.code
            code = ended.code
    return subprocess.CompletedProcess(["server.py", *arguments], code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    """Restore levels and handlers of all loggers: the commands redirect the log to standard error."""
    root = logging.getLogger()
    loggers = [
        root,
        *(one for one in list(logging.Logger.manager.loggerDict.values()) if isinstance(one, logging.Logger)),
    ]
    levels, handlers = [one.level for one in loggers], list(root.handlers)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)

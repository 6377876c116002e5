"""A signal ends the bench wherever it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.server import ROOT

FORGOTTEN = """
import signal
from bench.stop_signals import StopSignals

stop_signals = StopSignals()
stop_signals.listen()

class Finalized:
    def __del__(self):
        signal.raise_signal({number})

stop_signals.check()
Finalized()
print("Python went on", flush=True)
stop_signals.check()
print("and so did we")
"""


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_whose_exception_python_forgets_is_raised_again(number: int) -> None:
    program = [sys.executable, "-c", FORGOTTEN.format(number=number)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (128 + number, "Python went on\n")
    assert "Exception ignored in" in done.stderr

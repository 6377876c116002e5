"""A certificate for 127.0.0.1 that nobody else vouches for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    """PEM files; the certificate is its own authority."""

    key: Path
    path: Path


def self_signed(folder: Path) -> Certificate:
    """Made by openssl; the test is skipped without it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("need openssl on PATH (Debian: apt-get install openssl)")
    made = Certificate(folder / "own.key", folder / "own.crt")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([openssl, *request, "-keyout", made.key, "-out", made.path], check=True, capture_output=True)
    return made

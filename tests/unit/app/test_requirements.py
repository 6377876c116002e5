"""What is looked for before the product is imported is what setup.cfg requires."""

from __future__ import annotations

import configparser
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from app import requirements
from tests.support.server import ROOT


def test_the_packages_are_those_that_setup_cfg_requires() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    required = {
        re.split(r"[\[<>=]", line)[0].lower()
        for line in setup["options"]["install_requires"].splitlines()
        if line and not line.startswith("#")
    }
    distributions = packages_distributions()
    looked_for = {name.lower() for package in requirements.PACKAGES for name in distributions[package]}
    assert required == looked_for
    assert setup["options"]["python_requires"] == ">={}.{}".format(*requirements.PYTHON)


def test_an_older_python_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert requirements.refusal() is None
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    refusal = requirements.refusal()
    assert refusal is not None
    assert refusal.startswith("Python 3.9 is too old: ")
    assert ".venv" in refusal

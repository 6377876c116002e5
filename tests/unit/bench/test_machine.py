"""What the machine forbids is said in one line."""

from __future__ import annotations

import resource

import pytest

from bench import machine
from bench.errors import BenchError

NOBODY_MAY_OPEN = 2_000_000_000  # above the largest fs.nr_open, which binds root, too


def test_more_connections_than_the_machine_allows_are_refused_with_the_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(BenchError) as refused:
        machine.allow_connections(NOBODY_MAY_OPEN)
    assert str(refused.value) == (
        f"2000000000 connections need 2000000256 open files a process; this machine allows {hard} (`ulimit -Hn`)"
    )


def test_the_soft_limit_is_raised_to_what_the_connections_need() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        machine.allow_connections(200)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (456, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

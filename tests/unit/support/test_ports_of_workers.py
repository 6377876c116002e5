"""Ports of parallel workers: no two workers get the same."""

from __future__ import annotations

import socket

import pytest

from tests.support.server import PORTS, WORKER, WORKERS, free_port, own_ports


@pytest.mark.parametrize("workers", [1, 6, 13])
def test_each_worker_and_each_that_replaces_one_has_ports_that_no_other_has(workers: int) -> None:
    own = [own_ports({WORKER: f"gw{number}", WORKERS: str(workers)}) for number in range(2 * workers)]
    assert all(len(ports) >= 500 for ports in own)
    assert len({port for ports in own for port in ports}) == sum(map(len, own))
    assert all(port in PORTS for ports in own for port in ports)


def test_who_runs_alone_has_all() -> None:
    assert own_ports({}) == PORTS


def test_a_free_port_is_one_of_the_workers_own_and_so_are_those_in_a_row() -> None:
    for count in (1, 3):
        first = free_port(count)
        assert first in own_ports()
        assert first + count - 1 in own_ports()
        with socket.create_server(("127.0.0.1", first)):
            pass

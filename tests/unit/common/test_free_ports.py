"""Ports to listen on: never one that the kernel gives to whoever connects."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from common.free_ports import beyond, free_port


@pytest.mark.parametrize(
    ("ephemeral", "ports"),
    [
        ("32768\t60999\n", range(10_000, 32_768)),
        ("49152 65535", range(10_000, 49_152)),
        ("10000 30000", range(30_001, 65_536)),
        ("1024 20000", range(20_001, 65_536)),
        ("1024 65535", range(10_000, 65_536)),
        ("nonsense", range(10_000, 32_768)),
    ],
)
def test_ports_are_of_the_larger_side_of_the_ephemeral_ones(ephemeral: str, ports: range) -> None:
    assert beyond(ephemeral) == ports


def test_a_port_is_free_and_none_that_is_taken() -> None:
    kernels = Path("/proc/sys/net/ipv4/ip_local_port_range")
    allowed = beyond(kernels.read_text() if kernels.exists() else "")
    for _ in range(50):
        port = free_port()
        assert port in allowed
        with socket.create_server(("127.0.0.1", port)):
            assert free_port(taken=[port + 1]) not in (port, port + 1)

"""A sample agrees with the operating system, and the memory limit is the lowest of the process's cgroups."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from monitor.resource_usage import ResourceProbe, memory_limit_bytes

MACHINE_BYTES = 8_000_000_000


def test_a_busy_core_is_seen_as_cpu():
    probe = ResourceProbe()
    until = time.process_time() + 0.3
    began = time.monotonic()
    while time.process_time() < until:
        pass
    wall_s = time.monotonic() - began
    sample = probe.sample()
    assert sample.cpu_percent == pytest.approx(100 * 0.3 / wall_s, rel=0.5)
    assert 0 < sample.machine_cpu_percent <= 100


def test_descriptors_threads_and_memory_are_those_of_this_process():
    probe, process = ResourceProbe(), psutil.Process()
    before = probe.sample()
    assert before.open_fds == process.num_fds() - 1  # which opens one to list them
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    memory = bytearray(os.urandom(1 << 20) * 64)
    try:
        after = probe.sample()
    finally:
        release.set()
        thread.join()
        for descriptor in held:
            os.close(descriptor)
    assert after.open_fds - before.open_fds == 50
    assert after.threads - before.threads == 1
    assert after.rss_bytes - before.rss_bytes > len(memory) // 2
    assert after.memory_percent == pytest.approx(100 * after.rss_bytes / after.memory_limit_bytes)
    assert after.heap_blocks > 0


def test_a_sample_is_cheap():
    probe = ResourceProbe()
    began = time.process_time()
    for _ in range(50):
        probe.sample()
    assert (time.process_time() - began) / 50 < 0.005


def group(folder: Path, line: str, limits: dict[str, str]) -> dict[str, Path]:
    """A /proc and a /sys/fs/cgroup with these limits, by path."""
    (folder / "proc" / "self").mkdir(parents=True)
    (folder / "proc" / "self" / "cgroup").write_text(line)
    for path, text in limits.items():
        file = folder / "cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return {"proc": folder / "proc", "cgroups": folder / "cgroup"}


@pytest.mark.parametrize(
    ("line", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": "max\n"}, MACHINE_BYTES),
        ("0::/\n", {"memory.max": "500000000\n"}, 500_000_000),
        ("0::/a/b\n", {"a/memory.max": "300000000\n", "a/b/memory.max": "max\n"}, 300_000_000),
        ("0::/host/path\n", {"memory.max": "200000000\n"}, 200_000_000),
        ("0::/\n", {"memory.max": "99000000000\n"}, MACHINE_BYTES),
        ("4:memory:/box\n0::/\n", {"memory/box/memory.limit_in_bytes": "700000000\n"}, 700_000_000),
        ("4:cpu,memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, MACHINE_BYTES),
        ("", {}, MACHINE_BYTES),
    ],
)
def test_the_limit_is_the_least_that_applies(tmp_path, line, limits, expected):
    assert memory_limit_bytes(machine_bytes=MACHINE_BYTES, **group(tmp_path, line, limits)) == expected


def test_without_proc_it_is_the_machines_memory(tmp_path):
    assert memory_limit_bytes(machine_bytes=MACHINE_BYTES, proc=tmp_path, cgroups=tmp_path) == MACHINE_BYTES

"""The free space is that of statvfs without root's reserve; without an answer there is no sample."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.disk_space import DiskProbe


def test_a_disk_has_free_bytes_and_a_size(tmp_path: Path) -> None:
    expected = os.statvfs(tmp_path)
    sample = DiskProbe(folder=tmp_path).sample()
    assert sample is not None
    assert 0 < sample.free_bytes <= sample.size_bytes <= expected.f_blocks * expected.f_frsize


def test_a_missing_folder_and_a_file_system_without_a_size_have_no_sample(tmp_path: Path) -> None:
    assert DiskProbe(folder=tmp_path / "gone").sample() is None
    assert DiskProbe(folder=Path("/proc")).sample() is None

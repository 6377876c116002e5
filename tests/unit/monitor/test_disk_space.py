"""What may still be written is what a statvfs says without root's reserve; where there is nothing to ask, nothing is
told.
"""

from __future__ import annotations

import os
from pathlib import Path

from monitor.disk_space import DiskProbe


def test_a_disk_is_told_of_with_what_is_free_of_what_there_is(tmp_path: Path) -> None:
    told = os.statvfs(tmp_path)
    sample = DiskProbe(folder=tmp_path).sample()
    assert sample is not None
    assert 0 < sample.free_bytes <= sample.size_bytes <= told.f_blocks * told.f_frsize


def test_a_folder_that_is_gone_and_a_file_system_without_a_size_tell_nothing(tmp_path: Path) -> None:
    assert DiskProbe(folder=tmp_path / "gone").sample() is None
    assert DiskProbe(folder=Path("/proc")).sample() is None

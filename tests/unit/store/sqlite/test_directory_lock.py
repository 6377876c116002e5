from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.startup_error import StartupError
from store.sqlite import DirectoryLock

HOLDER = """
import sys
from pathlib import Path
from store.sqlite import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]), shared=sys.argv[2] == "shared")
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


def holder(data_dir: Path, kind: str) -> subprocess.Popen[str]:
    """A process that holds the lock until it ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


@pytest.mark.parametrize(
    ("held", "wanted", "granted"),
    [
        ("exclusive", "exclusive", False),
        ("exclusive", "shared", False),
        ("shared", "exclusive", False),
        ("shared", "shared", True),
    ],
)
def test_a_second_process_gets_the_directory_only_if_both_share(
    data_dir: Path, held: str, wanted: str, granted: bool
) -> None:
    child = holder(data_dir, held)
    try:
        lock = DirectoryLock(data_dir, shared=wanted == "shared")
        if granted:
            lock.acquire()
            lock.release()
        else:
            with pytest.raises(StartupError, match="in use by another process") as refused:
                lock.acquire()
            assert "\n" not in str(refused.value)
            assert str(data_dir) in str(refused.value)
    finally:
        end(child)


def test_a_killed_process_leaves_no_lock(data_dir: Path) -> None:
    end(holder(data_dir, "exclusive"))
    with DirectoryLock(data_dir, shared=False):
        pass


def test_a_lock_can_be_let_go_and_taken_again(data_dir: Path) -> None:
    first, second = DirectoryLock(data_dir, shared=False), DirectoryLock(data_dir, shared=False)
    first.acquire()
    first.acquire()
    with pytest.raises(StartupError):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_child_of_the_holder_does_not_keep_the_lock(data_dir: Path) -> None:
    lock = DirectoryLock(data_dir, shared=False)
    lock.acquire()
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    try:
        lock.release()
        with DirectoryLock(data_dir, shared=False):
            pass
    finally:
        child.kill()
        child.communicate()


def test_the_directory_is_made_private(data_dir: Path) -> None:
    with DirectoryLock(data_dir, shared=False):
        assert data_dir.stat().st_mode & 0o777 == 0o700

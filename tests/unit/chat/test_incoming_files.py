"""What is coming in: its bounds, and that nothing of it is seen or stays. On a real disk."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from chat.errors import ChatError
from chat.incoming_files import AT_ONCE, IncomingFiles


@pytest.mark.gen_test
async def test_uploads_at_once_are_bounded(stack: AsyncExitStack, tmp_path: Path) -> None:
    incoming = IncomingFiles(folder=tmp_path)
    stack.callback(incoming.close)
    files = [incoming.begin(f"u{number}") for number in range(AT_ONCE)]
    with pytest.raises(ChatError) as refused:
        incoming.begin("another")
    assert refused.value.code == "unavailable"
    files[0].close()
    files[0].close()  # gives its place back once
    with pytest.raises(ChatError):
        incoming.begin("u1")
    files.append(incoming.begin("another"))
    for file in files:
        file.close()
    assert incoming.metrics().gauges == {"uploads": 0}


@pytest.mark.gen_test
async def test_a_file_that_was_closed_takes_no_more(stack: AsyncExitStack, tmp_path: Path) -> None:
    incoming = IncomingFiles(folder=tmp_path)
    stack.callback(incoming.close)
    file = incoming.begin("u1")
    await file.write(b"x")
    file.close()
    with pytest.raises(ChatError):
        await file.write(b"y")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.gen_test
async def test_where_nothing_can_be_written_uploads_are_unavailable(stack: AsyncExitStack, tmp_path: Path) -> None:
    incoming = IncomingFiles(folder=tmp_path / "missing")
    stack.callback(incoming.close)
    with pytest.raises(ChatError) as refused:
        await incoming.begin("u1").write(b"x")
    assert refused.value.code == "unavailable"

"""Lines that a thread writes: in order and whole, for a reader who reads, has stopped, or is gone."""

from __future__ import annotations

import fcntl
import io
import os
import threading
from collections.abc import Iterator

import pytest

from monitor.log_line_writer import LineWriter
from monitor.log_setup import ErrorStream
from tests.support.waiting import poll


class Pipe:
    """A writer on a pipe that is read when a test reads it."""

    def __init__(self, **bounds: int) -> None:
        self.reading, self.writing = os.pipe()
        self.writer = LineWriter(self.writing, dropped_line=lambda count: b"dropped %d\n" % count, **bounds)

    def close(self) -> None:
        self.writer.close(within_s=60)
        os.close(self.writing)

    def fill(self) -> None:
        """So that not one byte more fits."""
        os.set_blocking(self.writing, False)
        try:
            while True:
                os.write(self.writing, b"f")
        except BlockingIOError:
            os.set_blocking(self.writing, True)

    def read_all(self) -> bytes:
        """What is written until `close`, and the writer's own."""
        with io.FileIO(self.reading) as reader:
            return reader.readall().lstrip(b"f")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    yield Pipe()


def test_lines_come_whole_and_in_order_from_each_thread(pipe: Pipe) -> None:
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_all()))
    reader.start()

    def write(name: int) -> None:
        for n in range(2_000):
            pipe.writer.put(b"%d %d %s\n" % (name, n, b"x" * (n % 700)))

    writers = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    pipe.close()
    reader.join()
    lines = [line.split(b" ") for line in found[0].splitlines()]
    for name in range(3):
        of_one = [line for line in lines if line[0] == b"%d" % name]
        assert [(int(n), len(text)) for _, n, text in of_one] == [(n, n % 700) for n in range(2_000)]


def test_what_does_not_fit_is_dropped_and_that_is_said_once_it_can_be() -> None:
    pipe = Pipe(waiting_max_bytes=10_000)
    pipe.fill()
    for n in range(1_000):
        pipe.writer.put(b"line %d\n" % n)
    dropped = pipe.writer.dropped
    assert 0 < dropped < 1_000
    reader = threading.Thread(target=lambda: found.append(pipe.read_all()))
    found: list[bytes] = []
    reader.start()
    pipe.close()
    reader.join()
    lines = found[0].splitlines()
    # Once it can be: behind the first that is written, which may be one line or all
    said = lines.index(b"dropped %d" % dropped)
    assert said > 0
    assert lines[:said] + lines[said + 1 :] == [b"line %d" % n for n in range(1_000 - dropped)]


def test_a_close_ends_though_nobody_reads_and_the_next_one_does_not_wait_again(pipe: Pipe) -> None:
    pipe.fill()
    pipe.writer.put(b"nobody reads this\n")
    assert not pipe.writer.flush(within_s=0.05)
    assert not pipe.writer.flush(within_s=3_600), "who was given up is not waited for again"
    pipe.writer.close(within_s=3_600)
    pipe.writer.put(b"too late\n")
    assert pipe.writer.dropped == 1
    os.close(pipe.writing)
    assert pipe.read_all() == b"nobody reads this\ndropped 1\n"


def test_what_a_reader_who_is_gone_does_not_get_is_counted(pipe: Pipe) -> None:
    os.close(pipe.reading)
    for _ in range(3):
        pipe.writer.put(b"nobody is there\n")
        assert pipe.writer.flush(within_s=60)
    assert pipe.writer.dropped == 3
    pipe.close()


def test_a_descriptor_that_somebody_made_non_blocking_is_waited_for(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.writing, False)
    pipe.writer.put(b"one\n")
    assert not pipe.writer.flush(within_s=0.05)
    size = fcntl.fcntl(pipe.writing, fcntl.F_GETPIPE_SZ)
    assert os.read(pipe.reading, size) == b"f" * size
    poll(lambda: pipe.writer.flush(within_s=1))
    pipe.close()
    assert pipe.read_all() == b"one\n"


def test_standard_error_is_lines_too_and_one_without_an_end_is_bounded(pipe: Pipe) -> None:
    stream = ErrorStream(pipe.writer, pipe.writing)
    print("a", 1, file=stream)
    stream.write("b")
    stream.write("c\nd")
    print(file=stream)
    stream.write("e" * 70_000)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_all()))
    reader.start()
    pipe.close()
    reader.join()
    assert found[0].splitlines()[:3] == [b"a 1", b"bc", b"d"]

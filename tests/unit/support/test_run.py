"""Which tests each target runs: all together are every test, and none twice."""

from __future__ import annotations

from tests.run import ROOT, SUITES, default_workers, files_with, phases


def marks_of(arguments: list[str]) -> str:
    return arguments[arguments.index("-m") + 1]


def test_a_suite_runs_side_by_side_and_then_alone_what_compares_times() -> None:
    (name, beside), *then = phases(SUITES["all"], 6)
    assert "6" in name
    assert beside[:2] == ["-n", "6"]
    assert marks_of(beside) == "(not slow) and not serial"
    assert beside[-1] == "tests"
    for _, alone in then:
        assert marks_of(alone) == "(not slow) and serial"
        assert "-n" not in alone


def test_what_is_slow_is_read_from_the_files_that_name_it() -> None:
    (_, beside), *_ = phases(SUITES["slow"], 6)
    files = [argument for argument in beside if argument.endswith(".py")]
    assert files
    assert all((ROOT / file).is_file() and "mark.slow" in (ROOT / file).read_text() for file in files)
    assert files == files_with("slow", ["tests"])


def test_the_quick_suite_has_one_phase_and_needs_no_mongodb() -> None:
    ((_, arguments),) = phases(SUITES["quick"], 4)
    assert "not mongo" in marks_of(arguments)
    assert arguments[-2:] == ["tests/unit", "tests/contract"]


def test_there_are_several_workers_and_not_too_many() -> None:
    assert 4 <= default_workers() <= 16

"""The coverage report names the code that no test ran."""

from __future__ import annotations

from tests.coverage_report import not_run
from tests.support.coverage import inherited_coverage_variables


def test_functions_that_nothing_entered_are_named_and_of_the_others_lines_and_branches() -> None:
    file = {
        "functions": {
            "": {"missing_lines": [1], "executed_lines": [2, 3]},
            "Hub.never": {"missing_lines": [11, 12], "executed_lines": []},
            "Hub.partly": {"missing_lines": [22, 23, 25], "executed_lines": [21, 24, 26]},
            "Hub.empty": {"missing_lines": [], "executed_lines": []},
        },
        "missing_lines": [1, 11, 12, 22, 23, 25],
        "missing_branches": [[21, 22], [24, 26], [26, -20], [12, 11]],
    }
    assert list(not_run(file)) == ["Hub.never()", "lines 1 22-23 25", "branches 24->26 26->end"]


def test_of_a_file_that_ran_whole_nothing_is_said() -> None:
    assert list(not_run({"functions": {}, "missing_lines": [], "missing_branches": []})) == []


def test_processes_of_their_own_environment_are_measured_where_this_one_is() -> None:
    assert inherited_coverage_variables({"PATH": "/bin"}) == {}
    both = {"COVERAGE_PROCESS_START": "/pyproject.toml", "COVERAGE_FILE": "/data"}
    assert inherited_coverage_variables({"PATH": "/bin", **both}) == both

"""The growth scenario: which steps its axes have, and a small run with its plots as files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.scenarios import growth
from tests.support.bench_run import passed_scenario


def test_the_axes_go_as_far_as_the_options_allow_and_share_their_steps() -> None:
    axes = growth.axes(5000, 200)
    assert [list(axis.steps) for axis in axes] == [
        [10, 100, 1000, 5000],
        [1, 5, 20, 100, 200],
        [2, 10, 50, 200],
        [64, 256, 1000, 2000],
    ]
    in_one_room, rooms, room_sizes, _ = axes
    assert in_one_room.steps[1000] == rooms.steps[1]
    assert rooms.steps[20] == room_sizes.steps[50]


def test_no_step_has_more_connections_or_rooms_than_the_options_allow() -> None:
    steps = [step for axis in growth.axes(10, 1) for step in axis.steps.values()]
    assert {step.rooms for step in steps} == {1}
    assert all(step.load.connections <= 10 for step in steps)
    assert {step.content_bytes for step in steps} == {64, 256, 1000, 2000}


@pytest.mark.parametrize("room_size", [2, 10, 5000])
def test_no_step_is_near_what_a_process_can_do(room_size: int) -> None:
    load = growth.axes(5000, 1)[0].steps[room_size].load if room_size > 2 else growth.axes(5000, 20)[2].steps[2].load
    assert load.rate_per_s is not None
    assert 1 <= load.rate_per_s <= 200
    assert load.rate_per_s * room_size <= 30_000


@pytest.mark.bench
@pytest.mark.slow
def test_a_small_run_measures_each_axis_and_writes_its_plots_as_files(tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    plots.mkdir()
    options = [f"--set={option}" for option in ("connections=10", "rooms=1", "processes=0", "seconds=1")]
    scenario = passed_scenario("growth", "--svg", str(plots), *options, folder=tmp_path, within_s=180)
    (shown,) = scenario["tables"]
    rows = [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]
    assert [row["is"] for row in rows] == [10, 1, 2, 10, 64, 256, 1000, 2000]
    assert all(row["µs a message"] > row["µs a delivery"] > 0 for row in rows)
    assert all(row["bare send()"] > 0 for row in rows)
    files = sorted(plots.iterdir())
    assert len(files) == len(scenario["plots"]) == 4
    assert files[0].name == "growth-connections-in-one-room.svg"
    assert all(ElementTree.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg" for file in files)
    assert list(tmp_path.iterdir()) == [plots]

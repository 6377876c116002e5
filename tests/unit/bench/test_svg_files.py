"""Plots as files of their own: well-formed, legible light and dark, with their legend, and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from bench import svg_files
from bench.result import Findings, Plot, Result

PLOT = Plot("Cost & room size", "connections", "µs", {"a <delivery>": [(10.0, 76.0), (5000.0, 9.1)]}, True, True)


def result(plot: Plot) -> Result:
    return Result("growth", "", {}, [], 0, [], 1.0, findings=Findings(plots=[plot]))


def test_a_plot_is_a_file_named_after_scenario_and_title_and_a_later_one_replaces_it(tmp_path: Path) -> None:
    later = Plot(PLOT.title, "x", "y", {"later": [(1.0, 1.0)]})
    svg_files.write(tmp_path, [result(PLOT), result(later)])
    (written,) = tmp_path.iterdir()
    assert written.name == "growth-cost-room-size.svg"
    assert "later" in written.read_text()


def test_a_plot_without_a_point_has_no_file(tmp_path: Path) -> None:
    svg_files.write(tmp_path, [result(Plot("t", "x", "y", {"none": []}))])
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_title_legend_and_both_colour_schemes_and_needs_no_other_file() -> None:
    text = svg_files.drawn(PLOT)
    shown = ["".join(one.itertext()) for one in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Cost & room size", "a <delivery>"} <= set(shown)
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]  # the namespace; nothing is loaded
    assert not re.search(r"<script|<image|url\(|@import", text)

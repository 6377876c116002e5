"""The page of `--html`: whole by itself, well-formed, and with the same numbers as the table."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench import html_report, svg_plot
from bench.histogram import Histogram
from bench.result import Figure, Findings, Operation, Plot, Result, Table

FINDINGS = Findings(
    operations=[Operation("message <to> ack", 2, 0, 1.0, Histogram({500: 1, 900: 1}))],
    tables=[Table("Claims", ("claim", "measured"), [("quick & cheap", 1.5)])],
    plots=[Plot("RSS over time", "minutes", "MB", {"server": [(0.0, 80.0), (1.0, 81.0)]})],
    notes=["a < b"],
)
RESULT = Result("soak", "What it claims.", {"minutes": 1}, [Figure("p50", 1.5, "ms")], 0, [], 1.0, findings=FINDINGS)


def test_the_page_refers_to_nothing_outside_of_it_and_has_no_script() -> None:
    text = html_report.page({"cores": 2}, [RESULT], None)
    assert not re.search(r"<script|<link|\bsrc=|\bhref=|https?:|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_the_page_shows_operations_figures_tables_plots_and_notes_escaped() -> None:
    text = html_report.page({"cores": 2}, [RESULT], None)
    for said in ("cores 2", "message &lt;to&gt; ack", "quick &amp; cheap", "RSS over time", "a &lt; b", ">1.5<"):
        assert said in text
    assert len(re.findall("<svg", text)) == 2


def test_the_page_names_what_failed_and_has_the_comparison() -> None:
    bad = Result("echo", "", {}, [], 1, ["c: gap"], 1.0)
    text = html_report.page({}, [RESULT, bad], Table("against", ("figure", "verdict"), [("cost", "REGRESSION")]))
    assert "Failed: echo" in text
    assert "c: gap" in text
    assert "REGRESSION" in text


@pytest.mark.parametrize(
    "line",
    [
        [(0.0, 0.0)],
        [(1.0, 5.0), (2.0, 5.0)],
        [(0.0, -3.0), (1000.0, 7e6)],
        [(100.0, 0.001), (200.0, 0.002)],
    ],
)
def test_a_plot_of_any_numbers_is_well_formed_and_within_its_frame(line: list[tuple[float, float]]) -> None:
    drawn = ElementTree.fromstring(svg_plot.lines(Plot("t", "x", "y", {"a & b": line})))
    (polyline,) = drawn.iter("polyline")
    for place in polyline.attrib["points"].split():
        x, y = map(float, place.split(","))
        assert 0 <= x <= 720
        assert 0 <= y <= 260


@pytest.mark.parametrize(
    "line",
    [
        [(1.0, 1.0)],
        [(5.0, 70.0), (5.0, 70.0)],
        [(10.0, 9.1), (1000.0, 1000.0)],
        [(0.02, 3e-3), (5000.0, 7e6)],
    ],
)
def test_a_logarithmic_plot_is_within_its_frame_and_equal_factors_are_equal_lengths(
    line: list[tuple[float, float]],
) -> None:
    drawn = ElementTree.fromstring(svg_plot.lines(Plot("t", "x", "y", {"a": line}, log_x=True, log_y=True)))
    for dot in drawn.iter("circle"):
        assert 0 <= float(dot.attrib["cx"]) <= 720
        assert 0 <= float(dot.attrib["cy"]) <= 260
    steps = Plot("t", "x", "y", {"a": [(10.0, 1.0), (100.0, 10.0), (1000.0, 100.0)]}, log_x=True, log_y=True)
    one, two, three = ElementTree.fromstring(svg_plot.lines(steps)).iter("circle")
    for at in ("cx", "cy"):
        assert float(two.attrib[at]) - float(one.attrib[at]) == pytest.approx(
            float(three.attrib[at]) - float(two.attrib[at]), abs=0.2
        )


def test_what_has_no_points_has_no_plot() -> None:
    assert svg_plot.lines(Plot("t", "x", "y", {})) == ""
    assert svg_plot.latency_bars([Operation("none", 0, 0, 1.0, Histogram())]) == ""

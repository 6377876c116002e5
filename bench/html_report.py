"""`--html FILE`: the results as one page that needs no other file, no script and no network; light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from bench import plot_style, report, svg_plot
from bench.result import Result, Table

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
.dim, figcaption, .legend { color: var(--dim); } .bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--dim); font-weight: 600; } td.text, th.text { text-align: left; white-space: normal; }
figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; font: 11px system-ui, sans-serif; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; }
"""


def page(machine: Mapping[str, object], results: Sequence[Result], comparisons: Table | None) -> str:
    """The whole page. `comparisons` is the table of `--against`, if that was asked for."""
    facts = ", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bench</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{plot_style.VARIABLES}{_STYLE}{plot_style.RULES}</style></head><body><h1>Bench</h1>",
        f'<p class="dim">{escape(facts)}</p><p>{_outcome(results)}</p>',
    ]
    if comparisons is not None:
        parts.append(_table(comparisons))
    for result in results:
        parts += _section(result)
    return "\n".join((*parts, "</body></html>\n"))


def _outcome(results: Sequence[Result]) -> str:
    failed = [result.name for result in results if result.failure_count]
    if failed:
        return f'<span class="bad">Failed: {escape(", ".join(failed))}</span>'
    return "Everything that was acked came once and in order."


def _section(result: Result) -> Iterator[str]:
    findings = result.findings
    options = " ".join(f"{name}={value}" for name, value in result.options.items())
    seen = ", ".join(f"{name} {value}" for name, value in result.server.items() if value is not None)
    yield f"<h2>{escape(result.name)}</h2><p>{escape(result.about)}</p>"
    yield f'<p class="dim">{escape(options)} · {result.seconds:.0f} s{escape(" · " + seen if seen else "")}</p>'
    for failure in result.failures:
        yield f'<p class="bad">{escape(failure)}</p>'
    for note in findings.notes:
        yield f"<p>{escape(note)}</p>"
    if findings.operations:
        yield _table(report.operations_table(findings.operations))
        yield _figure(svg_plot.latency_bars(findings.operations), "latencies", svg_plot.latency_legend())
    if result.figures:
        rows = [(one.name, one.value, report.unit(result, one)) for one in result.figures]
        yield _table(Table("", ("figure", "value", "unit"), rows))
    for own in findings.tables:
        yield _table(own)
    for plot in findings.plots:
        yield _figure(svg_plot.lines(plot), plot.title, svg_plot.legend(list(plot.lines)))


def _figure(svg: str, caption: str, legend: str) -> str:
    return f"<figure>{svg}{legend}<figcaption>{escape(caption)}</figcaption></figure>" if svg else ""


def _table(shown: Table) -> str:
    attribute = ("", ' class="text"')
    text = [any(isinstance(row[place], str) for row in shown.rows) for place in range(len(shown.columns))]

    def row(cells: Sequence[str], tag: str) -> str:
        sized = zip(cells, text, strict=True)
        return "".join(f"<{tag}{attribute[is_text]}>{escape(one)}</{tag}>" for one, is_text in sized)

    head = f"<tr>{row(list(shown.columns), 'th')}</tr>"
    body = "".join(f"<tr>{row([report.cell(one) for one in each], 'td')}</tr>" for each in shown.rows)
    title = f"<h3>{escape(shown.title)}</h3>" if shown.title else ""
    return f'{title}<div class="wide"><table>{head}{body}</table></div>'

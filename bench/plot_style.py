"""The colours of plots, light and dark, and the CSS by which what is drawn takes them. Knows no page and no plot."""

from __future__ import annotations

COLOURS = 6  # classes c0 to c5

VARIABLES = """
:root { color-scheme: light dark; --text: #1c2024; --dim: #5b6670; --page: #fff; --line: #d7dce1; --bad: #b3261e;
  --c0: #1f6fb2; --c1: #c2571a; --c2: #8a3ea8; --c3: #2c7a3f; --c4: #a8781a; --c5: #b03060; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --dim: #9aa5b0; --page: #15181b; --line: #363c42;
  --bad: #ff8a80; --c0: #6cb2ee; --c1: #f09a60; --c2: #cf93e6; --c3: #74c98a; --c4: #e0b65c; --c5: #f08aac; } }
"""

RULES = """
svg text { fill: var(--dim); } svg .grid { stroke: var(--line); } svg polyline { fill: none; stroke-width: 2; }
""" + "".join(
    f"polyline.c{index} {{ stroke: var(--c{index}); }} "
    f"rect.c{index}, circle.c{index} {{ fill: var(--c{index}); }} "
    f".key.c{index} {{ background: var(--c{index}); }}\n"
    for index in range(COLOURS)
)


def colour(index: int) -> str:
    """The class of the line, bar or dot with this place."""
    return f"c{index % COLOURS}"

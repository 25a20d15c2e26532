"""Draws docs/contributing/architecture.svg: the parts of the service and what each of them imports, from the code.

An arrow leads from a part to one that it imports. Arrows that follow from others are left out: `routes` imports
`services`, which imports `models`, so there is no arrow from `routes` to `models`.
"""

from html import escape

from tests.support.live import ROOT
from tests.test_architecture import MODULES, imported_parts, part_of

PICTURE = ROOT / "docs/contributing/architecture.svg"
WIDTH, ROW, BOX, HEIGHT = 760, 78, 104, 34  # pixels: of the picture, of a row, of a box
STYLE = (
    "text{font:14px system-ui,sans-serif;text-anchor:middle;fill:#1f2933}"
    "rect{fill:#eef4fb;stroke:#4a78a8}path{fill:none;stroke:#7b8794;stroke-width:1.3;marker-end:url(#tip)}"
)
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<polygon points="0,0 8,4 0,8" fill="#7b8794"/></marker>'
)


def imports():
    """Each part, and the other parts that its modules import."""
    found = {part_of(path): set() for path in MODULES}
    for path in MODULES:
        found[part_of(path)] |= set(imported_parts(path)) - {part_of(path)}
    return found


def without_detours(graph):
    """The graph without each edge that a longer path also has."""

    def reached(part):
        return graph[part] | {far for near in graph[part] for far in reached(near)}

    return {
        part: {near for near in nears if not any(near in reached(other) for other in nears - {near})}
        for part, nears in graph.items()
    }


def rows(graph):
    """The parts in rows, the highest first: each part is right above the highest one that it imports."""

    def height(part):
        return max((height(near) + 1 for near in graph[part]), default=0)

    heights = {part: height(part) for part in sorted(graph)}
    return [[part for part in heights if heights[part] == row] for row in range(max(heights.values()), -1, -1)]


def picture():
    """The picture, as SVG."""
    graph = imports()
    at = {
        part: ((2 * index + 1) * WIDTH // (2 * len(row)), number * ROW + 24)
        for number, row in enumerate(rows(graph))
        for index, part in enumerate(row)
    }
    height = max(y for _, y in at.values()) + HEIGHT + 8
    arrows = [_arrow(at[part], at[near]) for part, nears in without_detours(graph).items() for near in sorted(nears)]
    boxes = [_box(part, x, y) for part, (x, y) in at.items()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    title = "<title>The parts of the service, and which part imports which</title>"
    ground = f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>'
    return "\n".join([head, title, f"<style>{STYLE}</style>", TIP, ground, *arrows, *boxes, "</svg>", ""])


def _arrow(start, end):
    (x, y), (to_x, to_y) = start, end
    y += HEIGHT
    return f'<path d="M{x},{y} C{x},{y + 26} {to_x},{to_y - 30} {to_x},{to_y}"/>'


def _box(part, x, y):
    label = f'<text x="{x}" y="{y + 22}">{escape(part)}</text>'
    return f'<rect x="{x - BOX // 2}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="5"/>{label}'


if __name__ == "__main__":
    PICTURE.write_text(picture())

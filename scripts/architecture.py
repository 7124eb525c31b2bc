"""Draw docs/architecture.svg and fill the tables of docs/architecture.md, from the import graph and the docstrings.

python scripts/architecture.py           # write both
python scripts/architecture.py --check   # exit 1 if one is not what it would be (a test does the same)
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

import structure

DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURE, PAGE = DOCS / "architecture.svg", DOCS / "architecture.md"
RUN = ("rlsuite.experiment.run", "run")
"""The function that tells the whole of a run; its steps are the way of a run."""
ENTRY = "train, evaluate, ..."
"""One box for the modules that stand directly in ``rlsuite``."""

BOX, TALL, ROW, GAP, MARGIN = 120, 36, 74, 16, 24  # pixels
SWEEPS = 4
"""How often rows are put in order by their neighbours."""
FONT = "font-family='Helvetica, Arial, sans-serif'"


class Step(NamedTuple):
    """A step of a run: the function that does it, its module, and the first sentence of its docstring."""

    name: str
    module: str
    said: str


@cache
def packages() -> Mapping[str, frozenset[str]]:
    """Return which packages each package of the library imports; the entry points are one."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, others in structure.graph().items():
        if (own := package(module)) is not None:
            found[own] |= {theirs for other in others if (theirs := package(other)) not in (None, own)}
    return {name: frozenset(others) for name, others in found.items()}


def package(module: str) -> str | None:
    """Return the package that a module belongs to; None for ``rlsuite`` itself and for Hydra's plugins."""
    root, _, rest = module.partition(".")
    if root != "rlsuite" or not rest:
        return None
    name = rest.partition(".")[0]
    return name if structure.modules()[f"rlsuite.{name}"].name == "__init__.py" else ENTRY


@cache
def level(name: str) -> int:
    """Return how many packages stand below one: the longest way down the import graph."""
    return max((1 + level(other) for other in packages()[name]), default=0)


def arrows() -> Iterator[tuple[str, str]]:
    """Yield the imports to draw: those that no longer way over other packages implies."""
    for name, others in sorted(packages().items()):
        implied = {far for other in others for far in below(other)}
        yield from ((name, other) for other in sorted(others - implied))


@cache
def below(name: str) -> frozenset[str]:
    """Return all packages that one imports, directly or not."""
    return packages()[name].union(*(below(other) for other in packages()[name]))


def steps() -> Iterator[Step]:
    """Yield the functions of ours that a run calls for their effect, in its order."""
    tree = structure.tree(structure.modules()[RUN[0]])
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for call in effects(functions[RUN[1]].body):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        module = RUN[0] if name in functions else origin(tree, name)
        if module in structure.modules():
            found = [
                n for n in structure.tree(structure.modules()[module]).body if isinstance(n, ast.FunctionDef)
            ]
            yield from (Step(name, module, first_sentence(n)) for n in found if n.name == name)


def effects(body: Iterable[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that are statements, contexts or assigned values, and those of ``with`` blocks."""
    for node in body:
        if isinstance(node, ast.With):
            yield from (item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call))
        elif isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call):
            yield node.value
        if isinstance(node, ast.With):
            yield from effects(node.body)


def origin(tree: ast.Module, name: str) -> str:
    """Return the module that a name was imported from; nothing if it was not."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return node.module or ""
    return ""


def first_sentence(node: ast.Module | ast.FunctionDef) -> str:
    """Return the first line of a docstring, ``code`` marked as in Markdown."""
    return (ast.get_docstring(node) or "").split("\n")[0].replace("``", "`")


def box(x: float, y: float, width: float, text: str, small: str = "", fill: str = "#eef3f8") -> Iterator[str]:
    """Yield a labelled rectangle whose upper left corner is at (x, y)."""
    yield f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{TALL}' rx='5' fill='{fill}' stroke='#4a6785'/>"
    middle, line = x + width / 2, y + (15 if small else 23)
    yield f"<text x='{middle:g}' y='{line:g}' {FONT} font-size='13' text-anchor='middle'>{escape(text)}</text>"
    if small:
        grey = f"{FONT} font-size='10' fill='#555555' text-anchor='middle'"
        yield f"<text x='{middle:g}' y='{line + 14:g}' {grey}>{escape(small)}</text>"


@cache
def rows() -> list[list[str]]:
    """Return the packages of each level, the ground first; in a row each stands near those it has arrows with."""
    found: dict[int, list[str]] = defaultdict(list)
    for name in sorted(packages()):
        found[level(name)].append(name)
    order = [found[height] for height in sorted(found)]
    for _ in range(SWEEPS):
        for names in [*order, *reversed(order)]:
            at = {name: i - len(row) / 2 for row in order for i, name in enumerate(row)}
            names.sort(key=lambda name, at=at: (neighbours(name, at), name))
    return order


def neighbours(name: str, at: Mapping[str, float]) -> float:
    """Return the mean place of the packages that an arrow joins to one."""
    joined = [at[b if a == name else a] for a, b in arrows() if name in (a, b)]
    return sum(joined) / max(1, len(joined))


def places(width: float, top: float) -> dict[str, tuple[float, float]]:
    """Return where each package's box stands: a row a level, what imports most on top, rows centred."""
    return {
        name: (
            (width - len(row) * (BOX + GAP) + GAP) / 2 + i * (BOX + GAP),
            top + (len(rows()) - 1 - height) * ROW,
        )
        for height, row in enumerate(rows())
        for i, name in enumerate(row)
    }


def picture() -> str:
    """Return the drawing: the packages to the left, the way of a run to the right."""
    told, top = list(steps()), MARGIN + 34
    left = (
        max(list(map(level, packages())).count(n) for n in range(len(packages()))) * (BOX + GAP) + 2 * MARGIN
    )
    where = places(left, top)
    width, tall = (
        left + 2 * BOX + 2 * MARGIN,
        max(max(y for _, y in where.values()), top + (len(told) - 1) * 50),
    )
    lines = [
        f"<text x='{MARGIN}' y='{MARGIN + 8}' {FONT} font-size='15'>Packages: each imports only from below it</text>"
    ]
    lines += [line for a, b in arrows() for line in arrow(where[a], where[b])]
    for name, (x, y) in where.items():
        lines += box(x, y, BOX, name)
    lines.append(f"<text x='{left + MARGIN}' y='{MARGIN + 8}' {FONT} font-size='15'>The way of a run</text>")
    for i, step in enumerate(told):
        x, y = left + MARGIN, top + i * 50
        lines += box(x, y, 2 * BOX, step.name, step.module.removeprefix("rlsuite."), "#f6f1e7")
        if i:
            lines += arrow((x + BOX / 2, y - 50), (x + BOX / 2, y))
    size = f"width='{width:g}' height='{tall + TALL + MARGIN:g}' viewBox='0 0 {width:g} {tall + TALL + MARGIN:g}'"
    head = "<marker id='head' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'><path d='M0 0 L8 4 L0 8 z' fill='#4a6785'/></marker>"
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img'>",
            "<title>The packages of rlsuite and what imports what; the steps of a run</title>",
            f"<defs>{head}</defs>",
            "<rect width='100%' height='100%' fill='#ffffff'/>",
            *lines,
            "</svg>\n",
        ]
    )


def arrow(start: tuple[float, float], end: tuple[float, float]) -> Iterator[str]:
    """Yield a line from the lower edge of one box to the upper edge of another."""
    (x, y), (to_x, to_y) = start, end
    ends = f"x1='{x + BOX / 2:g}' y1='{y + TALL:g}' x2='{to_x + BOX / 2:g}' y2='{to_y:g}'"
    yield f"<line {ends} stroke='#4a6785' stroke-width='1.2' marker-end='url(#head)'/>"


def package_table() -> Iterator[str]:
    """Yield the packages from the ground up, with what their ``__init__`` says and what they import."""
    yield "| package | what it holds | imports |\n|---|---|---|"
    for name in sorted(packages(), key=lambda name: (level(name), name)):
        said, others = "the commands: `rlsuite-train` and so on", ", ".join(sorted(packages()[name]))
        if name != ENTRY:
            said = first_sentence(structure.tree(structure.modules()[f"rlsuite.{name}"]))
        yield f"| `{name}` | {said.rstrip('.').split('. ')[0]} | {others or 'nothing of ours'} |"


def run_table() -> Iterator[str]:
    """Yield the steps of a run in their order."""
    yield "| step | module | what it does |\n|---|---|---|"
    yield from (f"| `{s.name}` | `{s.module.removeprefix('rlsuite.')}` | {s.said} |" for s in steps())


def filled(page: str) -> str:
    """Return the page with its two tables as they are now."""
    for mark, rows in (("packages", package_table()), ("run", run_table())):
        block = "\n".join([f"<!-- {mark} -->", *rows, "<!-- end -->"])
        page = re.sub(rf"<!-- {mark} -->.*?<!-- end -->", lambda _, text=block: text, page, flags=re.S)
    return page


def main() -> None:
    """Write picture and page, or only look whether they are up to date."""
    made = {PICTURE: picture(), PAGE: filled(PAGE.read_text())}
    for file, text in made.items():
        if "--check" not in sys.argv:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            sys.exit(f"{file.name} is not up to date: python scripts/architecture.py")


if __name__ == "__main__":
    main()

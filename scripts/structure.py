"""The house in numbers: ``python scripts/structure.py`` prints them and fails above the bounds.

Counted over ``rlsuite/`` and ``hydra_plugins/`` from the syntax trees; nothing is imported.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ("rlsuite", "hydra_plugins")
GROUPS = ("envs", "algos", "techniques", "rewards")
"""Packages whose modules are choices: a name may stand in two of them, as two choices of two groups."""
ENTRY_NAMES = frozenset({"main"})
"""What every entry point defines."""


class Count(NamedTuple):
    """One number of the house, its bound, and where it stands."""

    what: str
    value: float
    bound: float
    places: list[str]


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


@cache
def modules() -> Mapping[str, Path]:
    """Return every module of the library by its dotted name."""
    found = {}
    for package in LIBRARY:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def place(path: Path, node: ast.expr | ast.stmt) -> str:
    """Return ``file:line`` of a node."""
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Yield the modules of the library that an import statement loads."""
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{name}" for name in names] if node.module else []
    for name in names:
        while name and name not in modules():
            name = name.rpartition(".")[0]
        if name:
            yield name


def probes() -> Iterator[str]:
    """Yield the places of ``getattr`` and ``hasattr`` with a name of our own, or with one that is computed."""
    own = {name for path in modules().values() for name in attributes(tree(path))}
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1):
                continue
            named = node.args[1]
            foreign = isinstance(named, ast.Constant) and named.value not in own
            if node.func.id in ("getattr", "hasattr") and not foreign:
                yield place(path, node)


def attributes(module: ast.Module) -> Iterator[str]:
    """Yield the names of attributes and methods that a module's classes define."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                yield from defined(item)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def defined(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def anys() -> Iterator[str]:
    """Yield the places where a type is ``Any``."""
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Name) and node.id == "Any":
                yield place(path, node)


def lines() -> int:
    """Return the number of lines of the library."""
    return sum(len(path.read_text().splitlines()) for path in modules().values())


def constructors() -> Iterator[tuple[int, str]]:
    """Yield the number of arguments of every constructor, a dataclass's fields included, and its place."""
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                yield arguments(node), f"{place(path, node)} {node.name}"


def arguments(node: ast.ClassDef) -> int:
    """Return how many arguments a class's own constructor takes, ``self`` not counted."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return len(item.args.posonlyargs + item.args.args + item.args.kwonlyargs) - 1
    if any("dataclass" in ast.dump(decorator) for decorator in node.decorator_list):
        return sum(isinstance(item, ast.AnnAssign) and "ClassVar" not in ast.dump(item) for item in node.body)
    return 0


def unformatted() -> Iterator[str]:
    """Yield the places where the formatter is told to look away."""
    mark = "# fmt: " + "skip"
    for path in sorted(path for pattern in ("*.py", "*/**/*.py") for path in ROOT.glob(pattern)):
        if ".venv" not in path.parts:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if mark in line:
                    yield f"{path.relative_to(ROOT)}:{number}"


def twice() -> Iterator[str]:
    """Yield the public names that two modules define, unless each is a choice of another group."""
    where = defaultdict(set)
    for module, path in modules().items():
        for node in tree(path).body:
            for name in defined(node):
                if not name.startswith("_") and name not in ENTRY_NAMES and name != "log":
                    where[name].add(module)
    for name, places in sorted(where.items()):
        groups = [module.split(".")[1] for module in places if module.split(".")[1] in GROUPS]
        if len(places) > 1 and not (len(set(groups)) == len(groups) == len(places)):
            yield f"{name}: {', '.join(sorted(places))}"


def graph() -> dict[str, set[str]]:
    """Return which modules each module imports, wherever in it the import stands."""
    return {
        name: {
            other
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for other in imported(node)
        }
        - {name}
        for name, path in modules().items()
    }


def packages(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the import graph of the folders: modules of one folder are one node."""
    folder = {
        name: name if modules()[name].name == "__init__.py" else name.rpartition(".")[0] for name in edges
    }
    found: dict[str, set[str]] = defaultdict(set)
    for name, others in edges.items():
        found[folder[name]] |= {folder[other] for other in others} - {folder[name]}
    return dict(found)


def cycles(edges: Mapping[str, set[str]]) -> list[str]:
    """Return the groups of nodes that import one another (strongly connected components, Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[str] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(" <-> ".join(sorted(group)))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def lazy() -> Iterator[str]:
    """Yield the imports of our own modules inside functions, as ``importer <- imported``."""
    for name, path in modules().items():
        for function in ast.walk(tree(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        yield from (f"{name} <- {other}" for other in imported(node))


def counts() -> list[Count]:
    """Return every number with its bound."""
    probed, typed, size = list(probes()), list(anys()), lines()
    built = sorted(constructors(), reverse=True)
    crowded = [f"{where}: {number}" for number, where in built if number > 20]
    skipped, double, loops = list(unformatted()), list(twice()), cycles(graph())
    folders = cycles(packages(graph()))
    return [
        Count("getattr and hasattr on names of our own", len(probed), 15, probed),
        Count("Any per 100 lines", round(100 * len(typed) / size, 2), 1.0, typed),
        Count("arguments of the largest constructor", built[0][0], 20, crowded),
        Count("lines hidden from the formatter", len(skipped), 20, skipped),
        Count("names defined twice", len(double), 0, double),
        Count("cycles between modules", len(loops), 0, loops),
        Count("cycles between folders", len(folders), 0, folders),
    ]


def main() -> None:
    """Print the numbers, and where what is above its bound stands; ``-v``: all places."""
    found = counts()
    for count in found:
        over = count.value > count.bound
        print(f"{'OVER' if over else 'ok':<5}{count.what:<42}{count.value:>7g}  (at most {count.bound:g})")
        if over or "-v" in sys.argv:
            print("\n".join(f"       {where}" for where in count.places))
    sys.exit(any(count.value > count.bound for count in found))


if __name__ == "__main__":
    main()

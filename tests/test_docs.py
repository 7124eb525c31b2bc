"""What the docs link to is there, and the commands they name compose."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rlsuite.config.compose import check, compose

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"python -m rlsuite\.train ([^#`\n]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.exists(), target
        if anchor:
            heads = [
                re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-")
                for h in re.findall(r"^#+ (.+)$", linked.read_text(), re.M)
            ]
            assert anchor in heads, target


def commands() -> list[str]:
    texts = [
        re.sub(r"\\\n\s*", "", page.read_text()) for page in PAGES
    ]  # a command may go on in the next line
    found = [line.strip() for text in texts for line in COMMAND.findall(text)]
    return [line for line in found if "pp0" not in line]


@pytest.mark.parametrize("line", commands())
def test_training_commands_compose(line: str) -> None:
    words = [word for word in shlex.split(line) if word != "-m" and not word.startswith("seed=")]
    cfg = compose([re.sub(r"=([^\[,]+),.*", r"=\1", word) for word in words])
    if "path=" not in line:  # a user's own checkpoint is not here
        check(cfg)


@pytest.mark.parametrize("page", ["reference", "speed"])
def test_a_written_page_is_what_its_sources_say(page: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"{page}.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_benchmark_can_be_started() -> None:
    """What a script imports moves; one that nobody has run since breaks in silence."""
    names = sorted(
        f"benchmarks.{path.parent.name}.{path.stem}" for path in (ROOT / "benchmarks").glob("*/*.py")
    )
    code = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""What the docs link to is there, and the commands they name compose."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rlsuite.config.compose import compose
from rlsuite.config.schema import Training
from rlsuite.config.settings import checked

ROOT = Path(__file__).parents[1]
README, INDEX = ROOT / "README.md", ROOT / "docs" / "index.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
README_LINES, README_WIDTH, README_CELL = 130, 140, 80
COMMAND = re.compile(r"python -m rlsuite\.train ([^#`\n]+)")


def relative_links(page: Path) -> list[str]:
    return [target for target in LINK.findall(page.read_text()) if not target.startswith("http")]


def envs() -> list[str]:
    return sorted(file.stem for file in (ROOT / "conf" / "env").glob("*.yaml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in relative_links(page):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.exists(), target
        if anchor:
            heads = [
                re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-")
                for h in re.findall(r"^#+ (.+)$", linked.read_text(), re.M)
            ]
            assert anchor in heads, target


def test_readme_is_short() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= README_LINES
    assert [line for line in lines if len(line) > README_WIDTH] == []
    cells = [cell.strip() for line in lines if line.startswith("|") for cell in line.strip("|").split("|")]
    assert [cell for cell in cells if len(cell) > README_CELL] == []


def test_index_names_every_page() -> None:
    named = {(INDEX.parent / target.partition("#")[0]).resolve() for target in relative_links(INDEX)}
    pages = {page for page in PAGES if page.is_relative_to(INDEX.parent)} - {INDEX}
    assert pages <= named, sorted(str(page.relative_to(ROOT)) for page in pages - named)


@pytest.mark.parametrize("env", envs())
def test_every_env_has_a_page_that_says_how_to_train_it(env: str) -> None:
    page = (ROOT / "docs" / "envs" / f"{env}.md").read_text()
    assert page.startswith(f"# env={env}: ")
    assert f"python -m rlsuite.train env={env} " in page


@pytest.mark.parametrize("word", ["GRS", "GAR", "GAS"])
def test_a_word_of_our_own_is_spelt_out_where_the_readme_first_uses_it(word: str) -> None:
    text = README.read_text()
    first = re.search(rf"\b{word}\b", text)
    assert first and text[first.end() :].startswith(" (G")
    assert re.search(rf"\b{word}\b", (ROOT / "docs" / "glossary.md").read_text())


def make_targets() -> list[tuple[str, str]]:
    found = re.compile(r"(?:^|`)make ([a-z-]+)", re.M)
    return sorted(
        {(str(page.relative_to(ROOT)), name) for page in PAGES for name in found.findall(page.read_text())}
    )


@pytest.mark.parametrize(("page", "name"), make_targets())
def test_make_targets_that_are_named_exist(page: str, name: str) -> None:
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.M), f"{page}: make {name}"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_files_that_are_named_exist(page: Path) -> None:
    """The changelog tells of files by the names they had."""
    named = re.findall(r"`((?:rlsuite|tests|benchmarks|scripts|conf|examples)/[\w./-]+)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def commands() -> list[str]:
    texts = [
        re.sub(r"\\\n\s*", "", page.read_text()) for page in PAGES
    ]  # a command may go on in the next line
    found = [line.strip() for text in texts for line in COMMAND.findall(text)]
    return [line for line in found if "pp0" not in line]


@pytest.mark.parametrize("line", commands())
def test_training_commands_compose(line: str) -> None:
    words = [word for word in shlex.split(line) if not word.startswith("seed=")]
    if "-m" in words:  # of a sweep its first job
        words = [re.sub(r"=([^\[,]+),.*", r"=\1", word) for word in words if word != "-m"]
    cfg = compose(words)
    if "path=" not in line:  # a user's own checkpoint is not here
        checked(cfg, Training)


@pytest.mark.parametrize("page", ["reference", "speed", "architecture"])
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

"""What the command writes."""

import csv
import html.parser
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pyarrow.parquet as pq
import pytest

from rlsuite.analysis.__main__ import Options, analyse, main
from rlsuite.analysis.latex import tex
from rlsuite.analysis.svg import number_text, ticks
from rlsuite.core.errors import UserError


@pytest.fixture(scope="module")
def out(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    bad = tmp_path_factory.mktemp("bad") / "<b>odd & broken"
    bad.mkdir()
    (bad / "result.json").write_text("{")
    assert analyse(Options((tree, bad), folder))
    return folder


def test_a_row_a_run_and_level_in_both_forms(out):
    rows = list(csv.DictReader((out / "results.csv").open()))
    assert len(rows) == 100 * 5
    table = pq.read_table(out / "results.parquet")
    assert table.column_names == list(rows[0])
    assert [f"{v:.6g}" for v in table["greedy_return"].to_pylist()] == [
        f"{float(r['greedy_return']):.6g}" for r in rows
    ]
    assert {r["technique_applied"] for r in rows if r["algo"] == "es"} == {"baseline", "dr", "reg"}
    runs = pq.read_table(out / "runs.parquet")
    assert runs.num_rows == 100
    assert {"left_out", "grs_score_auc", "gas_ratio", "wall_time_s"} <= set(runs.column_names)
    raw = json.loads((pathlib_of(rows[0]) / "result.json").read_text())
    returns = raw["levels"][0]["greedy"]["returns"]
    assert float(rows[0]["greedy_return"]) == pytest.approx(sum(returns) / len(returns))


def pathlib_of(row):
    from pathlib import Path

    return Path(row["folder"])


def test_the_summary_names_everything(out):
    text = (out / "experiment_summary.txt").read_text()
    for part in (
        "100 runs, 80 counted",
        "1 files not used",
        "more agreement goes with better",
        "env00",
        "Over all envs",
        "Best models",
        "Compute",
        "ran as another technique",
        "odd & broken",
    ):
        assert part in text, part


def test_latex_is_escaped_and_balanced(out):
    assert tex("50 % of a_b & c [x]") == r"50 \% of a\_b \& c [x]"
    for path in (out / "latex").glob("*.tex"):
        text = path.read_text()
        assert text.count(r"\begin{") == text.count(r"\end{") == 2
        columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
        assert {len(re.findall(r"(?<!\\)&", line)) for line in text.splitlines() if line.endswith(r"\\")} == {
            columns - 1
        }
        assert not re.search(r"(?<!\\)[_%#]", text.split("\\hline")[2])


def test_figures_are_whole_svg(out):
    names = sorted(path.stem for path in (out / "figures").glob("*.svg"))
    assert names == [
        "degradation-env00",
        "degradation-env01",
        "effects-baseline",
        "effects-dr",
        "gas-grs",
        "heatmap-env00",
        "heatmap-env01",
        "learning-env00",
        "learning-env01",
    ]
    for name in names:
        root = ET.parse(out / "figures" / f"{name}.svg").getroot()
        assert "nan" not in ET.tostring(root, encoding="unicode")
        drawn = "rect" if name.startswith("heatmap") else "path"
        assert len(root.findall(f".//{{http://www.w3.org/2000/svg}}{drawn}")) > 3


class Page(html.parser.HTMLParser):
    """Collects what a page would load, and whether its elements close."""

    void = frozenset({"meta", "link", "br", "input", "img"})

    def __init__(self):
        super().__init__()
        self.loads, self.open, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.loads += [v for k, v in attrs if k in ("src", "href", "data") and not str(v).startswith("#")]
        self.ids += [values["id"]] if "id" in values else []
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_whole_file(out):
    text = (out / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.loads == ["data:,"], "nothing is loaded"
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", text)
    assert "&lt;b&gt;odd &amp; broken" in text
    assert "<b>odd" not in text


def test_every_figure_names_its_command(out):
    text = (out / "report.html").read_text()
    figures = re.findall(r"<figure .*?</figure>", text, re.S)
    assert len(figures) == 9
    assert all("python -m rlsuite.analysis" in f and "python -m rlsuite.train -m" in f for f in figures)


def test_a_second_run_has_nothing_to_do_and_a_lost_report_is_made_again(tree, out):
    options = Options((tree,), out / "again")
    first = analyse(options)
    before = (out / "again" / "report.html").read_bytes()
    assert first is not None
    assert analyse(options) is None
    (out / "again" / "report.html").unlink()
    assert analyse(options) is not None
    assert (out / "again" / "report.html").read_bytes() == before, "the same runs give the same report"


def test_a_tree_without_runs_gives_a_report_that_says_so(tmp_path):
    found = analyse(Options((tmp_path,), tmp_path / "out"))
    assert found.runs == []
    assert "0 runs" in (tmp_path / "out" / "report.html").read_text()
    # what it wrote into the tree is not taken for runs
    (tmp_path / "out" / "result.json").write_text("{}")
    assert analyse(Options((tmp_path,), tmp_path / "out")) is None


def test_mistakes_of_the_command_are_named_together(capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        main(["roots=x", "mode=best", f"root={tmp_path}/none"])
    said = capsys.readouterr().err
    for part in ("3 problems", "roots=x", "none: no such folder", "greedy or sampled"):
        assert part in said
    with pytest.raises(UserError):
        Options.parse(["x"])


@pytest.mark.parametrize("word", ["root=", "root=,", "out="])
def test_a_setting_without_its_folder_is_said(word):
    with pytest.raises(UserError, match=f"1 problems.*\n  {word}: needs a folder"):
        Options.parse([word])


def test_results_that_cannot_be_written_name_the_setting(capsys, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="1"):
        main([f"root={tmp_path}", f"out={tmp_path}/file"])
    said = capsys.readouterr().err
    assert "with out=<folder>" in said
    assert "hydra" not in said


def test_the_command_imports_no_torch(tree, tmp_path):
    code = (
        "import sys; from rlsuite.analysis.__main__ import main; main(sys.argv[1:]);"
        "assert not {'torch', 'stable_baselines3', 'gymnasium', 'matplotlib', 'tensorboard'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, f"root={tree}", f"out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "written:" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True)
    assert "nothing changed" in again.stdout


def test_ticks_are_round_numbers():
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert ticks(-0.07, 0.31) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert str(ticks(-1, 1)[2]) == "0.0"
    assert [number_text(v) for v in (12_000, 1.5e6, 0.25, 5000)] == ["12k", "1.5M", "0.25", "5000"]

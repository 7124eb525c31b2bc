"""Pictures of a run: there after every run, true to its numbers, and never the reason that a run fails."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from rlsuite.config.settings import compose_settings
from rlsuite.experiment import plots
from rlsuite.experiment.run import run
from rlsuite.runs.result import Result

SMALL = ["total_steps=1024", "algo.n_steps=32", "evaluation.episodes=2", "evaluation.levels=[0,0.5,1]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    run(compose_settings([*SMALL, "technique=gar", "algo.n_envs=6", "agreement.every=256"]), folder)
    return folder


def lines(axis) -> dict[str, np.ndarray]:
    return {line.get_label(): np.column_stack(line.get_data()) for line in axis.get_lines()}


def test_a_run_leaves_its_pictures(folder: Path) -> None:
    for name in ("learning_curves", "grs_curve"):
        picture = imread(folder / "pictures" / f"{name}.png")
        assert picture.shape[0] > 200
        assert picture.std() > 0.05


def test_learning_curves_show_what_the_history_holds(folder: Path) -> None:
    figure = plots._learning_curves(Result.read(folder / "result.json"), folder)
    axes = {axis.get_title(): axis for axis in figure.axes}
    assert list(axes) == ["episode return", "loss", "entropy loss", "agreement of gradients (cosines)"]
    history = plots.read_history(folder / "history.csv")
    shown = lines(axes["episode return"])["training, last 100 episodes"]
    assert shown[-1, 1] == history["rollout/ep_rew_mean"][np.isfinite(history["rollout/ep_rew_mean"])][-1]
    assert (np.diff(shown[:, 0]) > 0).all()  # one value a step
    assert all(axis.get_xlabel() == "environment steps" for axis in figure.axes)


def test_grs_curve_shows_means_and_spread(folder: Path) -> None:
    result = Result.read(folder / "result.json")
    axis = plots._grs_curve(result, folder).axes[0]
    found = lines(axis)
    greedy = next(values for label, values in found.items() if label.startswith("greedy"))
    assert greedy[:, 0].tolist() == [0, 0.5, 1]
    assert greedy[:, 1] == pytest.approx([np.mean(entry["greedy"]["returns"]) for entry in result.levels])
    band = axis.collections[0].get_paths()[0].vertices
    returns = result.levels[0]["greedy"]["returns"]
    edges = band[band[:, 0] == 0][:, 1]
    assert (edges.min(), edges.max()) == pytest.approx(tuple(np.quantile(returns, [0.1, 0.9])))


def test_epsilon_is_shown_for_dqn(tmp_path: Path) -> None:
    run(compose_settings([*SMALL[2:], "algo=dqn", "total_steps=600"]), tmp_path)
    figure = plots._learning_curves(Result.read(tmp_path / "result.json"), tmp_path)
    assert "epsilon" in [axis.get_title() for axis in figure.axes]


def test_nothing_to_show_is_no_picture(tmp_path: Path) -> None:
    plots.draw_run(Result("id", "completed", {}, 0, {}), tmp_path)
    assert not (tmp_path / "pictures").exists()


def test_a_picture_that_fails_costs_no_run(tmp_path: Path, monkeypatch, caplog) -> None:
    def broken(*_):
        raise RuntimeError("no ink")

    monkeypatch.setattr(plots, "_grs_curve", broken)
    monkeypatch.setattr("rlsuite.envs.cartpole.CartPole.pictures", broken, raising=False)
    assert run(compose_settings([*SMALL[1:], "total_steps=256"]), tmp_path).status == "completed"
    assert "picture grs_curve: RuntimeError: no ink" in caplog.text
    assert "pictures of the task: RuntimeError" in caplog.text

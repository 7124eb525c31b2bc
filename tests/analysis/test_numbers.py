"""Which runs count, in which cell, and what is said of them."""

import numpy as np
import pytest

from rlsuite.analysis import agreement_correlation, scores, technique_comparison
from rlsuite.analysis.cache import Store
from rlsuite.analysis.counted_runs import prepare
from rlsuite.analysis.study import gather, train_command
from rlsuite.core.names import canonical
from rlsuite.metrics import grs, iqm


def record(seed=0, returns=(10.0, 5.0), levels=(0.0, 1.0), **changes):
    """What reading leaves of a run."""
    rows = [
        {
            "level": level,
            "source": "result",
            "floor": None,
            "reference": None,
            "greedy": {"n": 2, "return": value},
        }
        for level, value in zip(levels, returns, strict=True)
    ]
    return {
        "run_id": "r",
        "status": "completed",
        "env": "cartpole",
        "algo": "ppo",
        "technique": "baseline",
        "applied": "baseline",
        "reward": "env",
        "experiment": None,
        "seed": seed,
        "steps": 100,
        "total_steps": 100,
        "n_envs": 4,
        "levels": rows,
        "wall_time_s": 36.0,
        "steps_per_s": 10.0,
        "restarts": 0,
        "device": "cpu",
        "gas": {},
        "curve": None,
        "settings": {"env": "e", "reward": "r", "technique": "t", "algo": "a"},
    } | changes


PARTS = {"e": {"max_steps": 500}, "r": {}, "t": {}, "a": {"algo": {"lr": 0.1}, "total_steps": 100}}


def study(records, parts=PARTS, mode="greedy"):
    runs = prepare({f"f{i}": r for i, r in enumerate(records)}, parts)
    return gather(runs, [], "python -m rlsuite.analysis", mode, np.random.default_rng(0))


def test_cells_hold_the_scores_of_their_seeds():
    returns = [(10.0, 4.0), (12.0, 6.0), (20.0, 8.0), (14.0, 1.0)]
    found = study([record(seed, r) for seed, r in enumerate(returns)])
    (cell,) = found.cells
    assert [run.scores["retention"] for run in cell.runs] == [grs([0, 1], r)["retention"] for r in returns]
    # of four, one at each end is cut
    assert cell.scores["auc"][0] == iqm(np.array([7, 9, 14, 7.5]))
    assert cell.scores["train"][0] == 13
    assert cell.scores["train"][1] < 13 < cell.scores["train"][2]
    assert cell.curve[0].tolist() == [14, 4.75]
    assert np.isnan(cell.scores["score_auc"]).all(), "no range is known"


def test_two_seeds_have_no_interval():
    (cell,) = study([record(0), record(1)]).cells
    assert cell.scores["auc"][0] == 7.5
    assert np.isnan(cell.scores["auc"][1:]).all()
    assert np.isnan(cell.curve[1:]).all()


def test_a_technique_that_was_not_applied_is_never_counted_as_it():
    runs = [record(s, algo="es", technique="gar", applied="baseline") for s in range(3)]
    runs += [record(s, algo="es", technique="gar+reg", applied="reg") for s in range(3)]
    found = study([*runs, *(record(s, algo="es") for s in range(3))])
    assert [(cell.algo, cell.technique, len(cell.runs)) for cell in found.cells] == [("es", "baseline", 3)]
    assert {kind: len(r) for kind, r in found.left_out().items()} == {"ran as another technique": 6}
    assert found.replaced("cartpole", "es", "gar") == "ran as baseline"
    assert found.replaced("cartpole", "es", "gar+reg") == "ran as reg"


def test_order_of_a_chain_does_not_matter():
    assert canonical("reg+gar+baseline") == "gar+reg"
    (cell,) = study(
        [record(0, technique="reg+gar", applied="gar+reg"), record(1, technique="gar+reg", applied="gar+reg")]
    ).cells
    assert (cell.technique, len(cell.runs)) == ("gar+reg", 2)


def test_copies_count_once_and_failures_never():
    found = study(
        [
            record(0),
            record(0),
            record(1),
            record(2, status="failed", levels=[], returns=[], error="OSError: x"),
        ]
    )
    assert [len(cell.runs) for cell in found.cells] == [2]
    assert {kind: len(r) for kind, r in found.left_out().items()} == {"a copy": 1, "failed": 1}
    ((kind, runs),) = found.failures()
    assert (kind, len(runs)) == ("failed: OSError", 1)


def test_settings_that_differ_make_cells_of_their_own_with_a_name():
    fast = {"env": "e", "reward": "r", "technique": "t", "algo": "b"}
    long = {"env": "f", "reward": "r", "technique": "t", "algo": "a"}
    parts = PARTS | {"b": {"algo": {"lr": 0.5}, "total_steps": 100}, "f": {"max_steps": 900}}
    found = study([record(0), record(1), record(0, settings=fast), record(0, settings=long)], parts)
    assert [(cell.env, cell.algo, len(cell.runs)) for cell in found.cells] == [
        ("cartpole", "ppo", 2),
        ("cartpole", "ppo [lr=0.5]", 1),
        ("cartpole [max_steps=900]", "ppo", 1),
    ]


def test_a_setting_that_older_configs_lack_makes_no_cell():
    parts = PARTS | {"b": {"algo": {"lr": 0.1, "new": 3}, "total_steps": 100}}
    newer = {"env": "e", "reward": "r", "technique": "t", "algo": "b"}
    assert len(study([record(0), record(1, settings=newer)], parts).cells) == 1


def test_rewards_are_never_mixed():
    shaped = {"env": "e", "reward": "q", "technique": "t", "algo": "a"}
    found = study([record(0), record(1, reward="shaped", settings=shaped)], PARTS | {"q": {"lo": 1}})
    assert [cell.env for cell in found.cells] == ["cartpole/env", "cartpole/shaped"]


def test_a_run_on_other_levels_is_left_out_with_the_command_that_evaluates_it():
    found = study([record(0), record(1), record(2, (1.0,), (0.0,))])
    assert len(found.counted) == 2
    (reason,) = [run.left_out for run in found.runs if run.left_out]
    assert "python -m rlsuite.evaluate -m run=f2 level=0,1" in reason


def test_a_later_evaluation_fills_the_missing_level_and_never_replaces_one():
    rows = record(0)["levels"]
    extra = [
        {
            "level": level,
            "source": "evaluations/x.json",
            "floor": None,
            "reference": None,
            "greedy": {"n": 1, "return": 99.0},
        }
        for level in (0.0, 1.0)
    ]
    found = study([record(0), record(1), record(2) | {"levels": rows[:1] + extra}])
    assert scores.returns(found.runs[2], (0.0, 1.0), "greedy") == [10.0, 99.0]
    assert len(found.counted) == 3


def test_the_range_is_the_envs_own_word():
    declared = [record(s) for s in range(3)]
    for one in declared:
        for row in one["levels"]:
            row |= {"floor": 0.0, "reference": 20.0}
    found = study(declared)
    assert found.envs[0].source == "as the env declares them"
    assert found.cells[0].scores["score_auc"][0] == pytest.approx((0.5 + 0.25) / 2)


def test_else_the_range_is_random_play_and_the_best_cell():
    best = [record(s, (12.0, 6.0)) for s in range(2)]
    other = [record(s, (7.0, 5.0), algo="dqn") for s in range(2)]
    random = [record(s, (2.0, 4.0), algo="random") for s in range(2)]
    found = study([*best, *other, *random])
    assert "random play, n = 2" in found.envs[0].source
    scores = {cell.algo: cell.scores["score_auc"][0] for cell in found.cells}
    assert scores == {"ppo": 1, "dqn": pytest.approx((0.5 + 0.5) / 2), "random": 0}


def test_differences_are_paired_by_seed():
    base = [record(s, (10.0 + 10 * s, 5.0)) for s in range(5)]
    better = [
        record(s, (11.0 + 10 * s, 6.0), technique="gar", applied="gar", settings=record()["settings"])
        for s in (4, 3, 2, 1, 7)
    ]
    (found,) = study([*base, *better]).comparisons
    assert (found.technique, found.control, found.n, found.metric) == ("gar", "baseline", 4, "auc")
    # every pair differs by exactly 1: no spread is left, and 2 of 16 flips are as far from 0
    assert found.difference == pytest.approx((1, 1, 1))
    assert found.p == 2 / 16


def test_over_all_envs_each_env_weighs_the_same():
    runs = []
    for env, n, gain in (("a", 2, 0.3), ("b", 6, 0.1)):
        for seed in range(n):
            for technique, extra in (("baseline", 0.0), ("gar", gain)):
                one = record(
                    seed, (0.4 + extra, 0.4 + extra), env=env, technique=technique, applied=technique
                )
                for row in one["levels"]:
                    row |= {"floor": 0.0, "reference": 1.0}
                runs.append(one)
    found = study(runs)
    over = [c for c in found.comparisons if not c.env]
    assert [(c.technique, c.n, c.envs, c.difference[0], c.better[0]) for c in over] == [
        ("gar", 8, 2, pytest.approx(0.2), 1)
    ]
    pooled = {o.technique: o.score_auc[0] for o in found.overall}
    assert pooled == {
        "baseline": pytest.approx(0.4),
        "gar": pytest.approx(0.5),
    }  # middle half of .7 .7 .5 x 6


def test_over_all_envs_there_is_no_retention_where_nothing_was_learnt_in_one():
    runs = [
        record(seed, returns, env=env)
        for seed in range(3)
        for env, returns in (("a", (0.9, 0.9)), ("b", (0.0, 0.0)))
    ]
    for row in (row for one in runs for row in one["levels"]):
        row |= {"floor": 0.0, "reference": 1.0}
    (found,) = study(runs).overall
    assert (found.envs, found.score_auc[0]) == (2, pytest.approx(0.45))
    assert np.isnan(found.score_retention).all()


def test_gas_is_judged_within_env_and_algorithm():
    generator, runs = np.random.default_rng(0), []
    for k, env in enumerate("abc"):
        for seed in range(12):
            gas = {"ratio": generator.normal() + 5 * k, "parameter_norm": generator.normal()}
            runs.append(record(seed, (10.0, generator.normal() + 5 * k), env=env, gas=gas))
    rows = study(runs).predictions
    (row,) = [r for r in rows if r.predictor == "ratio" and r.outcome == "ood"]
    assert (row.n, row.strata, len(row.each)) == (36, 3, 3)
    assert abs(row.rho) < 0.4
    assert row.p > 0.05
    assert {r.predictor for r in rows} == set(agreement_correlation.PREDICTOR_LABELS)


def test_holes_name_the_command_that_fills_them(tree, tmp_path):
    store = Store(tmp_path / "c.json")
    store.update([tree])
    runs = prepare({f: r for f, r in store.records.items() if "env01-ppo-dr" not in f}, store.parts)
    found = gather(runs, [], "", "greedy", np.random.default_rng(0))
    assert found.fill("env01", "ppo", "dr") == (
        "python -m rlsuite.train -m env=env01 algo=ppo technique=dr reward=env 'seed=range(5)' total_steps=100000"
    )


def test_an_experiment_is_its_own_command():
    found = study([record(s, experiment="generalisation") for s in range(2)])
    assert train_command(found.runs) == "python -m rlsuite.train -m experiment=generalisation"


def test_comparisons_find_the_effect_that_was_put_in(tree, tmp_path):
    store = Store(tmp_path / "c.json")
    store.update([tree])
    found = gather(prepare(store.records, store.parts), [], "", "greedy", np.random.default_rng(0))
    over = {(c.algo, c.technique, c.control): c for c in found.comparisons if not c.env}
    assert over["ppo", "dr", "baseline"].difference[1] > 0
    assert over["ppo", "dr", "baseline"].p < 0.05
    assert over["ppo", "gar", "dr"].p > 0.05, "gar and dr are alike in these runs"
    assert technique_comparison.usual(found.cells[0])
    sampled = gather(prepare(store.records, store.parts), [], "", "sampled", np.random.default_rng(0))
    assert sampled.cells[0].scores["auc"] != found.cells[0].scores["auc"]

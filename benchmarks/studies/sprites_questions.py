"""The questions that came up with Sprites, each with a few short runs without distractors: what does this one thing change?

A case is a set of overrides on one of conf/tuned/sprites_*.yaml; a run is one seed of it, in a process of its own, and its
row goes to results/sprites_questions.json as soon as it is done. A second call makes only what is missing there. The cases
of `encoders` need those that `python -m benchmarks.studies.sprites_table1` leaves in outputs/sprites_table1; without them they are
left out.

    python -m benchmarks.studies.sprites_questions                                     # all of it, 3 seeds
    python -m benchmarks.studies.sprites_questions --questions finetune --seeds 0      # a piece
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.studies.sprites_runs import Row, Table, fill, interval

FROZEN = ["tuned=sprites_reward_frozen", "total_steps=204800"]
TUNED = ["tuned=sprites_reward_finetuned", "total_steps=102400", "algo.encoder.rate=1"]
LONG = [*TUNED, "algo.gamma=0.99"]
WATCHED = ["diagnostics.every=10240"]
ENCODERS = Path("outputs/sprites_table1")

Cases = dict[str, list[str]]
QUESTIONS: dict[str, tuple[str, Cases]] = {
    "gamma": (
        "How far should the agent look ahead? (frozen encoder)",
        {
            f"frozen_gamma_{gamma}": [*FROZEN, f"algo.gamma={gamma}", *WATCHED]
            for gamma in (0, 0.5, 0.9, 0.99)
        },
    ),
    "time": (
        "What is lost when the critic cannot see the time? (frozen encoder)",
        {
            "frozen_gamma_0.9_no_time": [*FROZEN, "algo.gamma=0.9", "env.time=false", *WATCHED],
            "frozen_gamma_0.99_no_time": [*FROZEN, "algo.gamma=0.99", "env.time=false", *WATCHED],
        },
    ),
    "value_output": (
        "A critic whose output is an exponential?",
        {
            f"frozen_gamma_{gamma}_exp": [
                *FROZEN,
                f"algo.gamma={gamma}",
                "algo.encoder.value_output=exp",
                *WATCHED,
            ]
            for gamma in (0.9, 0.99)
        },
    ),
    "finetune": (
        "Why does fine-tuning a shared encoder fail at gamma .99, and what cures it?",
        {
            "shared_both": [*LONG, *WATCHED],
            "shared_actor": [*LONG, "algo.encoder.finetune=actor", *WATCHED],
            "shared_critic": [*LONG, "algo.encoder.finetune=critic", *WATCHED],
            "shared_none": [*LONG, "env.observation=features", "algo.encoder=null"],
            "split_both": [*LONG, "algo.encoder.share=false", *WATCHED],
            "split_actor": [*LONG, "algo.encoder.share=false", "algo.encoder.finetune=actor", *WATCHED],
            "split_critic": [*LONG, "algo.encoder.share=false", "algo.encoder.finetune=critic", *WATCHED],
            "shared_both_small_vf": [*LONG, "algo.vf_coef=0.005", *WATCHED],
            "shared_both_normal_reward": [*LONG, "algo.normalize.reward=true", *WATCHED],
            "shared_both_slow_encoder": [*LONG, "algo.encoder.rate=0.1", *WATCHED],
            "shared_both_gamma_0.9": [*TUNED, "algo.gamma=0.9", *WATCHED],
            "shared_both_gamma_0": [*TUNED, "algo.gamma=0", *WATCHED],
        },
    ),
    "learning_rate": (
        "Is it the learning rate?",
        {
            **{
                f"frozen_lr_{rate}": [*FROZEN, f"algo.learning_rate={rate}"]
                for rate in (1e-4, 3e-4, 1e-3, 3e-3)
            },
            **{f"shared_both_lr_{rate}": [*LONG, f"algo.learning_rate={rate}"] for rate in (1e-4, 2e-3)},
            **{
                f"shared_both_gamma_0_lr_{rate}": [*TUNED, f"algo.learning_rate={rate}"]
                for rate in (1e-4, 2e-3)
            },
        },
    ),
    "encoder_rate": (
        "Should the encoder learn more slowly than the heads? (gamma 0, 0.2M steps)",
        {
            f"{agent}_rate_{rate}": [f"tuned=sprites_{agent}", f"algo.encoder.rate={rate}"]
            for agent, rate in (("scratch", 1), ("reward_finetuned", 1), ("reward_finetuned", 0.1))
        },
    ),
    "encoders": (
        "Padding, no padding or coordinates? ReLU? The distance among the rewards? (frozen encoder, one for each seed)",
        {
            f"encoder_{row}": [*FROZEN, f"env.encoder={ENCODERS}/{row}_s{{seed}}"]
            for row in ("reward", "no_padding", "coordinates", "relu", "with_distance")
        },
    ),
}


def wanted(names: list[str], seeds: list[int]) -> list[tuple[Row, list[str]]]:
    """Return key and overrides of every run asked for, seed by seed."""
    found = []
    for seed in seeds:
        for name in names:
            for case, overrides in QUESTIONS[name][1].items():
                filled = [o.format(seed=seed) for o in overrides]
                files = [
                    Path(o.removeprefix("env.encoder="))
                    for o in filled
                    if o.startswith(f"env.encoder={ENCODERS}")
                ]
                if all((file / "encoder.safetensors").exists() for file in files):
                    found.append(({"case": case, "seed": seed}, [*filled, f"seed={seed}"]))
                else:
                    print(
                        f"left out: {case} seed={seed}, for want of {files[0]}; see benchmarks/studies/sprites_table1.py"
                    )
    return found


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return by question the text and each case's mean and 95 % interval."""
    answers = {}
    for name, (text, cases) in QUESTIONS.items():
        found: dict[str, Any] = {"question": text}
        for case in cases:
            runs = [row for row in rows if row["case"] == case]
            if runs:
                watched = {key for row in runs for key in row.get("diagnostics", {})}
                found[case] = {
                    "n": len(runs),
                    "steps": runs[0]["steps"],
                    "greedy": interval(r["greedy"] for r in runs),
                    **{key: interval(r["diagnostics"][key] for r in runs) for key in sorted(watched)},
                }
        answers[name] = found
    return {"answers": answers}


def markdown(rows: list[Row]) -> str:
    """Return a table a question: greedy return, and what was seen of gradients and values."""
    columns = {
        "encoder_actor_norm": "actor's gradient on the encoder",
        "encoder_critic_norm": "critic's",
        "encoder_cosine": "cosine",
        "value_return_correlation": "values with returns",
        "value_advantage_correlation": "values with advantages",
    }
    lines: list[str] = []
    for found in summary(rows)["answers"].values():
        cases = {name: cell for name, cell in found.items() if isinstance(cell, dict)}
        if cases:
            there = [key for key in columns if any(key in cell for cell in cases.values())]
            lines += [
                "",
                f"**{found['question']}**",
                "",
                " | ".join(["| case", "n", "greedy return", *(columns[key] for key in there)]) + " |",
            ]
            lines.append("|---|---|---|" + "---|" * len(there))
        for name, cell in cases.items():
            seen = "".join(f" {cell[key][0]:.2g} |" if key in cell else " |" for key in there)
            mean, *ends = (f"{value:.2f}" for value in cell["greedy"])
            spread = f" [{', '.join(ends)}]" if ends else ""
            lines.append(f"| {name} | {cell['n']} | {mean}{spread} |{seen}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", nargs="+", default=list(QUESTIONS), choices=tuple(QUESTIONS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/sprites_questions"), help="where the runs are kept"
    )
    args = parser.parse_args()
    table = Table("sprites_questions", ("case", "seed"))
    for row in fill(table, wanted(args.questions, args.seeds), args.folder, args.jobs, summary):
        print(*(f"{key}={row[key]}" for key in ("case", "seed", "greedy", "cpu_s")), flush=True)


if __name__ == "__main__":
    main()

"""Which runs count, and under which names.

Two runs share a cell of a table only if they differ in their seed alone. So where an env, an algorithm or a technique
was run with several settings, the settings that differ become part of its name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rlsuite.analysis.records import Parts, Record
from rlsuite.core.names import canonical


@dataclass
class Run:
    """One run: what was read of it, the names it goes under, and why it does not count if it does not.

    Attributes:
        env: the env, with its reward and settings where these differ between runs.
        algo: the algorithm, alike.
        technique: the technique that was asked for, alike.
        left_out: why it is no part of any statistic; empty if it is.
        scores: by name, from ``cells.score``.
    """

    folder: str
    record: Record
    env: str = "?"
    algo: str = "?"
    technique: str = "?"
    left_out: str = ""
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The training seed."""
        return self.record["seed"]

    @property
    def cell(self) -> tuple[str, str, str]:
        """Where it stands in the tables."""
        return self.env, self.algo, self.technique


def prepare(records: Mapping[str, Record], parts: Parts) -> list[Run]:
    """Name the runs and decide which count.

    Args:
        records: by folder, see ``reading``.
        parts: groups of configs by digest.
    """
    runs = [Run(folder, record) for folder, record in records.items()]
    told = [run for run in runs if "settings" in run.record]
    rewards = defaultdict(set)
    for run in told:
        rewards[run.record["env"]].add(run.record["reward"])
    for run in told:
        env, reward = run.record["env"], run.record["reward"]
        run.env = f"{env}/{reward}" if len(rewards[env]) > 1 else str(env)
    for run, apart in _distinguish(told, lambda run: run.env, ("env", "reward"), parts):
        run.env += apart
    for run in told:
        run.algo, run.technique = str(run.record["algo"]), canonical(str(run.record["technique"]))
    for run, apart in _distinguish(told, lambda run: (run.env, run.algo), ("algo",), parts):
        run.algo += apart
    for run, apart in _distinguish(told, lambda run: run.cell, ("technique",), parts):
        run.technique += apart
    for run in runs:
        run.left_out = _why_not(run)
    _leave_out_twins(run for run in runs if not run.left_out)
    return runs


def _why_not(run: Run) -> str:
    record = run.record
    if record["status"] != "completed":
        return record["status"]
    asked, applied = canonical(str(record["technique"])), canonical(str(record["applied"]))
    if asked != applied:
        return f"ran as another technique: {applied}, as {record['algo']} does not apply {asked}"
    return "" if record["levels"] else "no evaluation in its result"


def _leave_out_twins(runs: Iterable[Run]) -> None:
    """Let one run stand for all of the same settings and seed: copies are no evidence."""
    twins = defaultdict(list)
    for run in runs:
        twins[*run.cell, run.seed].append(run)
    for same in twins.values():
        kept = max(same, key=lambda run: (len(run.record["levels"]), run.folder))
        for run in same:
            if run is not kept:
                run.left_out = f"a copy: same settings and seed as {kept.folder}"


def _distinguish(
    runs: list[Run], base: Callable[[Run], Hashable], groups: tuple[str, ...], parts: Parts
) -> Iterator[tuple[Run, str]]:
    """Yield the runs of one ``base`` name that differ in settings from the usual, with what tells them apart."""
    together = defaultdict(list)
    for run in runs:
        together[base(run)].append((run, tuple(run.record["settings"][group] for group in groups)))
    for members in together.values():
        # what never finished should not decide what is usual
        digests = Counter({digest: 0 for _, digest in members})
        digests.update(digest for run, digest in members if run.record["status"] == "completed")
        if len(digests) > 1:
            labels = _labels(digests, parts)
            for run, digest in members:
                if labels[digest]:
                    yield run, f" [{labels[digest]}]"


def _labels(digests: Counter[tuple[str, ...]], parts: Parts) -> dict[tuple[str, ...], str]:
    """Return, for each variant, the settings that are not the commonest ones, at most three of them.

    A setting a config lacks (it was written before there was such a setting) counts as the commonest value.
    """
    flat = {digest: dict(_flat([parts[d] for d in digest])) for digest in sorted(digests)}
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for digest, settings in flat.items():
        for key, value in settings.items():
            values[key][str(value)] += digests[digest]
    usual = {key: counted.most_common(1)[0][0] for key, counted in values.items() if len(counted) > 1}
    labels: dict[tuple[str, ...], str] = {}
    full: dict[str, dict[str, str]] = {}
    for digest, settings in flat.items():
        own = {k: str(settings[k]) for k in sorted(usual) if k in settings and str(settings[k]) != usual[k]}
        shown = ", ".join(f"{key.rsplit('.', 1)[-1]}={value}" for key, value in list(own.items())[:3])
        shown += f" and {len(own) - 3} more" if len(own) > 3 else ""
        # what is cut off must not make two variants one
        clash = full.setdefault(shown, own) != own
        labels[digest] = f"{shown} #{digest[-1][:4]}" if clash else shown
    return labels


def _flat(node: object, prefix: str = "") -> Iterable[tuple[str, object]]:
    if isinstance(node, list | tuple) and not prefix:
        for item in node:
            yield from _flat(item, prefix)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, node

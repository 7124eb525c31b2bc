"""Returns on env=sprites of policies that learn nothing, level by level: the marks that learnt ones are judged by.

`follow` and `flee` know positions, `intercept` and `escape` velocities too: where the target will be after the step. Fleeing goes
to the corner that is farthest from the target; `escape` predicts the whole episode and goes to the corner that will pay best.
The range of `Sprites.score_range` is random play to the best of them.

    python -m benchmarks.studies.sprites_policies --episodes 20000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from benchmarks.record import write
from rlsuite.envs.sprites.task import STEPS, Goal, Sprites, SpritesVecEnv
from rlsuite.representation import sprites
from rlsuite.rewards.env import EnvReward

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
CORNERS = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])


def towards(env: SpritesVecEnv, goals: np.ndarray) -> np.ndarray:
    return (goals - env.positions[:, 0]) / sprites.SPEED


def future(env: SpritesVecEnv, steps: int) -> np.ndarray:
    """Return where the target will be after each of the next ``steps``: (steps, n, 2)."""
    places = []
    position, velocity, size = env.positions[:, 1], env.velocities[:, 1], env.bodies[2][:, None]
    for _ in range(steps):
        position, velocity = sprites.move_sprites(position, velocity, size)
        places.append(position)
    return np.array(places)


def farthest_corner(env: SpritesVecEnv) -> np.ndarray:
    corners = 0.5 + CORNERS * (0.5 - env.bodies[2][:, None, None] / 2)
    away = np.linalg.norm(corners - env.positions[:, None, 1], axis=-1)
    return corners[np.arange(env.num_envs), away.argmax(axis=1)]


def best_corner(env: SpritesVecEnv) -> np.ndarray:
    left = STEPS - int(env.elapsed[0])
    corners = 0.5 + CORNERS * (0.5 - env.bodies[2][:, None, None] / 2)
    gap = corners - env.positions[:, None, 0]
    moved = np.arange(1, left + 1)[:, None, None, None] * sprites.SPEED
    path = env.positions[:, None, 0] + np.sign(gap) * np.minimum(np.abs(gap), moved)
    paid = np.linalg.norm(path - future(env, left)[:, :, None], axis=-1).sum(axis=0)
    return corners[np.arange(env.num_envs), paid.argmax(axis=1)]


Policy = Callable[[SpritesVecEnv, np.random.Generator], np.ndarray]
POLICIES: dict[str, Policy] = {
    "random": lambda env, rng: rng.uniform(-1, 1, (env.num_envs, 2)),
    "nothing": lambda env, rng: np.zeros((env.num_envs, 2)),
    "centre": lambda env, rng: towards(env, np.full((env.num_envs, 2), 0.5)),
    "follow": lambda env, rng: towards(env, env.positions[:, 1]),
    "intercept": lambda env, rng: towards(env, future(env, 1)[0]),
    "flee": lambda env, rng: towards(env, farthest_corner(env)),
    "escape": lambda env, rng: towards(env, best_corner(env)),
}


def returns(policy: Policy, goal: Goal, level: float, episodes: int, seed: int = 0) -> np.ndarray:
    """Play one episode in each of ``episodes`` envs; return their returns."""
    env = Sprites(reward=EnvReward(), goal=goal).vec_env([level], episodes, seed)
    env.reset()
    rng = np.random.default_rng(seed)
    return np.sum([env.step(policy(env, rng))[1] for _ in range(STEPS)], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=20_000)
    args = parser.parse_args()
    found: dict[str, dict] = {"follow": {}, "repel": {}}
    for goal, policies in found.items():
        for name, policy in POLICIES.items():
            played = {f"{level:g}": returns(policy, goal, level, args.episodes) for level in LEVELS}
            policies[name] = {
                level: {"mean": round(float(r.mean()), 2), "sd": round(float(r.std()), 2)}
                for level, r in played.items()
            }
    write("sprites_policies", {"episodes": args.episodes, "policies": found})


if __name__ == "__main__":
    main()

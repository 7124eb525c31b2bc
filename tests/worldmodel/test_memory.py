"""Memory: the pass equals the cached steps, a reset equals a fresh start, episodes do not mix, looking ahead leaves no trace."""

import pytest
import torch

from rlsuite.worldmodel.memory import Memory

LENGTH, N_ENVS, TOKEN = 23, 5, 3


def memory(layers: int = 2, window: int = 4) -> Memory:
    torch.manual_seed(0)
    built = Memory(TOKEN, width=8, layers=layers, heads=2, window=window)
    for block in built.blocks:
        torch.nn.init.normal_(block.bias)  # so that a wrong distance shows
    return built


def sequences() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    starts = torch.rand(N_ENVS, LENGTH) < 0.15
    starts[:, 0] = True
    return torch.randn(N_ENVS, LENGTH, TOKEN), starts


def stepped(built: Memory, tokens: torch.Tensor, starts: torch.Tensor) -> tuple[torch.Tensor, object]:
    state, found = built.begin(len(tokens)), []
    for t in range(tokens.shape[1]):
        h, state = built.step(tokens[:, t], state, starts[:, t])
        found.append(h)
    return torch.stack(found, 1), state


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("window", [1, 4, 30])
@torch.no_grad()
def test_the_pass_over_a_sequence_equals_the_cached_steps(layers: int, window: int) -> None:
    built, (tokens, starts) = memory(layers, window), sequences()
    torch.testing.assert_close(built(tokens, starts), stepped(built, tokens, starts)[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_state_after_the_last_tokens_is_that_of_all_steps() -> None:
    built, (tokens, starts) = memory(), sequences()
    state = stepped(built, tokens, starts)[1]
    for length in (built.span, LENGTH):
        rebuilt = built.state_after(tokens[:, -length:], starts[:, -length:])
        then = torch.randn(N_ENVS, TOKEN)
        none = torch.zeros(N_ENVS, dtype=torch.bool)
        assert torch.equal(rebuilt.seen, state.seen)
        torch.testing.assert_close(
            built.step(then, rebuilt, none)[0], built.step(then, state, none)[0], atol=1e-5, rtol=1e-5
        )


@torch.no_grad()
def test_output_after_a_reset_is_that_of_a_fresh_episode() -> None:
    built, (tokens, starts) = memory(), sequences()
    state = stepped(built, tokens, starts)[1]
    everyone, none = torch.ones(N_ENVS, dtype=torch.bool), torch.zeros(N_ENVS, dtype=torch.bool)
    fresh = built.begin(N_ENVS)
    for t in range(6):
        old, state = built.step(tokens[:, t], state, everyone if t == 0 else none)
        new, fresh = built.step(tokens[:, t], fresh, none)
        torch.testing.assert_close(old, new, atol=1e-6, rtol=1e-6)


def test_no_gradient_crosses_an_episodes_start_or_reaches_beyond_the_span() -> None:
    built = memory()
    tokens, starts = torch.randn(1, 20, TOKEN, requires_grad=True), torch.zeros(1, 20, dtype=torch.bool)
    starts[0, [0, 3]] = True
    (
        built(tokens, starts)[0, 12] * torch.arange(8)
    ).sum().backward()  # a plain sum is constant after LayerNorm
    felt = tokens.grad[0].abs().sum(-1) > 0
    assert felt.tolist() == [t in range(12 - built.span + 1, 13) for t in range(20)]
    tokens.grad = None
    (built(tokens, starts)[0, 5] * torch.arange(8)).sum().backward()
    assert (tokens.grad[0].abs().sum(-1) > 0).tolist() == [t in range(3, 6) for t in range(20)]


@torch.no_grad()
def test_looking_ahead_leaves_the_state_as_it_was() -> None:
    built, (tokens, starts) = memory(), sequences()
    state = stepped(built, tokens, starts)[1]
    before = [part.clone() for part in state]
    ahead = state.repeat(3)
    for _ in range(3):
        _, ahead = built.step(
            torch.randn(3 * N_ENVS, TOKEN), ahead, torch.zeros(3 * N_ENVS, dtype=torch.bool)
        )
    assert all(map(torch.equal, before, state))

"""Memory: a small causal transformer over (z, the action before), whose whole state is one explicit value for each env.

Positions are distances: attention at step t reaches the last ``window`` tokens of the same episode, with a learnt bias a distance
and head. So the pass over a sequence and the step with cached keys and values compute the same (tested), and a reset sets a
counter to 0. There is no dropout, so acting and learning see the same features.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FAR = -1e9  # as a bias of attention: weight exactly 0, and finite where a whole row is masked


class MemorySizes(TypedDict, total=False):
    """What rebuilds a :class:`Memory`, beside the size of its tokens."""

    width: int
    layers: int
    heads: int
    window: int


class MemoryState(NamedTuple):
    """Keys and values (layers, n, heads, window, width), newest last, and how many tokens of the episode are seen (n,)."""

    keys: Tensor
    values: Tensor
    seen: Tensor

    def repeat(self, times: int) -> MemoryState:
        """Return each env ``times`` times in a row."""
        return MemoryState(
            self.keys.repeat_interleave(times, 1),
            self.values.repeat_interleave(times, 1),
            self.seen.repeat_interleave(times),
        )


class MemoryBlock(nn.Module):
    """Pre-normalised attention and two linear layers, both residual."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.bias = nn.Parameter(torch.zeros(heads, window))  # by distance

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return queries, keys and values (B, heads, T, .) of x (B, T, width)."""
        projected = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1))
        return projected.permute(2, 0, 3, 1, 4).unbind(0)

    def mix(self, x: Tensor, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Attend under ``bias`` (B or 1, heads, T, S) and pass on; x (B, T, width)."""
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = x + self.out(found.transpose(1, 2).flatten(2))
        return x + self.feed(self.norm2(x))


class Memory(nn.Module):
    """Tokens to features h (width); with 0 layers h is a function of the present token alone: no memory."""

    def __init__(
        self, token_dim: int, width: int = 64, layers: int = 2, heads: int = 4, window: int = 16
    ) -> None:
        super().__init__()
        self.width, self.heads, self.window = width, heads, window
        self.embed = nn.Linear(token_dim, width)
        self.blocks = nn.ModuleList(MemoryBlock(width, heads, window) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    @property
    def span(self) -> int:
        """How many tokens, the present one included, h can depend on."""
        return len(self.blocks) * (self.window - 1) + 1

    def stack(self) -> list[MemoryBlock]:
        """Return the layers in their order."""
        return [block for block in self.blocks if isinstance(block, MemoryBlock)]

    def begin(self, n: int) -> MemoryState:
        """Return the empty state of ``n`` envs."""
        device = self.embed.weight.device
        empty = torch.zeros(
            len(self.blocks), n, self.heads, self.window, self.width // self.heads, device=device
        )
        return MemoryState(empty, empty, torch.zeros(n, dtype=torch.long, device=device))

    def step(self, tokens: Tensor, state: MemoryState, starts: Tensor) -> tuple[Tensor, MemoryState]:
        """Take one token (n, token_dim) an env; envs in ``starts`` (n,) bool forget first. Returns h (n, width), the next state.

        ``state`` itself stays as it is, so that one can look ahead from it.
        """
        seen = (state.seen.masked_fill(starts, 0) + 1).clamp(max=self.window)
        age = torch.arange(self.window - 1, -1, -1, device=tokens.device)  # of the cached places
        absent = (age >= seen[:, None])[:, None, None]
        x, keys, values = self.embed(tokens)[:, None], [], []
        for block, old_keys, old_values in zip(self.stack(), state.keys, state.values, strict=True):
            query, key, value = block.project(x)
            keys.append(torch.cat([old_keys[:, :, 1:], key], 2))
            values.append(torch.cat([old_values[:, :, 1:], value], 2))
            bias = block.bias.flip(1)[None, :, None].expand(len(x), -1, -1, -1).masked_fill(absent, FAR)
            x = block.mix(x, query, keys[-1], values[-1], bias)
        kept = (torch.stack(keys), torch.stack(values)) if keys else (state.keys, state.values)
        return self.norm(x[:, 0]), MemoryState(*kept, seen)

    def forward(self, tokens: Tensor, starts: Tensor) -> Tensor:
        """Return h (B, T, width) of tokens (B, T, token_dim); ``starts`` (B, T) bool where an episode's first token stands."""
        return self._pass(tokens, starts)[0]

    def _pass(self, tokens: Tensor, starts: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        distance = places[:, None] - places
        episode = starts.long().cumsum(1)
        seen = (distance >= 0) & (distance < self.window) & (episode[:, :, None] == episode[:, None])
        hidden, nearest = ~seen[:, None], distance.clamp(0, self.window - 1)
        x, keys, values = self.embed(tokens), [], []
        for block in self.stack():
            query, key, value = block.project(x)
            keys.append(key)
            values.append(value)
            x = block.mix(x, query, key, value, block.bias[:, nearest][None].masked_fill(hidden, FAR))
        return self.norm(x), keys, values

    def state_after(self, tokens: Tensor, starts: Tensor) -> MemoryState:
        """Return the state of envs that have just seen tokens (n, T, token_dim): the result of T steps with the present weights.

        Exact where T is at least ``span``, or the first tokens are an episode's first.
        """
        n, length = starts.shape
        _, keys, values = self._pass(tokens, starts)
        places = torch.arange(length, device=tokens.device)
        since = length - torch.where(starts, places, 0).amax(1)
        empty = self.begin(n)
        if not keys:
            return empty._replace(seen=since.clamp(max=self.window))
        kept = [
            torch.cat([blank, torch.stack(new)], 3)[:, :, :, -self.window :]
            for blank, new in ((empty.keys, keys), (empty.values, values))
        ]
        return MemoryState(kept[0], kept[1], since.clamp(max=self.window))

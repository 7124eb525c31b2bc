"""The bitwise stepper beyond the golden vectors: pruning, samples, files, precision."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rlsuite.core.errors import UserError
from rlsuite.generators.common.loading import WeightsError
from rlsuite.generators.infinity import presets, text
from rlsuite.generators.infinity.bsq_tokenizer import BSQ, BSQConfig
from rlsuite.generators.infinity.generator import Bitwise
from rlsuite.generators.infinity.transformer import Infinity, InfinityConfig
from rlsuite.generators.next_scale.episode import Control
from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.generators.next_scale.state import NextScaleState

SIDES = ((1, 1), (2, 3), (3, 4), (4, 6))  # not square, and not the released schedule
SHAPE = {"code_bits": 4, "text_channels": 256, "text_maxlen": 6, "embed_dim": 32, "depth": 4, "num_heads": 2}
VAE = {"z_channels": 4, "ch": 32, "ch_mult": (1, 1), "num_res_blocks": 1}
LABELS, SEEDS = [0, 1, 2, 1], [5, 6, 7, 8]
RATIOS = [[0, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 1, 0.25], [0, 1, 0.5, 1.0]]


@pytest.fixture(scope="module")
def generator() -> Bitwise:
    return build()


def build(dtype: torch.dtype = torch.float32, **options) -> Bitwise:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = InfinityConfig(**SHAPE, block_chunks=2, sides=SIDES, grid=(16, 24))
        vae, infinity = BSQ(BSQConfig(**VAE, sides=SIDES)), Infinity(config)
        prompts = [torch.randn(n, 256) for n in (2, 5, 3)]
        with torch.no_grad():
            for parameter in infinity.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.15)
    return Bitwise(
        vae,
        infinity.to(dtype),
        prompts,
        PruningSettings(cache_side=2, first_layer=1, last_layer=2),
        **options,
    )


def run(generator: Bitwise, samples: list[int], ratios: list[list[float]]) -> NextScaleState:
    state = generator.begin([LABELS[i] for i in samples], [SEEDS[i] for i in samples], 2.0)
    for scale in range(generator.n_scales):
        state = generator.step(state, [ratios[i][scale] for i in samples])
    return state


def same(a: NextScaleState, b: NextScaleState) -> bool:
    return torch.equal(a.f_hat, b.f_hat) and torch.equal(a.tokens, b.tokens) and torch.equal(a.kept, b.kept)


def test_ratio_zero_is_unpruned_bit_for_bit(generator: Bitwise) -> None:
    plain = generator.generate(LABELS, SEEDS, 2.0)
    assert same(plain, run(generator, [0, 1, 2, 3], [[0.0] * 4] * 4))
    assert plain.tokens.shape == (4, 1 + 6 + 12 + 24, 4) and set(plain.tokens.unique().tolist()) == {0, 1}
    image = generator.decode(plain)
    assert image.shape == (4, 3, 8, 12) and image.min() >= 0 and image.max() <= 1


def test_mixed_samples_equal_single_episodes(generator: Bitwise) -> None:
    together = run(generator, [0, 1, 2, 3], RATIOS)
    assert together.kept.tolist() == [[1, 6, 12, 24], [1, 6, 6, 12], [1, 6, 0, 18], [1, 0, 12, 0]]
    for sample in range(4):
        alone = run(generator, [sample], RATIOS)
        assert torch.equal(alone.tokens[0], together.tokens[sample])
        torch.testing.assert_close(alone.f_hat[0], together.f_hat[sample], rtol=0, atol=1e-5)


def test_interleaved_episodes_do_not_touch(generator: Bitwise) -> None:
    alone = [run(generator, [i], RATIOS) for i in range(4)]
    states = [generator.begin([LABELS[i]], [SEEDS[i]], 2.0) for i in range(4)]
    for scale in range(4):
        states = [generator.step(s, RATIOS[i][scale]) for i, s in enumerate(states)]
    assert all(same(a, b) for a, b in zip(alone, states, strict=True))


def test_a_skipped_scale_leaves_no_trace(generator: Bitwise) -> None:
    before = generator.step(generator.begin(LABELS, SEEDS))
    after = generator.step(before, 1.0)
    assert torch.equal(after.f_hat, before.f_hat)
    assert all(a is b for a, b in zip(after.kv, before.kv, strict=True))
    assert {kv.lengths[0] for kv in generator.step(after).kv} == {1 + 12}


def test_only_kept_tokens_enter_the_cache_and_three_outputs_a_block_are_kept(generator: Bitwise) -> None:
    state = generator.begin(LABELS[:1], SEEDS[:1])
    for ratio in (0, 0, 0.5):
        state = generator.step(state, ratio)
    assert [kv.lengths[0] for kv in state.kv] == [19, 13, 13, 19]
    assert len(state.cached) == 2 * 3


def test_state_round_trip_mid_episode(generator: Bitwise) -> None:
    half = build(torch.bfloat16)
    for stepper in (generator, half):
        state = stepper.begin(LABELS, SEEDS)
        for ratio in (0, [0, 0, 1, 0], 0.3):
            state = stepper.step(state, ratio, control=Control(conditional=[0, 1, 0, 0]))
        copy = NextScaleState.from_tree(state.to_tree())
        assert copy.kv[0].k.dtype == stepper.dtype
        assert same(stepper.step(state, 0.5), stepper.step(copy, 0.5))


def test_half_precision_is_close() -> None:
    forced = torch.randint(0, 2, (4, 43, 4), generator=torch.Generator().manual_seed(0))
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        stepper, seen = build(dtype), []
        state = stepper.begin(LABELS, SEEDS, 1.0)
        for part in forced.split(stepper.lengths, 1):
            state = stepper.step(state, 0, lambda name, v, seen=seen: seen.append(v.float()), forced=part)
        found.append(torch.cat([v.flatten() for v in seen[::3]]))
    assert torch.corrcoef(torch.stack(found))[0, 1] > 0.99


def test_without_the_unconditional_half(generator: Bitwise) -> None:
    """Guidance weight 1 is the conditional half alone: the same image for half of the FLOPs."""
    both = generator.generate(LABELS, SEEDS, 1.0)
    state = generator.begin(LABELS, SEEDS, 3.0)
    for _ in range(4):
        state = generator.step(state, control=Control(conditional=1.0))
    assert torch.equal(state.tokens, both.tokens)
    torch.testing.assert_close(generator.flops(state), generator.flops(both) / 2)


def test_flops_by_hand(generator: Bitwise) -> None:
    c, text, d = 32, 10 / 3, 4
    blocks = 4 * (
        1 * (2 * c * (4 * c + 2 * 4 * c) + 4 * c * c + 4 * c * text) + 4 * c
    )  # one token sees itself
    fixed = 2 * c * c * (8 + 2 * text * 4)
    assert float(generator.full_flops[0]) == pytest.approx(2 * (blocks + fixed + 2 * c * 2 * d))


@pytest.fixture
def folder(generator: Bitwise, tmp_path: Path) -> Path:
    from rlsuite.generators.infinity.bsq_tokenizer import checkpoint_name

    shape = {**SHAPE, "block_chunks": 2, "sides": SIDES, "grid": (16, 24)}
    (tmp_path / "config.json").write_text(json.dumps({"vae": {**VAE, "sides": SIDES}, "infinity": shape}))
    vae = {checkpoint_name(k): v.clone() for k, v in generator.vae.state_dict().items()}
    torch.save({"vae": vae}, tmp_path / "vae_weights.pth")
    save_file(dict(generator.infinity.state_dict()), tmp_path / "weights.safetensors")
    text.save_features(generator.prompts, tmp_path / "text.safetensors")
    return tmp_path


def load(folder: Path, **options) -> Bitwise:
    given = {
        "cache_side": 2,
        "first_layer": 1,
        "last_layer": 2,
        "text_features": str(folder / "text.safetensors"),
    }
    return presets.load_infinity(path=str(folder), **{**given, **options})


def test_a_folder_loads_and_says_what_memory_it_needs(folder: Path, generator: Bitwise, capsys) -> None:
    again = load(folder, pruned_sides=[3, 4], pruned_ratios=[0.5, 1])
    assert "GB of memory are needed" in capsys.readouterr().out
    assert torch.equal(again.generate(LABELS, SEEDS).tokens, generator.generate(LABELS, SEEDS).tokens)
    assert again.fixed_schedule == [0, 0, 0.5, 1]


def test_wrong_files_are_refused(folder: Path) -> None:
    vae = torch.load(folder / "vae_weights.pth", weights_only=True)["vae"]
    vae["encoder.conv_in.weight"] = vae.pop("encoder.conv_in.conv.weight")
    torch.save({"vae": vae}, folder / "vae_weights.pth")
    with pytest.raises(WeightsError, match=r"1 missing \(encoder.conv_in.conv.weight\); 1 unexpected"):
        load(folder)
    state = load_file(folder / "weights.safetensors")
    state["head.bias"] = state["head.bias"][:3].clone()
    save_file(state, folder / "weights.safetensors")
    shutil.copy(folder / "weights.safetensors", folder / "vae_weights.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit a BSQ: \d+ missing"):
        load(folder)
    (folder / "vae_weights.safetensors").write_bytes(b"\x08")
    with pytest.raises(WeightsError, match="truncated"):
        load(folder)


def test_settings_that_do_not_fit_are_refused(folder: Path) -> None:
    for wrong, says in (
        ({"pruned_sides": [64], "pruned_ratios": [1.0]}, r"pruned_sides \[64\] are no scales"),
        ({"pruned_sides": [3]}, "belong together"),
        ({"cache_side": 24}, "cache_side=24"),
        ({"text_features": None}, "env.generator.prompts"),
        ({"text_features": str(folder / "weights.safetensors")}, "no text features"),
    ):
        with pytest.raises(UserError, match=says):
            load(folder, **wrong)


def test_prompts_need_an_encoder(folder: Path) -> None:
    (folder / "prompts.txt").write_text("a cat\n\na small dog\n")
    wanted = {"text_features": None, "prompts": str(folder / "prompts.txt"), "text_encoder": str(folder)}
    with pytest.raises(UserError, match=r"transformers|no T5 encoder"):
        load(folder, **wanted)


def test_a_t5_from_a_folder(folder: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "cat": 4, "small": 5, "dog": 6}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(tmp_path / "t5")
    sizes = {"vocab_size": 8, "d_model": 256, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    transformers.T5EncoderModel(transformers.T5Config(**sizes)).save_pretrained(tmp_path / "t5")
    (folder / "prompts.txt").write_text("a cat\n\na small dog\n")
    kept = folder / "made.safetensors"
    made = load(
        folder,
        text_features=str(kept),
        prompts=str(folder / "prompts.txt"),
        text_encoder=str(tmp_path / "t5"),
    )
    assert [tuple(t.shape) for t in made.prompts] == [(2, 256), (3, 256)]
    again: list[Tensor] = text.load_features(kept)
    assert all(torch.equal(a, b) for a, b in zip(again, made.prompts, strict=True))

"""What the techniques of several levels share: splitting a minibatch, one pass over the layers, chains."""

import numpy as np
import pytest
import torch
from hand_gradients import gradient

from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.chain import Chain, chain
from rlsuite.techniques.dr import DR
from rlsuite.techniques.gar import GAR
from rlsuite.techniques.gradients import per_variation, positions_by_variation
from rlsuite.techniques.mask import Mask
from rlsuite.techniques.vrex import VREx


def test_weighted_sum_of_the_rows_is_the_full_gradient():
    rows, domains = torch.randn(12, 5).tolist(), [0, 1, 1, 2, 0, 0, 2, 2, 2, 2, 1, 0]
    full, _ = gradient(Baseline(), rows, domains)
    assert torch.allclose(gradient(VREx(penalty=0.0), rows, domains)[0], full, atol=1e-6)
    assert torch.allclose(gradient(Mask(threshold=0.1), rows, domains)[0], full, atol=1e-6)
    assert torch.allclose(full, torch.tensor(rows).mean(0), atol=1e-6)


def test_one_variation_alone_is_the_plain_gradient():
    for technique in (GAR(), GAR(against="others"), Mask(), VREx()):
        found, _ = gradient(technique, [[1.0, -2.0], [3.0, 0.0]], [1, 1])
        torch.testing.assert_close(found, torch.tensor([2.0, -1.0]))


def test_split_gives_each_variation_its_samples():
    parts = [part.tolist() for part in positions_by_variation(torch.tensor([2, 0, 2, 0]))]
    assert parts == [[1, 3], [0, 2]]


def test_one_pass_over_the_layers_equals_a_pass_a_variation():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    idle = torch.nn.ModuleDict({"net": net, "target": torch.nn.Linear(3, 2)})
    x, y, domains = torch.randn(20, 3), torch.randn(20, 2), torch.tensor([0, 3, 1, 1, 3] * 4)
    technique = GAR()
    technique.attach(idle)

    def loss(index):
        total = (net(x[index]) - y[index]).square().mean()
        return total, {"loss": total.detach()}

    parameters = list(idle.parameters())
    fast, used = per_variation(loss, domains, parameters, technique.tape)
    slow, reached = per_variation(loss, domains, parameters)
    assert fast.losses is None
    assert len(fast.rows) == 3
    order = {id(p): part for p, part in zip(used, fast.rows.split([p.numel() for p in used], 1), strict=True)}
    torch.testing.assert_close(torch.cat([order[id(p)] for p in reached], 1), slow.rows)
    np.testing.assert_array_equal(fast.shares, slow.shares)
    np.testing.assert_allclose(fast.gram, slow.gram, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(fast.logged["loss"], slow.logged["loss"])


def test_a_pass_that_is_given_up_is_not_logged():
    """A layer that does not see one row a sample: the one pass is made and given up, and only the others count."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 1))
    technique = GAR()
    technique.attach(net)
    passes = []

    def loss(index):
        passes.append(index)
        total = net(torch.ones(4, 2, 3)[index]).mean()
        return total, {"pass": torch.tensor(float(len(passes)))}

    found, _ = per_variation(loss, torch.tensor([0, 1, 1, 1]), list(net.parameters()), technique.tape)
    assert len(passes) == 3
    assert found.logged["pass"].item() == 0.25 * 2 + 0.75 * 3


def test_policies_with_other_layers_take_a_pass_a_variation():
    net = torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(3, 1))
    technique = GAR()
    technique.attach(net)
    assert not technique.tape.usable
    found, _ = per_variation(
        lambda i: (net(torch.ones(4, 1, 3)[i]).mean(), {}),
        torch.tensor([0, 0, 1, 1]),
        list(net.parameters()),
        technique.tape,
    )
    assert found.losses is not None


def test_chain_applies_its_parts_in_order_and_takes_the_union_of_levels():
    rows = [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    both = Chain({"mask": Mask(), "gar": GAR(levels=[0.0, 1.0])})
    assert both.levels == (0.0, 0.25, 0.5, 1.0)
    alone, _ = gradient(GAR(), rows)
    found, metrics = gradient(both, rows)
    assert {"agreement", "gar_left_out", "mask_kept"} <= set(metrics)
    assert 0 < alone[0] < alone[1]
    assert found[0] == found[1] == 0  # masked; of the second tensor's two coordinates one is left: times 2
    assert float(found[2]) == pytest.approx(2 * float(alone[2]))


def test_chain_of_one_is_the_technique_itself():
    technique = DR()
    assert chain({"dr": technique}) is technique
    assert DR(levels=[0.5, 0.0, 0.5]).levels == (0.0, 0.5)
    with pytest.raises(ValueError, match="at least one"):
        DR(levels=[])

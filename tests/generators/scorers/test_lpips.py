"""LPIPS and FID from local files: arithmetic with made-up weights, and what is said when files are missing."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.generators.common.loading import WeightsError
from rlsuite.generators.scorers.inception import fid
from rlsuite.generators.scorers.lpips import LPIPS, Backbone, Heads


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    torch.manual_seed(0)
    torch.save(
        {**Backbone().state_dict(), "classifier.1.weight": torch.zeros(2, 2)}, tmp_path / "alexnet.pth"
    )
    torch.save({k: v.abs() for k, v in Heads().state_dict().items()}, tmp_path / "alex.pth")
    return {"backbone": str(tmp_path / "alexnet.pth"), "heads": str(tmp_path / "alex.pth")}


def test_names_are_the_files_own(files: dict[str, str]) -> None:
    assert set(torch.load(files["heads"], weights_only=True)) == {f"lin{i}.model.1.weight" for i in range(5)}
    names = {f"features.{i}.{part}" for i in (0, 3, 6, 8, 10) for part in ("weight", "bias")}
    assert names < set(torch.load(files["backbone"], weights_only=True))


def test_distance(files: dict[str, str]) -> None:
    measure = LPIPS(**files)
    images = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    assert measure(images, images).tolist() == [0, 0, 0]
    near, far = measure(images, (images + 0.02).clamp(0, 1)), measure(images, 1 - images)
    assert (near > 0).all() and (near < far).all()


def test_the_first_layer_by_hand(files: dict[str, str]) -> None:
    measure = LPIPS(**files)
    a, b = torch.rand(2, 1, 3, 40, 40, generator=torch.Generator().manual_seed(2)).unbind(0)
    for head in measure.heads.weights()[1:]:
        head.zero_()
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    found = []
    for x in (a, b):
        x = ((x * 2 - 1).movedim(1, 3) - shift) / scale
        conv = measure.backbone.features["0"]
        f = F.relu(F.conv2d(x.movedim(3, 1), conv.weight, conv.bias, stride=4, padding=2))
        found.append(f / f.norm(dim=1, keepdim=True))
    weight = measure.heads.weights()[0]
    want = (weight * (found[0] - found[1]) ** 2).sum(1).mean()
    assert float(measure(a, b)) == pytest.approx(float(want), rel=1e-5)


def test_files_that_are_missing_or_wrong(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        LPIPS(backbone=str(tmp_path / "none.pth"), heads=files["heads"])
    with pytest.raises(WeightsError, match="does not fit a Heads"):
        LPIPS(backbone=files["backbone"], heads=files["backbone"])
    with pytest.raises(UserError, match=r"pt_inception-2015-12-05-6726825d\.pth"):
        fid(torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8), str(tmp_path / "none.pth"))


def test_missing_files_are_said_before_anything_is_built(tmp_path) -> None:
    (tmp_path / "heads.pth").touch()
    node = f"{{_target_:rlsuite.generators.scorers.lpips.LPIPS,backbone:{tmp_path}/none.pth,heads:{tmp_path}/heads.pth}}"
    (problem,) = find_problems(compose(["env=var", f"env.lpips={node}"]))
    assert problem == f"env=var: env.lpips.backbone={tmp_path}/none.pth: no such file"

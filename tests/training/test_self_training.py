import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from warpmarks.configuration import TrainingConfig
from warpmarks.coordinates import pixel_centres
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.losses import landmark_diversity, view_unit
from warpmarks.network import LandmarkNetwork
from warpmarks.runs.geometry import plan_geometry
from warpmarks.training.self_training import (
    ViewMaker,
    Views,
    found_maps,
    loss_in_views,
    taught_distance,
)
from warpmarks.training.step import BatchMaker, Share
from warpmarks.training.unsupervised_task import Discovery
from warpmarks.warps.pose import common_reference

WIDE = {"rotation": 25.0, "scale": 0.2, "translation": 0.15, "deformation": 0.04}


def config(**changes) -> TrainingConfig:
    settings = {
        "num_landmarks": 1,
        "batch_size": 4,
        "image": {"size": 48},
        "loss": {"pooling": 2},
        "self_training": {"share": 0.5, "warps": WIDE},
        "optimiser": {"averaging": 0.99},
    }
    return TrainingConfig.model_validate(settings | changes)


GEOMETRY = plan_geometry(config().image, 1.3)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """A red spot on black, at another place in each, near the middle."""
    generator = np.random.default_rng(3)
    rows, columns = GEOMETRY.picture
    y, x = np.mgrid[0:rows, 0:columns]
    images = np.zeros((12, rows, columns, 3), dtype=np.uint8)
    for image in images:
        middle = np.array([columns, rows]) * generator.uniform(0.4, 0.6, 2)
        image[..., 0] = 255 * (np.hypot(x - middle[0], y - middle[1]) < 4)
    return images


def views(pictures: np.ndarray, share: Share | None = None, **changes) -> ViewMaker:
    settings = config(**changes)
    return ViewMaker(BatchMaker(pictures, settings, GEOMETRY, share=share), settings, GEOMETRY)


class RedFinder(nn.Module):
    """Its map lights up where it is red; it cannot learn."""

    def forward(self, images: Tensor) -> Tensor:
        return 60 * nn.functional.avg_pool2d(images, 2)[:, :1]


class Nailed(nn.Module):
    """Its map lights up in one place of the image, whatever it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.tensor(60.0))

    def forward(self, images: Tensor) -> Tensor:
        maps = torch.zeros(len(images), 1, images.shape[2] // 2, images.shape[3] // 2)
        maps[:, :, 10, 15] = 1
        return self.height * maps


def loss_of(network: nn.Module, teacher: nn.Module, maker: ViewMaker, steps: int = 3) -> float:
    unit = view_unit(*GEOMETRY.cells)
    taught = maker.config.self_training
    losses = [loss_in_views(network, teacher, maker.batch(s), taught, unit) for s in range(steps)]
    return torch.stack(losses).mean().item()


@pytest.mark.parametrize(("mirror", "own_share"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.5)])
def test_what_stays_on_the_object_loses_nothing(pictures, mirror, own_share) -> None:
    taught = {"share": 0.5, "warps": WIDE, "own_share": own_share}
    maker = views(pictures, warps={"mirror": mirror}, self_training=taught)
    assert loss_of(RedFinder(), RedFinder(), maker) < 0.04  # a cell is 0.1
    moved = [
        (batch.plain - batch.warped).abs().mean() for batch in (maker.batch(0), maker.batch(1))
    ]
    assert min(moved) > 0.003


def test_auto_mirrors_no_view_of_pictures_that_face_one_way() -> None:
    rows, columns = GEOMETRY.picture
    one_way = np.zeros((12, rows, columns, 3), dtype=np.uint8)
    one_way[:, :, columns // 2 :] = np.arange(100, 220, 10, dtype=np.uint8)[:, None, None, None]

    def lit_at_the_right(maker: ViewMaker) -> list[bool]:
        halves = [maker.batch(step).plain.mean(dim=(1, 2)).chunk(2, dim=1) for step in range(5)]
        return torch.cat([left.mean(1) < right.mean(1) for left, right in halves]).tolist()

    assert all(lit_at_the_right(views(one_way, warps={"mirror": "auto"})))
    either_way = np.concatenate([one_way[:6], one_way[6:, :, ::-1]])
    mirrored = lit_at_the_right(views(either_way, warps={"mirror": "auto"}))
    assert mirrored != lit_at_the_right(views(either_way))


def test_what_is_nailed_to_the_image_pays_even_under_a_nailed_teacher(pictures) -> None:
    """Where eqs. 5 and 6 under small warps may let it be."""
    maker = views(pictures)
    assert loss_of(Nailed(), RedFinder(), maker) > 0.15
    assert loss_of(Nailed(), Nailed(), maker) > 0.08


def test_only_what_trains_gets_a_gradient(pictures) -> None:
    network, teacher = Nailed(), Nailed()
    views_of_step = views(pictures).batch(0)
    unit = view_unit(*GEOMETRY.cells)
    loss_in_views(network, teacher, views_of_step, config().self_training, unit).backward()
    assert network.height.grad is not None
    assert teacher.height.grad is None
    assert not teacher.training


class Placed(nn.Module):
    """Its map has one peak in a place of the image that it can learn, whatever it shows."""

    def __init__(self, x: float, y: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([x, y]))

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = images.shape[2] // 2, images.shape[3] // 2
        cells = pixel_centres(rows, columns) - self.place
        return (-40 * cells.square().sum(-1)).expand(len(images), 1, rows, columns)


def taught_by(own_share: float, *, teacher: nn.Module, network: nn.Module, step: Views) -> Tensor:
    taught = config(self_training={"own_share": own_share}).self_training
    return loss_in_views(network, teacher, step, taught, view_unit(*GEOMETRY.cells))


def test_what_is_taught_is_in_part_the_networks_own(pictures) -> None:
    step = views(pictures).batch(1)
    network, teacher = Placed(-0.2, 0.3), Placed(0.1, -0.1)
    unit = view_unit(*GEOMETRY.cells)

    def landmark(finder: nn.Module, view: Tensor) -> Tensor:
        return soft_argmax(found_maps(finder, view[None], torch.float32))[0]

    for share in (0.0, 0.25, 1.0):
        distances = []
        for i in range(4):
            own, others = landmark(network, step.plain[i]), landmark(teacher, step.plain[i])
            taught = (1 - share) * others + share * own
            target = step.warp.part(slice(i, i + 1)).inverse(taught[None].double())[0].float()
            distances.append(((landmark(network, step.warped[i]) - target) * unit).norm())
        found = taught_by(share, teacher=teacher, network=network, step=step)
        assert_close(found, torch.stack(distances).mean())


@pytest.mark.parametrize("own_share", [0.0, 0.3, 1.0])
def test_the_network_learns_from_both_images(pictures, own_share) -> None:
    """The gradient is that of the whole: by differences."""
    step = views(pictures).batch(1)
    teacher = Placed(0.1, -0.1)

    def loss(x: float, y: float) -> Tensor:
        network = Placed(x, y)
        found = taught_by(own_share, teacher=teacher, network=network, step=step)
        found.backward()
        assert network.place.grad is not None
        return torch.stack([found.detach(), *network.place.grad])

    x, y, small = -0.2, 0.3, 0.01
    gradient = loss(x, y)[1:]
    across = (loss(x + small, y) - loss(x - small, y))[0] / (2 * small)
    down = (loss(x, y + small) - loss(x, y - small))[0] / (2 * small)
    assert_close(gradient, torch.stack([across, down]), rtol=0.02, atol=0.01)


def test_the_mean_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    landmarks, targets = torch.randn(2, 3, 4, 2, dtype=torch.float64, generator=generator)
    there = torch.rand(3, 4, generator=generator) < 0.6
    unit = torch.tensor([1.7, 1.0], dtype=torch.float64)
    targets[~there] = 1e9
    total = sum(
        np.hypot(*((landmarks[b, k] - targets[b, k]) * unit).tolist())
        for b, k in there.nonzero().tolist()
    )
    assert_close(taught_distance(landmarks, targets, there, unit).item(), total / 12)


def test_the_parts_of_several_processes_make_the_whole(pictures) -> None:
    maker = views(pictures)
    parts = [views(pictures, Share(rank, 2)) for rank in range(2)]
    whole = maker.batch(5)
    for name in ("plain", "warped"):
        joined = torch.cat([getattr(part.batch(5), name) for part in parts])
        assert torch.equal(joined, getattr(whole, name))
    halves = [loss_of(Nailed(), RedFinder(), part, 1) for part in parts]
    assert loss_of(Nailed(), RedFinder(), maker, 1) == pytest.approx(np.mean(halves), rel=1e-5)


def test_a_step_draws_the_same_views_again_and_another_step_others(pictures) -> None:
    maker, again = views(pictures), views(pictures)
    assert torch.equal(maker.batch(2).warped, again.batch(2).warped)
    assert not torch.equal(maker.batch(2).warped, maker.batch(14).warped)


def test_discovery_is_taught_where_there_is_a_teacher(pictures) -> None:
    settings = config()
    task = Discovery(pictures, settings, GEOMETRY)
    views_of_step, unit = views(pictures).batch(1), view_unit(*GEOMETRY.cells)
    expected = loss_in_views(Nailed(), RedFinder(), views_of_step, settings.self_training, unit)
    assert_close(task.loss(Nailed(), 1, RedFinder()), expected)
    assert abs(task.loss(Nailed(), 1).item() - expected.item()) > 0.01


def test_every_weight_gets_a_gradient_and_those_of_descriptors_learn_nothing(pictures) -> None:
    """Several processes wait for each; none is computed for what nobody looks at."""
    network = LandmarkNetwork(1, descriptors=4, generator=torch.Generator().manual_seed(1))
    assert network.descriptors is not None
    asked = []
    network.descriptors.register_forward_hook(lambda *_: asked.append(True))
    Discovery(pictures, config(), GEOMETRY).loss(network, 1, RedFinder()).backward()
    assert not asked
    learning = {name for name, weight in network.named_parameters() if weight.grad.any()}
    assert learning == {
        name for name, _ in network.named_parameters() if not name.startswith("descriptors.")
    }


class SpotAndBeside(nn.Module):
    """Finds a red spot, and a place beside it."""

    def forward(self, images: Tensor) -> Tensor:
        maps = RedFinder()(images)
        return torch.cat([maps, maps.roll((-3, 4), dims=(2, 3))], dim=1)


def test_landmarks_that_are_taught_close_together_pay_by_how_close_they_are(pictures) -> None:
    maker, unit, network = views(pictures), view_unit(*GEOMETRY.cells), SpotAndBeside()
    batch = maker.batch(1)
    found = soft_argmax(spatial_softmax(network(batch.warped)))
    apart = ((found[:, 0] - found[:, 1]) * unit).norm(dim=-1)
    taught = maker.config.self_training
    alone = loss_in_views(network, network, batch, taught, unit)

    def added(weight: float, distance: float) -> float:
        changes = {"diversity_weight": weight, "diversity_distance": distance}
        held_apart = taught.model_copy(update=changes)
        return (loss_in_views(network, network, batch, held_apart, unit) - alone).item()

    distance = 0.6
    expected = landmark_diversity(found, unit, distance).mean().item()
    assert expected > 0.02
    assert added(2.0, distance) == pytest.approx(2 * expected, rel=1e-5)
    assert added(2.0, 0.9 * apart.min().item()) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(("weight", "sign"), [(0.25, -1), (0.5, 0), (0.75, 1)])
def test_from_a_weight_of_a_half_on_two_that_are_taught_to_one_place_are_not_drawn_together(
    weight, sign
) -> None:
    landmarks = torch.tensor([[[0.02, 0.01], [-0.02, -0.01], [0.7, 0.5]]]).double().requires_grad_()
    targets = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [0.7, 0.5]]]).double()
    unit = torch.ones(2, dtype=torch.float64)
    there = torch.ones(1, 3, dtype=torch.bool)
    loss = taught_distance(landmarks, targets, there, unit)
    (loss + weight * landmark_diversity(landmarks, unit, 0.08).sum()).backward()
    outwards = (-landmarks.grad[0, 0] * landmarks[0, 0]).sum().item()
    assert np.sign(round(outwards, 12)) == sign


def test_places_are_as_precise_whatever_the_network_computes_in(pictures) -> None:
    plain = views(pictures).batch(0).plain
    exact, rounded = (
        soft_argmax(found_maps(SpotAndBeside(), plain, precision))
        for precision in (torch.float32, torch.bfloat16)
    )
    # The finder multiplies nothing, so that only its places could be rounded.
    assert_close(rounded, exact)


def test_discovery_says_where_its_landmarks_usually_are(pictures) -> None:
    task = Discovery(pictures, config(), GEOMETRY)
    reference = task.reference(SpotAndBeside())
    chosen = task.batches.pictures_of(task.batches.chosen(torch.arange(12)), None)
    found = soft_argmax(spatial_softmax(SpotAndBeside()(task.views.as_they_are(chosen))))
    assert_close(reference, common_reference(found, view_unit(*GEOMETRY.cells)))
    assert_close(reference, found.median(dim=0).values, atol=0.05, rtol=0)
    assert (reference[0] - reference[1]).norm() > 0.3

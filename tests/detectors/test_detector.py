from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from tiny_runs import tiny_config, tiny_record
from warpmarks.configuration import TrainingConfig
from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.image_set import ImageSet
from warpmarks.detectors.detector import Detection, Detector
from warpmarks.errors import InputError
from warpmarks.heatmaps import concentration, soft_argmax, spatial_softmax
from warpmarks.losses import view_unit
from warpmarks.network import LandmarkNetwork
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.record import RunRecord
from warpmarks.runs.weights import build_network, write_tensors
from warpmarks.warps.bend import Bends, BentPose
from warpmarks.warps.copies import copies_around
from warpmarks.warps.pose import pose_of
from warpmarks.warps.sampling import sample_view, to_float_images

VIEW, PICTURE, MARGIN = (32, 40), (40, 50), 0.1  # (height, width)
BLOBS = {"bright": (61.3, 30.8), "dark": (38.4, 45.1)}  # (x, y) in pixels of the original
SIZE = (75, 110)  # (height, width) of the original


class Brightness(LandmarkNetwork):
    """Two maps without weights: one finds what is bright, the other what is dark."""

    def __init__(self, *, reference: bool = False) -> None:
        super().__init__(2, filters=[1], kernels=[1, 1], dilations=[1, 1], reference=reference)

    def forward(self, images: Tensor) -> Tensor:
        cells = F.avg_pool2d(images.mean(dim=1, keepdim=True), 2)
        return 25 * torch.cat([cells, -cells], dim=1)


def blobs(size: tuple[int, int] = SIZE, shift: float = 0.0) -> np.ndarray:
    """A picture of one bright and one dark blob on grey."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    pixels = np.full(size, 120.0)
    for sign, (centre_x, centre_y) in zip((1, -1), BLOBS.values(), strict=True):
        near = (x - centre_x - shift) ** 2 + (y - centre_y) ** 2
        pixels += sign * 115 * np.exp(-near / (2 * 5.0**2))
    return np.repeat(pixels.round().astype(np.uint8)[..., None], 3, axis=2)


def record(fit: str = "stretch") -> RunRecord:
    config = tiny_config(num_landmarks=2, image={"size": 36, "fit": fit, "margin": MARGIN})
    return tiny_record(config, view=VIEW, picture=PICTURE)


@pytest.fixture
def finder() -> Detector:
    return Detector(Brightness(), record(), device="cpu")


POSE = 35.0
"""Degrees by which the blobs of the reference are turned against those of the picture."""


@pytest.fixture
def twice() -> Detector:
    """It knows the blobs lying otherwise than on the picture, and so has to look again."""
    corner = np.array([[0.1, 0.1]]) * [PICTURE[1], PICTURE[0]]
    on_picture = (np.array(list(BLOBS.values())) + 0.5) / [SIZE[1], SIZE[0]] * PICTURE[::-1]
    middle = np.array(VIEW[::-1]) / 2
    angle = np.radians(POSE)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    usual = (on_picture - corner - middle) @ turn * 0.9 + [3.0, -2.0]
    network = Brightness(reference=True)
    network.reference.copy_(torch.from_numpy(usual / middle))
    settings = record().config.model_copy(update={"looks": 2})
    return Detector(network, record().model_copy(update={"config": settings}), device="cpu")


@pytest.fixture(scope="module")
def trained() -> Detector:
    """Not really: random weights, whose landmarks hang on every pixel."""
    made = record()
    network = build_network(made.config, torch.Generator().manual_seed(0))
    return Detector(network, made, device="cpu")


def same(first: Detection, second: Detection) -> None:
    np.testing.assert_allclose(first.landmarks, second.landmarks, atol=1e-4, rtol=0)
    np.testing.assert_allclose(first.scores, second.scores, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(first.size, second.size)


def save_set(folder: Path, count: int, broken: tuple[int, ...] = ()) -> ImageSet:
    for index in range(count):
        path = folder / f"{index:02}.png"
        if index in broken:
            path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
        else:
            Image.fromarray(blobs((60 + index, 80), shift=index)).save(path)
    return ImageSet(folder, tuple(f"{index:02}.png" for index in range(count)))


# Where a landmark is


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [SIZE, (75, 95), (100, 80), (80, 130)])
def test_landmarks_are_in_pixels_of_the_original(fit: str, size: tuple[int, int]) -> None:
    detector = Detector(Brightness(), record(fit), device="cpu")
    found = detector(blobs(size))
    # A cell is two pixels of the view, in the original's pixels at most:
    cell = max(size[0] / PICTURE[0], size[1] / PICTURE[1]) * 2
    expected = np.array(list(BLOBS.values()))
    assert np.abs(found.landmarks - expected).max() < 0.2 * cell


@pytest.mark.parametrize("orientation", range(1, 9))
def test_landmarks_are_in_the_upright_image(
    finder: Detector, tmp_path: Path, orientation: int
) -> None:
    stored_from_upright = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.fromarray(blobs())
    turn = stored_from_upright.get(orientation)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    same(finder(tmp_path / "turned.png"), finder(upright))


def test_scores_tell_a_peak_from_a_flat_map(finder: Detector) -> None:
    peaked = finder(blobs()).scores
    flat = finder(np.full((*SIZE, 3), 120, np.uint8)).scores
    assert (peaked > 0.9).all()
    assert (flat < 0.15).all()
    assert (flat > 0).all()


# What can be given


def test_one_image_in_every_form_is_the_same(trained: Detector, tmp_path: Path) -> None:
    pixels = blobs()
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    expected = trained(pixels)
    assert expected.landmarks.shape == (2, 2)
    assert expected.scores.shape == (2,)
    with Image.open(path) as opened:
        forms: list[Any] = [path, str(path), opened, Image.fromarray(pixels).convert("L")]
        forms += [pixels[..., 0], pixels[..., :1], Image.fromarray(pixels).convert("RGBA")]
        for form in forms:
            same(trained(form), expected)


def test_several_images_in_every_form_are_the_same(trained: Detector, tmp_path: Path) -> None:
    batch = np.stack([blobs(shift=3 * index) for index in range(3)])
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for path, pixels in zip(paths, batch, strict=True):
        Image.fromarray(pixels).save(path)
    each = [trained(pixels) for pixels in batch]
    expected = Detection(
        np.stack([one.landmarks for one in each]),
        np.stack([one.scores for one in each]),
        np.stack([one.size for one in each]),
    )
    assert expected.landmarks.shape == (3, 2, 2)
    for form in (batch, list(batch), tuple(batch), paths, [str(paths[0]), batch[1], paths[2]]):
        same(trained(form), expected)
    first = Detection(expected.landmarks[:1], expected.scores[:1], expected.size[:1])
    same(trained(batch[:1]), first)


def test_images_of_different_sizes_in_one_list(trained: Detector) -> None:
    images = [blobs((50, 90)), blobs((200, 120))]
    together = trained(images)
    for index, image in enumerate(images):
        alone = trained(image)
        same(together.of(index), alone)
        assert alone.size.tolist() == [image.shape[1], image.shape[0]]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("none.png", r"none\.png cannot be read as an image: No such file"),
        (np.zeros((8,), np.uint8), "expected"),
    ],
    ids=["no file", "a row"],
)
def test_what_is_no_image_is_told(trained: Detector, images: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trained(images)


# Many images


def test_a_set_is_detected_in_its_order(trained: Detector, tmp_path: Path) -> None:
    images = save_set(tmp_path, 11)
    backwards = replace(images, names=images.names[::-1])
    found = list(trained.detect_images(backwards, batch_size=4))
    assert [one.name for one in found] == list(backwards.names)
    expected = trained(backwards.paths())
    for index, one in enumerate(found):
        assert one.detection is not None
        assert one.reason is None
        same(one.detection, expected.of(index))


def test_a_path_stands_for_the_images_there(trained: Detector, tmp_path: Path) -> None:
    images = save_set(tmp_path, 3)
    found = trained.detect_images(str(images.root))
    assert [one.name for one in found] == sorted(images.names)


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_the_batch_size_changes_nothing(trained: Detector, tmp_path: Path, batch_size: int) -> None:
    images = save_set(tmp_path, 8)
    one = list(trained.detect_images(images, batch_size=8))
    other = list(trained.detect_images(images, batch_size=batch_size, workers=1))
    for first, second in zip(one, other, strict=True):
        assert first.detection is not None
        assert second.detection is not None
        same(first.detection, second.detection)


@pytest.mark.parametrize("none", [0, -1])
def test_no_threads_cannot_read(trained: Detector, tmp_path: Path, none: int) -> None:
    images = save_set(tmp_path, 2)
    with pytest.raises(InputError, match=f"workers is {none}: expected"):
        next(trained.detect_images(images, workers=none))
    with pytest.raises(InputError, match=f"workers is {none}: expected"):
        trained.read(images.paths(), workers=none)


def test_unreadable_images_keep_their_place(trained: Detector, tmp_path: Path) -> None:
    images = save_set(tmp_path, 24, broken=(3,))
    found = list(trained.detect_images(images, batch_size=5))
    assert [one.name for one in found] == list(images.names)
    assert [one.name for one in found if one.detection is None] == ["03.png"]
    reason = found[3].reason
    assert reason
    assert "03.png" not in reason
    after = found[4].detection
    assert after is not None
    same(after, trained(tmp_path / "04.png"))


def test_too_many_unreadable_images_stop_it_unless_allowed(
    trained: Detector, tmp_path: Path
) -> None:
    images = save_set(tmp_path, 24, broken=(2, 5))
    with pytest.raises(InputError, match=r"2 of 24 images cannot be read, for instance 02\.png \("):
        list(trained.detect_images(images, batch_size=4))
    found = list(trained.detect_images(images, batch_size=2, allow_unreadable=True))
    assert len(found) == 24
    assert [one.name for one in found if one.detection is None] == ["02.png", "05.png"]


@pytest.mark.parametrize(("picture", "cut"), [((40, 50), (4, 5)), ((41, 50), None)])
def test_a_view_of_whole_pixels_is_what_sampling_finds(
    trained: Detector, picture: tuple[int, int], cut: tuple[int, int] | None
) -> None:
    made = trained.record.model_copy(
        update={"picture_height": picture[0], "picture_width": picture[1]}
    )
    detector = Detector(trained.network, made, device="cpu")
    assert detector._margin == cut
    pictures = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (2, *picture, 3), "uint8")
    )
    centres = pixel_centres(*VIEW).expand(2, -1, -1, -1)
    expected = sample_view(to_float_images(pictures), centres, MARGIN)
    torch.testing.assert_close(detector.look(pictures).views, expected, atol=1e-5, rtol=0)


def test_probability_maps_are_those_of_the_views(finder: Detector) -> None:
    views, maps = finder.probability_maps([blobs(), blobs(shift=9)])
    assert views.shape == (2, *VIEW, 3)
    assert views.dtype == np.uint8
    assert maps.shape == (2, 2, VIEW[0] // 2, VIEW[1] // 2)
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), 1, atol=1e-5)
    for index in range(2):
        brightest = views[index].sum(-1).reshape(16, 2, 20, 2).sum(axis=(1, 3)).argmax()
        assert maps[index, 0].argmax() == brightest


# A second look


def test_the_second_look_sees_the_object_as_it_usually_lies(twice: Detector) -> None:
    sight = twice.look(torch.from_numpy(twice._read(blobs())[0])[None])
    assert sight.pose is not None
    reference = twice.network.reference
    # In its view the blobs are where the reference has them, to a third of a cell.
    off = (sight.in_views[0] - reference) * torch.tensor([VIEW[1] / 4, VIEW[0] / 4])
    assert off.norm(dim=-1).max() < 0.35
    degrees = torch.rad2deg(torch.atan2(*sight.pose.turn[0].flip(0)))
    assert degrees == pytest.approx(-POSE, abs=3)
    # The maps are of that view.
    brightest = sight.views[0].mean(0).reshape(16, 2, 20, 2).mean(dim=(1, 3)).argmax()
    assert sight.maps[0, 0].argmax() == brightest


def test_what_the_second_look_finds_is_told_in_pixels_of_the_original(twice: Detector) -> None:
    found = twice(blobs())
    cell = 2 * max(SIZE[0] / PICTURE[0], SIZE[1] / PICTURE[1])
    assert np.abs(found.landmarks - np.array(list(BLOBS.values()))).max() < 0.35 * cell


def test_through_a_warp_both_looks_see_the_warped_picture(twice: Detector) -> None:
    picture = torch.from_numpy(twice._read(blobs())[0])[None]
    plain = twice.look(picture)

    def warp(points: Tensor) -> Tensor:
        return 0.9 * points.flip(-1) + torch.tensor([0.1, -0.2])

    found = twice.look(picture, warp)
    moved = warp(found.landmarks)
    off = (moved - plain.landmarks) * torch.tensor([VIEW[1] / 4, VIEW[0] / 4])
    assert off.norm(dim=-1).max() < 0.5  # of a cell
    assert found.pose is not None
    assert not torch.allclose(found.pose.turn, plain.pose.turn, atol=0.1)


def test_a_third_look_goes_on_from_the_second(twice: Detector) -> None:
    settings = twice.record.config.model_copy(update={"looks": 3})
    record_of_three = twice.record.model_copy(update={"config": settings})
    thrice = Detector(twice.network, record_of_three, device="cpu")
    picture = torch.from_numpy(twice._read(blobs())[0])[None]
    second, third = twice.look(picture), thrice.look(picture)
    expected = pose_of(second.landmarks, twice.network.reference, view_unit(*VIEW))
    torch.testing.assert_close(third.pose.turn, expected.turn)
    assert not torch.equal(third.pose.turn, second.pose.turn)
    torch.testing.assert_close(third.landmarks, second.landmarks, atol=0.03, rtol=0)


def test_the_second_look_undoes_the_bend_that_the_first_found(twice: Detector) -> None:
    config = tiny_config(looks=2, unbend=True, num_landmarks=5)
    network = build_network(config, torch.Generator().manual_seed(1))
    reference = torch.tensor([[-0.5, -0.4], [0.6, -0.3], [0.4, 0.5], [-0.2, 0.7], [0.0, 0.1]])
    network.reference.copy_(reference)
    made = twice.record.model_copy(update={"config": config})
    once = made.model_copy(update={"config": config.model_copy(update={"looks": 1})})
    picture = torch.from_numpy(twice._read(blobs())[0])[None]
    first = Detector(network, once, device="cpu").look(picture).landmarks
    second = Detector(network, made, device="cpu").look(picture)
    expected = Bends(reference, view_unit(*VIEW), pixel_centres(*VIEW))(
        pose_of(first, reference, view_unit(*VIEW)), first
    )
    assert expected.weights.norm(dim=-1).max() > 0.01
    assert isinstance(second.pose, BentPose)
    torch.testing.assert_close(second.pose.weights, expected.weights)
    torch.testing.assert_close(second.landmarks, expected(second.in_views))
    seen = sample_view(to_float_images(picture), expected.at_pixels(pixel_centres(*VIEW)), MARGIN)
    torch.testing.assert_close(second.views, seen, atol=1e-5, rtol=0)


def test_until_the_usual_place_is_known_there_is_one_look(twice: Detector) -> None:
    network = Brightness(reference=True)
    unknown = Detector(network, twice.record, device="cpu")
    assert unknown.look(torch.from_numpy(unknown._read(blobs())[0])[None]).pose is None
    same(unknown(blobs()), Detector(Brightness(), record(), device="cpu")(blobs()))


# Copies in the last look


def seeing(detector: Detector, **changes: int) -> Detector:
    """The same, with other settings."""
    settings = detector.record.config.model_copy(update=changes)
    made = detector.record.model_copy(update={"config": settings})
    return Detector(detector.network, made, device="cpu")


def test_landmarks_and_scores_are_means_over_copies(twice: Detector) -> None:
    pictures = torch.from_numpy(np.stack([twice._read(blobs(shift=shift))[0] for shift in (0, 9)]))
    once, found = twice.look(pictures), seeing(twice, copies=3).look(pictures)
    around = copies_around(3, cell=4 / VIEW[0], unit=view_unit(*VIEW))
    images, grid = to_float_images(pictures), pixel_centres(*VIEW).expand(2, -1, -1, -1)
    assert once.pose is not None
    landmarks, scores = [], []
    for copy in range(3):
        little = around.of(slice(copy, copy + 1))
        views = sample_view(images, once.pose(little(grid)), MARGIN)
        maps = spatial_softmax(twice.network(views))
        in_views = soft_argmax(maps)
        landmarks.append(once.pose(little(in_views)))
        scores.append(concentration(maps, in_views))
        if copy == 0:
            torch.testing.assert_close(found.views, views, atol=1e-5, rtol=0)
            torch.testing.assert_close(found.maps, maps, atol=1e-4, rtol=0)
            torch.testing.assert_close(found.in_views, in_views, atol=1e-4, rtol=0)
            assert found.pose is not None
            torch.testing.assert_close(found.pose(in_views), landmarks[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(found.landmarks, torch.stack(landmarks).mean(0), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.scores, torch.stack(scores).mean(0), atol=1e-4, rtol=0)
    assert (landmarks[0] - landmarks[1]).abs().max() > 0.01


def test_one_look_has_no_copies(trained: Detector) -> None:
    same(seeing(trained, copies=3)(blobs()), trained(blobs()))


def test_copies_other_than_the_run_s_are_asked_for(twice: Detector, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    config = tiny_config(num_landmarks=2, looks=2, copies=3)
    run.create(tiny_record(config))
    network = build_network(config, torch.Generator().manual_seed(1))
    network.get_buffer("reference").copy_(twice.network.get_buffer("reference"))
    write_tensors(run.weights_path, network.state_dict(), {})
    own, one, three = (
        Detector.load(run.path, device="cpu", copies=copies) for copies in (None, 1, 3)
    )
    same(own(blobs()), three(blobs()))
    assert np.abs(own(blobs()).landmarks - one(blobs()).landmarks).max() > 0.01
    assert own.digest == one.digest
    assert own.made_by == three.made_by != one.made_by


@pytest.mark.parametrize(
    ("looks", "copies", "message"),
    [
        (2, 0, "copies is 0: expected at least 1"),
        (2, 17, "copies is 17: expected at most 16"),
        (1, 2, "copies is 2, but the run looks at an image once"),
    ],
)
def test_copies_that_a_run_cannot_have(
    tmp_path: Path, looks: int, copies: int, message: str
) -> None:
    RunFolder(tmp_path / "run").create(tiny_record(tiny_config(looks=looks)))
    with pytest.raises(InputError, match=f"^{message}"):
        Detector.load(tmp_path / "run", copies=copies)


# From a run folder


def test_a_detector_is_loaded_from_its_run(trained: Detector, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.create(trained.record)
    with pytest.raises(InputError, match=r"weights\.safetensors is missing"):
        Detector.load(run.path)
    write_tensors(run.weights_path, trained.network.state_dict(), {})
    loaded = Detector.load(str(run.path), device="cpu")
    assert loaded.num_landmarks == 2
    assert not loaded.network.training
    same(loaded(blobs()), trained(blobs()))


@pytest.mark.parametrize("none", [[], np.zeros((0, 8, 8, 3), np.uint8)])
def test_no_images_have_no_landmarks(trained: Detector, none: Any) -> None:
    found = trained(none)
    count = trained.num_landmarks
    shapes = found.landmarks.shape, found.scores.shape, found.size.shape
    assert shapes == ((0, count, 2), (0, count), (0, 2))


def test_weights_of_another_run_are_refused(trained: Detector, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.create(tiny_record(tiny_config(num_landmarks=5)))
    write_tensors(run.weights_path, trained.network.state_dict(), {})
    with pytest.raises(InputError, match=r"weights\.safetensors belongs to another network"):
        Detector.load(run.path)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_a_mirror_image_is_that_of_its_pixels(fit: str) -> None:
    """Also where a picture's margins are not alike on both sides."""
    settings = record().config.model_dump()
    settings["image"]["fit"] = fit
    config = TrainingConfig.model_validate(settings)
    made = record().model_copy(update={"config": config})
    finder = Detector(Brightness(), made, device="cpu")
    pixels = blobs()[:, : SIZE[1] - 7]
    found, flipped = finder.in_mirror(pixels), finder(np.ascontiguousarray(pixels[:, ::-1]))
    np.testing.assert_allclose(found.landmarks, flipped.landmarks, atol=0.3)
    np.testing.assert_allclose(found.size, flipped.size)
    assert np.abs(found.landmarks - finder(pixels).landmarks).max() > 2

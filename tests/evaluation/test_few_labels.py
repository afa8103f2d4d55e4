import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

import warpmarks
from annotated_examples import COUNT
from tiny_runs import tiny_config, tiny_record
from warpmarks.datasets.annotated import read_annotated
from warpmarks.datasets.results import holds_results
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation import label_curve
from warpmarks.evaluation.few_labels import (
    LabelCount,
    LabelledPool,
    Spread,
    errors_by_labels,
    mean_relative_error,
    parse_counts,
)
from warpmarks.evaluation.fit_on_images import takes_copies, takes_mirrored
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.evaluation.mirrored_images import locate_mirrored
from warpmarks.evaluation.warped_copies import copies_of_each, locate_warped_copies
from warpmarks.regression.fitting import fit_regressor
from warpmarks.runs.weights import build_network
from warpmarks.system.progress import SilentProgress


class BlobDetector(Detector):
    """Its landmarks are the middles of the red and of the green blob, and the view's centre."""

    def maps(self, views):
        height, width = views.shape[2:]
        excess = (views[:, :2] - views.amin(1, keepdim=True) - 0.1).clamp_min(0)
        blobs = excess - excess.flip(1)
        centre = torch.zeros(len(views), 1, height, width)
        centre[:, :, height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1] = 1
        maps = torch.cat([blobs.clamp_min(1e-9) ** 2, centre], dim=1)
        return maps / maps.sum((2, 3), keepdim=True)


@pytest.fixture(scope="module", params=[0.0])
def detector(request):
    config = tiny_config(image={"size": 64}, warps={"mirror": request.param})
    record = tiny_record(config, view=(56, 80), picture=(70, 100))
    return BlobDetector(build_network(config), record, device="cpu")


def test_copies_move_annotations_with_the_picture(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    copies = locate_warped_copies(detector, annotated, seed=3, copies=5)
    assert copies.names == tuple(name for name in annotated.images.names for _ in range(5))
    assert np.isnan(copies.annotations[15:20, 1]).all()  # the green blob of image 03
    assert copies.sizes[:6].tolist() == [[52, 36]] * 5 + [[60, 44]]
    apart = np.linalg.norm(copies.landmarks[:, :2] - copies.annotations, axis=-1)
    assert np.nanmedian(apart) < 0.6  # pixels of the originals
    moved = copies.annotations - np.repeat(annotated.points, 5, axis=0)
    assert np.nanmedian(np.linalg.norm(moved, axis=-1)) > 1.5
    again = locate_warped_copies(detector, annotated, seed=3, copies=5)
    assert_allclose(again.landmarks, copies.landmarks)
    other = locate_warped_copies(detector, annotated, seed=4, copies=5)
    assert (other.annotations != copies.annotations).all()


def test_more_copies_than_are_looked_at_at_once_are_all_there(
    detector, annotated_folder, monkeypatch
):
    annotated = read_annotated(annotated_folder, normaliser="1:2").subset(np.array([0, 2]))
    at_once = locate_warped_copies(detector, annotated, seed=3, copies=5)
    monkeypatch.setattr("warpmarks.evaluation.warped_copies.CHUNK", 2)
    in_chunks = locate_warped_copies(detector, annotated, seed=3, copies=5)
    assert_allclose(in_chunks.landmarks, at_once.landmarks, atol=1e-4)


def test_copies_are_looked_at_as_often_as_images(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    config = detector.record.config.model_copy(update={"looks": 2})
    network = build_network(config)
    network.reference.copy_(torch.tensor([[-0.2, -0.3], [0.3, 0.4], [0.0, 0.0]]))
    record = detector.record.model_copy(update={"config": config})
    twice = BlobDetector(network, record, device="cpu")
    once, copies = (
        locate_warped_copies(one, annotated, seed=3, copies=5) for one in (detector, twice)
    )
    assert_allclose(copies.annotations, once.annotations)
    apart = np.linalg.norm(copies.landmarks[:, :2] - copies.annotations, axis=-1)
    assert np.nanmedian(apart) < 0.6
    # What stays in the middle of each view shows that the second was another one.
    assert np.median(np.linalg.norm(copies.landmarks[:, 2] - once.landmarks[:, 2], axis=-1)) > 1


def test_in_the_mirror_landmarks_and_annotations_are_on_the_other_side(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    mirrored, located = locate_mirrored(detector, annotated), locate_annotated(detector, annotated)
    assert mirrored.names == located.names
    assert_allclose(mirrored.sizes, located.sizes)
    other_side = located.sizes[:, None, 0] - 1 - located.landmarks[..., 0]
    assert_allclose(mirrored.landmarks[..., 0], other_side, atol=0.1)
    assert_allclose(mirrored.landmarks[..., 1], located.landmarks[..., 1], atol=0.1)
    apart = np.linalg.norm(mirrored.landmarks[:, :2] - mirrored.annotations, axis=-1)
    assert np.nanmedian(apart) < 0.6
    assert np.isnan(mirrored.annotations[3, 1]).all()


def test_a_photo_that_says_how_it_was_turned_is_turned_once(detector, tmp_path):
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[10:16, 42:48, 0] = 255
    pixels[25:31, 10:16, 1] = 255
    turned = Image.Exif()
    turned[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png", exif=turned)
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,x2,y2\na.png,26.5,44.5,11.5,12.5\n")
    annotated = read_annotated(tmp_path, normaliser="1:2")
    mirrored = locate_mirrored(detector, annotated)
    assert mirrored.sizes.tolist() == [[40, 60]]
    assert_allclose(mirrored.landmarks[0, :2], mirrored.annotations[0], atol=1)


@pytest.mark.parametrize("detector", [0.5], indirect=True)
def test_a_detector_that_knows_the_mirror_fits_on_images_in_it(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    pool = LabelledPool(detector, annotated)
    pool.locate([2], [0])
    drawn = annotated.draw(2, 0)
    located, mirrored = locate_annotated(detector, drawn), locate_mirrored(detector, drawn)
    fit = fit_regressor(located, annotated.scheme, mirrored=mirrored)
    assert_allclose(pool.fit(2, 0).fit.regressor.weights, fit.regressor.weights)
    without = fit_regressor(located, annotated.scheme)
    assert (fit.regressor.weights != without.regressor.weights).any()


@pytest.mark.parametrize("detector", [0.5], indirect=True)
@pytest.mark.parametrize("method", ["auto", "linear"])
def test_what_fit_fits_is_one_call(detector, annotated_folder, method):
    drawn = read_annotated(annotated_folder, normaliser="1:2").draw(4, 1)
    located = locate_annotated(detector, drawn)
    beside = {}
    if method == "auto":
        beside["warped"] = locate_warped_copies(detector, drawn, seed=1)
        beside["mirrored"] = locate_mirrored(detector, drawn)
    by_hand = fit_regressor(
        located, drawn.scheme, method=method, bias=True, detector=detector.digest, **beside
    )
    found, given = (
        warpmarks.fit_on_images(
            detector, drawn, examples=examples, method=method, bias=True, seed=1
        ).regressor
        for examples in (None, located)
    )
    assert found.detector == given.detector == detector.digest
    for fitted in (found, given):
        assert_allclose(fitted.weights, by_hand.regressor.weights)
        assert_allclose(fitted.offset, by_hand.regressor.offset)


@pytest.mark.parametrize("detector", [0.5], indirect=True)
def test_a_picture_is_warped_and_mirrored_once_with_all_of_its_annotations(
    detector, annotated_folder, tmp_path, monkeypatch
):
    folder = shutil.copytree(annotated_folder, tmp_path / "set")
    once = read_annotated(folder, normaliser="1:2").draw(3, 1)
    shutil.copy(once.images.paths()[0], folder / "images" / "again.png")
    twice = replace(
        once,
        images=replace(once.images, names=("again.png", *once.images.names)),
        points=np.concatenate([np.full_like(once.points[:1], np.nan), once.points]),
        lines=(),
    )
    monkeypatch.setattr("warpmarks.evaluation.fit_on_images.FEW", 3)
    seen = [warpmarks.fit_on_images(detector, each, seed=1).regressor for each in (once, twice)]
    assert_allclose(seen[1].weights, seen[0].weights, atol=1e-9)
    plain = fit_regressor(locate_annotated(detector, once), once.scheme).regressor
    assert (plain.weights != seen[0].weights).any()


def test_a_draw_is_fitted_with_an_offset_and_without(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    pool = LabelledPool(detector, annotated, bias=True)
    pool.locate([4], [1])
    offsets = [pool.fit(4, 1, **given).fit.regressor.offset for given in ({}, {"bias": False})]
    assert offsets[0] is not None
    assert offsets[1] is None
    assert pool.bias


@pytest.mark.parametrize("detector", [0.5], indirect=True)
def test_copies_are_of_3_to_100_images_and_the_mirror_of_up_to_100(detector):
    counts = (1, 2, 3, 100, 101)
    for method in ("auto", "geometric"):
        copies = [takes_copies(method, count) for count in counts]
        assert copies == [False, False, True, True, False]
        mirrored = [takes_mirrored(detector, method, count) for count in counts]
        assert mirrored == [True, True, True, True, False]
    assert all(takes_copies("warps", count) for count in counts)
    assert not any(takes_copies("linear", count) for count in counts)
    assert not any(takes_mirrored(detector, method, 5) for method in ("warps", "linear"))


@pytest.mark.parametrize("detector", ["auto"], indirect=True)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_where_training_has_mirrored_none_a_fit_takes_none(detector, monkeypatch, share):
    record = detector.record.model_copy(update={"mirror": share})
    monkeypatch.setattr(detector, "record", record)
    assert takes_mirrored(detector, "auto", 5) == (share > 0)


def test_many_copies_of_few_images_and_few_of_many():
    assert [copies_of_each(images) for images in (1, 20, 200, 5000)] == [50, 50, 5, 1]


def test_a_draw_has_an_image_with_all_points_where_there_is_one(annotated_folder):
    annotated = read_annotated(annotated_folder)
    count = len(annotated.images.names)
    points = annotated.points.copy()
    points[:, 0] = np.nan
    lacking = replace(annotated, points=points)
    points = points.copy()
    points[5] = annotated.points[5]
    one = replace(annotated, points=points)
    for seed in range(20):
        assert one.draw(1, seed).images.names == (annotated.images.names[5],)
        drawn = [set(one.draw(labels, seed).images.names) for labels in range(1, count + 1)]
        assert all(fewer < more for fewer, more in itertools.pairwise(drawn))
        order = np.random.default_rng(seed).permutation(count)
        names = tuple(annotated.images.names[row] for row in sorted(order[:3]))
        assert lacking.draw(3, seed).images.names == names


def test_a_draw_needs_a_seed(annotated_folder):
    with pytest.raises(InputError, match="--seed is -1: expected at least 0"):
        read_annotated(annotated_folder).draw(2, -1)


def test_a_draw_is_the_fit_on_the_images_of_its_seed(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    pool = LabelledPool(detector, annotated)
    pool.locate([4], range(2))
    draw = pool.fit(4, 1)
    expected = annotated.draw(4, 1)
    assert draw.examples.names == expected.images.names
    located = locate_annotated(detector, expected)
    copies = locate_warped_copies(detector, expected, seed=0)
    weights = fit_regressor(located, annotated.scheme, warped=copies).regressor.weights
    assert_allclose(draw.fit.regressor.weights, weights)
    others = [name for name in annotated.draw(4, 0).images.names if name not in draw.examples.names]
    rows = np.array([annotated.images.names.index(name) for name in others])
    elsewhere = locate_annotated(detector, annotated.subset(rows))
    assert pool.errors_elsewhere(draw)[0] == pytest.approx(
        mean_relative_error(draw.fit.regressor, elsewhere)[0]
    )


def test_an_image_that_shows_a_picture_of_the_draw_is_not_elsewhere(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    pool = LabelledPool(detector, annotated)
    pool.locate([4], range(2))
    draw = pool.fit(4, 1)
    expected = pool.errors_elsewhere(draw)
    located = pool._located
    again = located.subset(
        np.append(np.arange(len(located)), located.names.index(draw.examples.names[0]))
    )
    pool._located = replace(again, names=(*located.names, "again.png"))
    assert pool.errors_elsewhere(draw) == expected


class OneAtATime(SilentProgress):
    """No piece of work begins in another, and none is done more than whole."""

    def __init__(self):
        self.left, self.pieces = None, []

    def start(self, description, total, done=0):
        assert self.left is None
        self.left = total - done
        self.pieces.append((description, total))

    def advance(self, amount=1):
        self.left -= amount
        assert self.left >= 0

    def finish(self):
        assert self.left == 0
        self.left = None


def test_the_fits_of_a_label_curve_are_told_of_by_what_they_take(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    scored = locate_annotated(detector, annotated.subset(np.array([0, 1, 2])))
    told = OneAtATime()
    pool = LabelledPool(detector, annotated.subset(np.arange(3, COUNT)), progress=told)
    errors_by_labels(pool, scored, [4, None], draws=3, progress=told)
    # Four fits, their images in the mirror, and once the 50 copies of each of the five.
    mirrored = detector.record.config.warps.mirror > 0
    seen = 4 + (3 * 4 + 5) * mirrored + 5 * 50
    assert told.pieces == [("Detecting", 5), ("Fitting", seen)]


def test_copies_are_looked_at_once_for_all_draws(detector, annotated_folder, monkeypatch):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    rest = annotated.subset(np.arange(3, COUNT))
    scored = locate_annotated(detector, annotated.subset(np.array([0, 1, 2])))
    looked, look = [], type(detector).look

    def noting(self, pictures, warps=None):
        looked.append(0 if warps is None else len(pictures))
        return look(self, pictures, warps)

    monkeypatch.setattr(type(detector), "look", noting)
    pool = LabelledPool(detector, rest, method="warps")
    found = errors_by_labels(pool, scored, [2, 4, None], draws=3)
    assert sum(looked) == 50 * 5
    for one, count in zip(found, [2, 4, None], strict=True):
        alone = LabelledPool(detector, rest, method="warps")
        (again,) = errors_by_labels(alone, scored, [count], draws=3)
        assert_allclose(again.errors, one.errors)


def test_errors_by_labels_are_means_over_draws_of_the_scored_images(detector, annotated_folder):
    annotated = read_annotated(annotated_folder, normaliser="1:2")
    scored = locate_annotated(detector, annotated.subset(np.array([0, 1, 2])))
    rest = annotated.subset(np.arange(3, COUNT))
    found = errors_by_labels(LabelledPool(detector, rest), scored, [2, None], draws=3, seed=5)
    assert [(one.labels, len(one.errors)) for one in found] == [(2, 3), (5, 1)]
    for seed, error in zip((5, 6, 7), found[0].errors, strict=True):
        training = locate_annotated(detector, rest.draw(2, seed))
        if not np.isfinite(training.annotations).all(axis=(0, 2)).all():
            continue
        regressor = fit_regressor(training, rest.scheme).regressor  # two images take no copies
        said = regressor.predict(scored.landmarks, scored.sizes)
        lengths = np.linalg.norm(scored.annotations[:, 0] - scored.annotations[:, 1], axis=1)
        errors = np.linalg.norm(said - scored.annotations, axis=-1) / lengths[:, None]
        assert error == pytest.approx(errors.mean())


def test_spread_leaves_out_what_is_not_known():
    spread = Spread.of([1.0, 3.0, float("nan")])
    assert (spread.mean, spread.deviation) == pytest.approx((2, np.sqrt(2)))
    assert Spread.of([2.0]).record() == {"mean_percent": 2.0, "deviation_percent": None}
    assert np.isnan(Spread.of([]).mean)


def test_counts_are_read_in_rising_order():
    assert parse_counts("10, 1,ALL,5", 20, source="--labels") == [1, 5, 10, None]


@pytest.mark.parametrize("text", ["", "0", "1,x", "5,21", "1,1", "20,all", "-3", "1.5"])
def test_counts_that_cannot_be_drawn(text):
    with pytest.raises(InputError, match="--labels"):
        parse_counts(text, 20, source="--labels")


def test_the_curve_has_the_mean_shape_of_each_number_of_labels(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        label_curve, "draw_label_curve", lambda series, **given: drawn.append((*series, given))
    )
    monkeypatch.setattr(label_curve, "save_figure", lambda *_: None)
    counts = (
        LabelCount(2, ("linear",) * 2, np.array([0.1, 0.2]), np.array([0.3, 0.4])),
        LabelCount(8, ("linear",), np.array([0.1]), np.array([0.25])),
    )
    curve = label_curve.LabelCurve("a val", "a train", 5, "box", "the box", counts)
    label_curve.save_label_curve(tmp_path, curve, detector="d", key="k")
    assert holds_results(tmp_path, {"label_curve.json"})
    for ours, given in drawn:
        shape = given["mean_shape"]
        assert list(ours.labels) == list(shape.labels) == [2, 8]
        assert_allclose(ours.errors, [15, 10])
        assert_allclose(shape.errors, [35, 25])
    assert len(drawn) == 2

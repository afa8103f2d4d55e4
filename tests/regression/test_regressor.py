import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose

from evaluation.made_examples import SCHEME, made_examples
from warpmarks.coordinates import pixels_to_centred
from warpmarks.datasets.results import holds_results
from warpmarks.errors import InputError
from warpmarks.regression import fitting
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.geometric import fit_geometric
from warpmarks.regression.mirrored import without_offset
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.storage import load_regressor, regressor_path, save_regressor


@pytest.mark.parametrize("method", ["linear", "geometric", "auto"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_regressor_comes_back_from_disk_to_the_last_bit(tmp_path, method, bias):
    examples = made_examples(12)
    fitted = fit_regressor(examples, SCHEME, method=method, bias=bias, detector="d").regressor
    save_regressor(fitted, tmp_path / "sub" / "eyes", about={"set": "here"})
    assert holds_results(tmp_path / "sub" / "eyes", {"regressor.json"})
    loaded = load_regressor(tmp_path / "sub" / "eyes")
    for one, other in zip(
        (fitted.weights, fitted.mean_shape), (loaded.weights, loaded.mean_shape), strict=True
    ):
        assert (one == other).all()
    assert (loaded.offset is not None) is bias
    assert (loaded.scheme, loaded.method, loaded.detector, loaded.fitted_on) == (
        fitted.scheme,
        fitted.method,
        "d",
        12,
    )
    assert loaded.count_fitted([*examples.names, "another.png"]) == 12
    assert_allclose(
        loaded.predict(examples.landmarks, examples.sizes),
        fitted.predict(examples.landmarks, examples.sizes),
    )


def test_predictions_are_in_pixels_of_each_image():
    """The same object on images of twice the size is found at the same place of it."""
    small = made_examples(12)
    large = replace(
        small,
        landmarks=2 * small.landmarks + 0.5,
        annotations=2 * small.annotations + 0.5,
        sizes=2 * small.sizes,
    )
    fitted = fit_regressor(small, SCHEME).regressor
    assert_allclose(
        fitted.predict(large.landmarks, large.sizes),
        2 * fitted.predict(small.landmarks, small.sizes) + 0.5,
    )


@pytest.mark.parametrize("part", [lambda array: array[0], lambda array: array[:1]])
@pytest.mark.usefixtures("no_type_checks")
def test_sizes_are_those_of_all_images(part):
    examples = made_examples(12)
    fitted = fit_regressor(examples, SCHEME).regressor
    with pytest.raises(InputError, match=r"shapes do not go together: landmarks \(.*, sizes"):
        fitted.predict(examples.landmarks, part(examples.sizes))


def test_influences_are_l1_shares_of_the_four_coefficients():
    weights = np.zeros((4, 6))
    weights[0, 0], weights[1, 1], weights[0, 3] = 0.6, -0.6, 0.4
    weights[3, 5] = -2.0
    regressor = Regressor(weights, None, SCHEME, "linear", "", 1, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="reshape"):
        regressor.influences()  # the scheme has three points, these weights two
    two = replace(SCHEME, names=("a", "b"))
    regressor = replace(regressor, scheme=two)
    assert_allclose(regressor.influences(), [[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    assert_allclose(regressor.point_scores(np.array([0.8, 0.4, 0.1])), [0.7, 0.1])
    assert_allclose(regressor.point_scores(np.eye(3)), regressor.influences().T)


@pytest.mark.parametrize(("count", "method"), [(100, "geometric"), (101, "linear")])
def test_with_more_than_ten_images_for_each_input_the_map_is_linear(monkeypatch, count, method):
    """Five landmarks are ten inputs; the annotations are too rough to prefer either way."""
    examples = made_examples(count)
    rough = default_rng(1).normal(0, 4, examples.annotations.shape)
    examples = replace(examples, annotations=examples.annotations + rough)
    ways = []

    def fit_and_note(*arguments, **settings):
        ways.append("geometric")
        return fit_geometric(*arguments, **settings)

    monkeypatch.setattr(fitting, "fit_geometric", fit_and_note)
    assert fit_regressor(examples, SCHEME).regressor.method == method
    assert ("geometric" in ways) == (method == "geometric")


def test_warped_copies_belong_to_their_images_by_name():
    examples = made_examples(4)
    order = default_rng(0).permutation(8)
    rows = np.repeat(np.arange(4), 2)
    copies = Examples(
        tuple(examples.names[row] for row in rows),
        examples.landmarks[rows] + default_rng(1).normal(0, 3, (8, 5, 2)),
        examples.scores[rows],
        examples.annotations[rows],
        examples.sizes[rows],
    )
    fits = [
        fit_regressor(examples, SCHEME, method="warps", warped=warped).regressor.weights
        for warped in (copies, copies.subset(np.sort(order)))
    ]
    assert_allclose(fits[0], fits[1])
    with pytest.raises(InputError, match="7 warped copies were given for 4 images"):
        fit_regressor(examples, SCHEME, method="warps", warped=copies.subset(np.arange(7)))
    with pytest.raises(InputError, match="needs warped copies"):
        fit_regressor(examples, SCHEME, method="warps")


def test_images_in_the_mirror_are_those_of_the_fit():
    examples = made_examples(4)
    with pytest.raises(InputError, match="3 images in the mirror were given for 4 images"):
        fit_regressor(examples, SCHEME, mirrored=examples.subset(np.arange(3)))


def test_without_a_word_of_it_a_first_fit_says_which_points_change_places():
    """Landmark k of a mirrored image is landmark K - 1 - k, so the points change places too."""
    generator = default_rng(2)
    shape = np.array([[-9.0, 0], [-4, 6], [0, -5], [4, 6], [9, 0]])
    sizes = np.full((3, 2), 50.0)
    landmarks = shape + 25 + generator.normal(0, 0.5, (3, 5, 2))
    annotations = landmarks[:, [0, 2, 4]] + [0.0, 1.0]
    examples = Examples(("a", "b", "c"), landmarks, np.ones((3, 5)), annotations, sizes)
    in_mirror = [np.stack([49 - p[..., 0], p[..., 1]], axis=-1) for p in (landmarks, annotations)]
    mirrored = replace(examples, landmarks=in_mirror[0][:, ::-1], annotations=in_mirror[1])
    found = fit_regressor(examples, SCHEME, method="geometric", mirrored=mirrored).regressor
    given = replace(SCHEME, mirror=((0, 2),))
    told = fit_regressor(examples, given, method="geometric", mirrored=mirrored).regressor
    assert_allclose(found.weights, told.weights)
    centred = [
        pixels_to_centred(points, sizes)
        for points in (landmarks, annotations, mirrored.landmarks, mirrored.annotations[:, ::-1])
    ]
    first = fit_geometric(*centred[:2], bias=False).weights
    said = (centred[2].reshape(3, -1) @ first.T).reshape(3, 3, 2)
    in_place = without_offset(centred[3], said)
    expected = fit_geometric(*centred[:2], bias=False, mirrored=(centred[2], in_place))
    assert_allclose(found.weights, expected.weights)


def test_left_out_errors_know_nothing_of_the_mirror():
    examples, mirrored = made_examples(5), made_examples(5, seed=5)
    scheme = replace(SCHEME, mirror=((0, 2),))
    with_it = fit_regressor(examples, scheme, method="geometric", mirrored=mirrored)
    without = fit_regressor(examples, scheme, method="geometric")
    assert_allclose(with_it.leave_one_out, without.leave_one_out)
    assert (with_it.regressor.weights != without.regressor.weights).any()


def one_label_for_more_points(examples):
    examples.annotations[:, 1] = np.nan


def eyes_at_one_place(examples):
    examples.annotations[3, 1] = examples.annotations[3, 0]


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (one_label_for_more_points, "right eye is not annotated on any of the 5 images"),
        (eyes_at_one_place, "has length 0 on 003.png"),
    ],
)
def test_what_cannot_be_fitted(harm, sentence):
    examples = made_examples(5)
    harm(examples)
    with pytest.raises(InputError, match=sentence):
        fit_regressor(examples, SCHEME)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "regressors" / "eyes"
    save_regressor(fit_regressor(made_examples(5), SCHEME, detector="abc").regressor, path)
    return path


def test_what_is_there_is_not_replaced(saved):
    other = fit_regressor(made_examples(6), SCHEME, detector="d").regressor
    with pytest.raises(InputError, match="holds a regressor already"):
        save_regressor(other, saved)
    assert load_regressor(saved).fitted_on == 5
    save_regressor(other, saved, overwrite=True)
    assert load_regressor(saved).fitted_on == 6
    (saved.parent / "precious").mkdir()
    with pytest.raises(InputError, match="exists and is no regressor"):
        save_regressor(other, saved.parent / "precious", overwrite=True)


@pytest.mark.parametrize("failing", [1, 2])
def test_one_that_cannot_be_replaced_is_as_it_was(saved, monkeypatch, failing):
    rename, calls = Path.rename, iter(range(1, 100))

    def rename_or_fail(self, target):
        if next(calls) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_or_fail)
    other = fit_regressor(made_examples(6), SCHEME, detector="d").regressor
    with pytest.raises(InputError, match=r"eyes cannot be written \(No space left.*make room"):
        save_regressor(other, saved, overwrite=True)
    assert load_regressor(saved).fitted_on == 5
    assert [path.name for path in saved.parent.iterdir()] == ["eyes"]


def test_a_failure_beside_it_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "half.png").write_text("half")
        raise InputError("no picture")

    regressor = fit_regressor(made_examples(5), SCHEME, detector="d").regressor
    with pytest.raises(InputError, match="no picture"):
        save_regressor(regressor, tmp_path / "eyes", beside=fail)
    assert list(tmp_path.iterdir()) == []


def later_format(path):
    record = json.loads((path / "regressor.json").read_text())
    (path / "regressor.json").write_text(json.dumps(record | {"format": 9}))


def no_landmarks(path):
    record = json.loads((path / "regressor.json").read_text())
    (path / "regressor.json").write_text(json.dumps(record | {"num_landmarks": 0}))


def no_record(path):
    (path / "regressor.json").write_text("{")


def cut_weights(path):
    data = (path / "weights.safetensors").read_bytes()
    (path / "weights.safetensors").write_bytes(data[:-8])


def other_count(path):
    record = json.loads((path / "regressor.json").read_text())
    (path / "regressor.json").write_text(json.dumps(record | {"num_landmarks": 7}))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (later_format, "written in format 9 by a later warpmarks"),
        (no_landmarks, r"regressor\.json is damaged \(num_landmarks: expected at least 1\): fit"),
        (no_record, r"regressor\.json is damaged \(Expecting .*\): fit the regressor again$"),
        (cut_weights, "weights.safetensors is damaged"),
        (other_count, r"weights is \(6, 10\), expected \(6, 14\)"),
    ],
)
def test_damage_is_said_in_one_sentence(saved, harm, sentence):
    harm(saved)
    with pytest.raises(InputError, match=sentence):
        load_regressor(saved)


def test_a_bare_word_is_a_name_inside_the_run(saved, tmp_path):
    assert regressor_path("eyes", tmp_path) == saved
    assert regressor_path("./eyes", tmp_path).parts == ("eyes",)
    with pytest.raises(InputError, match="a name without a run"):
        regressor_path("eyes")
    with pytest.raises(InputError, match=r"does not exist; the run has eyes"):
        load_regressor(regressor_path("ears", tmp_path))

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from evaluation.made_examples import made_evaluation, made_examples
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.results import holds_results
from warpmarks.errors import InputError
from warpmarks.evaluation import pictures
from warpmarks.evaluation.pictures import exemplary
from warpmarks.evaluation.record import evaluation_record, save_evaluation
from warpmarks.metrics.by_score import errors_of_the_surest
from warpmarks.plots.score_curve import draw_score_curve

ERRORS = np.array([0.5, np.nan, 0.1, 0.9, 0.2, 0.7, 0.3, 0.4, 0.6])


def test_best_median_and_worst():
    rows = {name: chosen.tolist() for name, chosen in exemplary(ERRORS, 2)}
    assert rows == {"best": [2, 4], "median": [7, 0], "worst": [3, 5]}


def test_no_image_is_shown_twice_where_there_are_few():
    rows = {name: chosen.tolist() for name, chosen in exemplary(ERRORS[:6], 4)}
    assert rows == {"best": [2], "median": [0], "worst": [3]}
    assert [(name, list(chosen)) for name, chosen in exemplary(ERRORS[:2], 4)] == [("best", [0])]


def evaluation():
    examples = made_examples(9)
    examples.annotations[2, 1] = np.nan
    return made_evaluation(examples, both_ways=True)


def test_the_record_is_in_percent_and_has_null_where_there_is_nothing():
    found = evaluation()
    record = evaluation_record(found)
    assert record["landmarks"]["error_percent"] == round(100 * found.landmarks.mean, 6)
    assert record["mean_shape"]["error_percent"] > 3 * record["landmarks"]["error_percent"]
    assert record["landmarks"]["threshold_percent"] == 10
    assert [point["images"] for point in record["landmarks"]["per_point"]] == [8, 8, 8]
    assert record["forward_backward"]["backward_percent"] > 0
    nothing = replace(found, both_ways=replace(found.both_ways, backward=float("nan")))
    assert evaluation_record(nothing)["forward_backward"]["backward_percent"] is None
    assert evaluation_record(replace(found, both_ways=None))["forward_backward"] is None
    assert record["error_percent_by_score"] == [round(100 * error, 6) for error in found.by_score]
    json.dumps(record, allow_nan=False)
    assert record["points"] == ["left eye", "right eye", "nose"]


def test_errors_by_score_are_of_the_points_from_the_landmarks():
    found = evaluation()
    by_error = replace(found.predictions, scores=-found.landmarks.errors)
    falling = replace(found, predictions=by_error).by_score
    assert (np.diff(falling) < 0).all()
    largest = [np.sort(of[np.isfinite(of)])[-2:] for of in found.landmarks.errors.T]  # of eight
    assert falling[0] == pytest.approx(np.mean(largest))
    alike = replace(found, predictions=replace(by_error, scores=0 * by_error.scores))
    assert evaluation_record(alike)["error_percent_by_score"][0] is None


def test_the_score_curve_is_of_these_scores_and_ends_at_the_mean(tmp_path, monkeypatch):
    found, drawn = evaluation(), []

    def draw(shares, by_score, at_best, *, normaliser, theme):
        drawn.append((shares, by_score, at_best))
        return draw_score_curve(shares, by_score, at_best, normaliser=normaliser, theme=theme)

    monkeypatch.setattr(pictures, "draw_score_curve", draw)
    errors = found.landmarks.errors
    sure = replace(found, predictions=replace(found.predictions, scores=-errors))
    folder = tmp_path / "images"
    folder.mkdir()
    for name in found.examples.names:
        Image.new("RGB", (120, 90)).save(folder / name)
    images = ImageSet(folder, found.examples.names)
    for which in (found, sure):
        pictures.draw_evaluation(tmp_path, which, images)
    (shares, by_score, at_best), _, (_, of_sure, _), _ = drawn
    assert (shares[0], shares[-1]) == (5, 100)
    assert by_score[-1] == at_best[-1] == pytest.approx(100 * np.nanmean(errors))
    np.testing.assert_allclose(of_sure, at_best)
    half = errors_of_the_surest(errors, found.predictions.scores, [0.5])
    assert by_score[45] == pytest.approx(100 * half[0])
    assert np.nanmax(by_score - at_best) > 0.1
    known = np.isfinite(at_best)
    assert (np.diff(at_best[known]) >= 0).all()


def test_pictures_are_drawn_and_the_record_is_written_last(tmp_path):
    found = evaluation()
    folder = tmp_path / "images"
    folder.mkdir()
    for index, name in enumerate(found.examples.names):
        Image.new("RGB", (120, 90), (30 * index, 128, 200)).save(folder / name)
    images = ImageSet(folder, found.examples.names)
    save_evaluation(tmp_path / "out", found, images, detector="0123", key="k")
    curves = ("error_curve", "point_errors", "score_curve")
    names = {"predictions", *curves, *(f"{name}_dark" for name in curves)}
    written = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert written == names
    with Image.open(tmp_path / "out" / "predictions.png") as opened:
        # Three rows of two pairs of tiles of 210 x 158, as 120 x 90 is, and a rim of 10.
        assert opened.size == (4 * 210 + 2 * 3 + 16 + 20, 3 * 158 + 2 * 16 + 20)
    assert holds_results(tmp_path / "out", {"evaluation.json"})
    known = np.where(np.arange(9)[:, None] < 7, found.landmarks.errors, np.nan)
    few = replace(found, landmarks=replace(found.landmarks, errors=known))
    save_evaluation(tmp_path / "out", few, images, detector="0123", key="k")
    written = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert written == names - {"score_curve", "score_curve_dark"}
    assert evaluation_record(few)["error_percent_by_score"] is None
    for name in found.examples.names:
        (folder / name).unlink()
    with pytest.raises(InputError):
        save_evaluation(tmp_path / "out", found, images, detector="0123", key="k")
    assert not (tmp_path / "out" / "evaluation.json").exists()

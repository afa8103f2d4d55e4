import json

import numpy as np
import pytest

from warpmarks.datasets.annotated import read_annotated
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.evaluation.mirrored_images import locate_mirrored
from warpmarks.regression.fitting import fit_regressor


@pytest.mark.slow
def test_a_row_for_each_number_of_images(warpmarks, run_copy, annotated_set, supervised):
    common = ["evaluate", run_copy, annotated_set, "--split", "val", "--fit-split", "train"]
    flags = ["--labels", "all,2", "--draws", "3", "--seed", "7", "--supervised", supervised]
    code, out, err = warpmarks(*common, *flags, "--json", "-")
    assert code == 0, err
    assert "replaced" not in err
    record = json.loads(out)
    assert (record["method"], record["bias"], record["seed"]) == ("auto", False, 7)
    assert [(row["labels"], row["draws"]) for row in record["labels"]] == [(2, 3), (8, 1)]
    detector = Detector.load(run_copy)
    training, scored = (read_annotated(annotated_set, split=split) for split in ("train", "val"))
    examples = locate_annotated(detector, scored)
    lengths = np.linalg.norm(examples.annotations[:, 0] - examples.annotations[:, 1], axis=1)
    for seed, told in zip((7, 8, 9), record["labels"][0]["errors_percent"], strict=True):
        drawn = training.draw(2, seed)
        located, mirrored = locate_annotated(detector, drawn), locate_mirrored(detector, drawn)
        regressor = fit_regressor(located, training.scheme, mirrored=mirrored).regressor
        said = regressor.predict(examples.landmarks, examples.sizes)
        errors = np.linalg.norm(said - examples.annotations, axis=-1) / lengths[:, None]
        assert told == pytest.approx(100 * errors.mean(), abs=1e-5)
    errors = record["labels"][0]["errors_percent"]
    assert record["labels"][0]["landmarks"] == {
        "mean_percent": pytest.approx(np.mean(errors), abs=1e-5),
        "deviation_percent": pytest.approx(np.std(errors, ddof=1), abs=1e-5),
    }
    found = locate_annotated(Detector.load(supervised), scored).landmarks
    errors = np.linalg.norm(found - scored.points, axis=-1) / lengths[:, None]
    assert record["supervised"] == [
        {
            "run": "supervised",
            "labels": 5,
            "error_percent": pytest.approx(100 * errors.mean(), abs=1e-5),
            "caution": None,
        }
    ]
    page = (run_copy / "report.html").read_text()
    assert "How many annotated images of blobs train it takes for blobs val" in page
    assert "Error against annotated images" in page

    code, out, err = warpmarks(*common, *flags)
    assert code == 0, err
    (folder,) = (run_copy / "evaluations").iterdir()
    assert f"replaced the evaluation in {folder}: " in out
    for words in ("annotated", "supervised", "draws", "±"):
        assert words in out
    assert "too low" not in out


def test_scored_images_that_a_supervised_network_has_seen_are_told_of(
    warpmarks, run_copy, annotated_set, supervised
):
    splits = ["--split", "train", "--fit-split", "val", "--labels", "2", "--draws", "1"]
    code, out, err = warpmarks(
        "evaluate", run_copy, annotated_set, *splits, "--supervised", supervised
    )
    assert code == 0, err
    told = "supervised: 5 of the 8 scored images are, by name, among those that the network was"
    assert told in out
    assert told in (run_copy / "report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--labels", "1,2"], "name it with --fit-split"),
        (["--fit-split", "train", "--labels", "1,9"], "--labels has '9': expected numbers from 1"),
        (["--fit-split", "val", "--labels", "1,x"], "--labels has 'x': expected numbers from 1, "),
        (["--fit-split", "val", "--labels", "0,1"], "--labels has '0': expected numbers from 1, "),
        (["--fit-split", "val", "--labels", "1,1"], "--labels is '1,1', where a number comes"),
        (["--fit-split", "train", "--labels", "8,all"], "where a number comes twice"),
        (["--fit-split", "train", "--supervised", "x"], "--supervised was given without --labels"),
        (["--fit-split", "train", "--draws", "3"], "--draws was given without --labels"),
        (["--fit-split", "train", "--labels", "1", "--threshold", "8"], "tells mean errors alone"),
        (["--regressor", "x", "--method", "linear"], "--method was given with --regressor"),
        (["--cross-validation", "2", "--method", "warps"], "--method warps is not known for"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    warpmarks, run_copy, annotated_set, flags, sentence
):
    code, out, err = warpmarks("evaluate", run_copy, annotated_set, "--split", "val", *flags)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not (run_copy / "evaluations").exists()


def test_only_a_supervised_run_of_these_points_can_be_set_beside(
    warpmarks, run_copy, annotated_set
):
    flags = ["--split", "val", "--fit-split", "train", "--labels", "2", "--supervised", run_copy]
    code, _, err = warpmarks("evaluate", run_copy, annotated_set, *flags)
    assert (code, "is a run without annotations" in err) == (2, True)

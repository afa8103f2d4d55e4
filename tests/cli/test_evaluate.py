import json
import re
from pathlib import Path

import numpy as np
import pytest

from warpmarks.datasets.annotated import read_annotated
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.storage import save_regressor


@pytest.fixture
def fitted(run_copy, annotated_set) -> Path:
    """A regressor named blobs inside the run."""
    detector = Detector.load(run_copy)
    annotated = read_annotated(annotated_set, split="train")
    fit = fit_regressor(
        locate_annotated(detector, annotated), annotated.scheme, detector=detector.digest
    )
    save_regressor(fit.regressor, run_copy / "regressors" / "blobs")
    return run_copy


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Drawing takes longer than everything else."""
    monkeypatch.setattr("warpmarks.evaluation.record.draw_evaluation", lambda *_: None)
    monkeypatch.setattr(
        "warpmarks.report.run_report.rebuild_report", lambda run, *_, **__: run / "report.html"
    )


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_table_with_every_point_and_pictures_in_the_run(warpmarks, fitted, annotated_set):
    code, out, err = warpmarks(
        "evaluate", fitted, annotated_set, "--split", "val", "--regressor", "blobs"
    )
    assert code == 0, err
    for word in ("bright", "dark", "between", "all", "mean shape", "95 % interval", "PCK@0.1"):
        assert word in out
    assert "scores" not in out  # four images have no quarters
    assert "error in % of the distance from bright to dark" in out
    folder = fitted / "evaluations" / "blobs-val-blobs"
    assert {path.name for path in folder.iterdir()} >= {"evaluation.json", "predictions.png"}
    page = (fitted / "report.html").read_text()
    assert "Annotated points of blobs val" in page
    # The run had no pictures yet; the report has these as well, on images of the set.
    assert page.count("<img") > 8
    assert "Following deformations" in page


@pytest.mark.usefixtures("undrawn")
def test_figures_are_those_of_a_slow_count(warpmarks, fitted, annotated_set):
    code, out, err = warpmarks(
        "evaluate", fitted, annotated_set, "--split", "val", "--regressor", "blobs", "--json"
    )
    assert code == 0, err
    record = json.loads(out)
    assert "replaced" not in err
    detector = Detector.load(fitted)
    training, scored = (
        locate_annotated(detector, read_annotated(annotated_set, split=split))
        for split in ("train", "val")
    )
    scheme = read_annotated(annotated_set).scheme
    regressor = fit_regressor(training, scheme).regressor
    predicted = regressor.predict(scored.landmarks, scored.sizes)
    errors, means = [], []
    for image in range(4):
        truth = scored.annotations[image]
        length = np.hypot(*(truth[0] - truth[1]))
        for point in range(3):
            errors.append(np.hypot(*(predicted[image, point] - truth[point])) / length)
            mean = training.annotations[:, point].mean(axis=0)
            means.append(np.hypot(*(mean - truth[point])) / length)
    assert record["images"] == 4
    assert record["landmarks"]["error_percent"] == pytest.approx(100 * np.mean(errors), rel=1e-5)
    assert record["mean_shape"]["error_percent"] == pytest.approx(100 * np.mean(means), rel=1e-5)
    low, high = record["landmarks"]["interval_percent"]
    assert low < record["landmarks"]["error_percent"] < high
    assert [point["name"] for point in record["landmarks"]["per_point"]] == [
        "bright",
        "dark",
        "between",
    ]


@pytest.mark.usefixtures("undrawn")
def test_an_evaluation_that_is_replaced_is_told_of(warpmarks, fitted, annotated_set, tmp_path):
    command = ["evaluate", fitted, annotated_set, "--split", "val", "--regressor", "blobs"]
    assert "replaced" not in warpmarks(*command)[1]
    _, out, err = warpmarks(*command, "--json", "-")
    assert f"replaced the evaluation in {fitted / 'evaluations' / 'blobs-val-blobs'}" in err
    assert "replaced" not in out
    named = [*command, "--pictures", tmp_path / "p", "--overwrite"]
    assert [("replaced" in warpmarks(*named)[1]) for _ in range(2)] == [False, False]


def figures(scored: dict) -> list[float]:
    points = scored["per_point"]
    return [
        scored["error_percent"],
        *scored["interval_percent"],
        *(point["error_percent"] for point in points),
    ]


@pytest.mark.usefixtures("undrawn")
def test_fitting_on_another_split_is_the_same_as_a_regressor_of_it(
    warpmarks, run_copy, annotated_set, tmp_path
):
    fit = ["fit", run_copy, annotated_set, "--split", "train", "--output", "blobs"]
    assert warpmarks(*fit)[0] == 0
    common = ["evaluate", run_copy, annotated_set, "--split", "val", "--json"]
    saved, fresh = tmp_path / "saved.json", tmp_path / "fresh.json"
    assert warpmarks(*common, saved, "--regressor", "blobs")[0] == 0
    code, out, _ = warpmarks(*common, fresh, "--fit-split", "train", "--pictures", tmp_path / "p")
    assert code == 0
    assert f"figures: {fresh}\npictures: {tmp_path / 'p'}\n" in out
    first, second = (json.loads(path.read_text()) for path in (saved, fresh))
    assert figures(first["landmarks"]) == pytest.approx(figures(second["landmarks"]), rel=1e-5)
    assert first["mean_shape"] == second["mean_shape"]
    assert second["regressor"].startswith("fitted on 8 images of blobs train")
    # Only where the training images are at hand are there maps both ways of so few.
    assert first["forward_backward"] is None
    assert second["forward_backward"]["backward_percent"] > 0


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("flags", "caution"),
    [
        ([], "8 of the 12 scored images are, by name, among those that the regressor was fitted"),
        (["--split", "train"], "8 of the 8 scored images are, by name"),
        (["--split", "val"], None),
    ],
)
def test_scored_images_that_were_fitted_on_are_told_of(
    warpmarks, fitted, annotated_set, flags, caution
):
    command = ["evaluate", fitted, annotated_set, *flags, "--regressor", "blobs"]
    told = json.loads(warpmarks(*command, "--json", "-")[1])["caution"]
    assert told is None if caution is None else told.startswith(caution)
    assert ("errors are too low" in warpmarks(*command)[1]) == (caution is not None)


@pytest.mark.usefixtures("undrawn")
def test_cross_validation_needs_no_other_split(warpmarks, run_copy, annotated_set):
    code, out, err = warpmarks(
        "evaluate",
        run_copy,
        annotated_set,
        *("--cross-validation", "4", "--bias", "--seed", "3", "--json", "-"),
    )
    assert code == 0, err
    record = json.loads(out)
    assert (record["bias"], record["seed"]) == (True, 3)
    assert record["images"] == 12
    assert "4-fold cross-validation" in record["regressor"]
    assert "one person, animal or video" in record["caution"]
    again = ["--cross-validation", "4", "--bias", "--seed", "3"]
    code, out, _ = warpmarks("evaluate", run_copy, annotated_set, *again)
    lowest, _, _, highest = record["error_percent_by_score"]
    for which, error in (("lowest", lowest), ("highest", highest)):
        assert re.search(rf"quarter with the {which} scores +{error:.2f} %", out)
    assert (code, "one person, animal or video" in out, "backward error" in out) == (0, True, True)


@pytest.mark.usefixtures("undrawn")
def test_the_normaliser_and_the_threshold_can_be_chosen(warpmarks, fitted, annotated_set):
    def error(*flags):
        code, out, err = warpmarks(
            "evaluate",
            fitted,
            annotated_set,
            "--split",
            "val",
            "--regressor",
            "blobs",
            "--json",
            "-",
            *flags,
        )
        assert code == 0, err
        return json.loads(out)

    by_image = error("--normaliser", "image", "--threshold", "30")
    assert by_image["normaliser"] == "image"
    scored = by_image["landmarks"]
    assert scored["error_percent"] == pytest.approx(100 * scored["error_pixels"] / np.sqrt(36 * 28))
    assert scored["threshold_percent"] == 30
    assert error()["normaliser"] == "bright:dark"


def test_an_evaluation_of_other_weights_leaves_the_report(warpmarks, fitted, annotated_set):
    flags = ["evaluate", fitted, annotated_set, "--split", "val"]
    assert warpmarks(*flags, "--regressor", "blobs")[0] == 0
    edit(fitted / "evaluations" / "blobs-val-blobs" / "evaluation.json", detector="other")
    assert warpmarks(*flags, "--fit-split", "train")[0] == 0
    page = (fitted / "report.html").read_text()
    assert page.count("<h2>Annotated points of blobs val") == 1
    assert "fitted on 8 images of blobs train" in page


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "give one of --regressor NAME, --fit-split NAME or --cross-validation FOLDS"),
        (["--regressor", "blobs", "--cross-validation", "3"], "in one way only"),
        (["--fit-split", "val"], "would fit on 4 images that are scored (blobs val and blobs val"),
        (["--fit-split", "tran"], "no split 'tran': the splits there are train, val"),
        (["--regressor", "blops"], "regressors/blops does not exist; the run has blobs"),
        (["--cross-validation", "9"], "--cross-validation is 9, but 4 images are annotated"),
        (["--regressor", "blobs", "--bias"], "--bias was given with --regressor"),
        (["--regressor", "blobs", "--normaliser", "eyes"], "--normaliser is 'eyes': expected"),
        (["--regressor", "blobs", "--json", "no/such.json"], "--json no/such.json: there is no"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(warpmarks, fitted, annotated_set, flags, sentence):
    code, out, err = warpmarks("evaluate", fitted, annotated_set, "--split", "val", *flags)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert sentence in err
    assert err.rstrip("\n").count("\n") == 0 or "Detecting" in err
    assert not (fitted / "evaluations").exists()


def test_a_file_of_a_regressor_is_told_of_its_folder(warpmarks, fitted, annotated_set):
    file = fitted / "regressors" / "blobs" / "regressor.json"
    code, _, err = warpmarks("evaluate", fitted, annotated_set, "--regressor", file)
    assert (code, f"{file} is a file of the regressor {file.parent}: name its" in err) == (2, True)


def test_a_supervised_network_is_scored_on_the_points_that_it_finds(
    warpmarks, supervised, annotated_set
):
    flags = ["--split", "val", "--normaliser", "1:2", "--json", annotated_set / "out.json"]
    code, out, err = warpmarks("evaluate", supervised, annotated_set, *flags)
    assert code == 0, err
    record = json.loads((annotated_set / "out.json").read_text())
    scored = read_annotated(annotated_set, split="val")
    found = locate_annotated(Detector.load(supervised), scored).landmarks
    lengths = np.linalg.norm(scored.points[:, 0] - scored.points[:, 1], axis=-1)
    distances = np.linalg.norm(found - scored.points, axis=-1) / lengths[:, None]
    assert record["landmarks"]["error_percent"] == pytest.approx(100 * distances.mean(), rel=1e-4)
    mean = scored.points.mean(axis=0)  # images of one size
    distances = np.linalg.norm(mean - scored.points, axis=-1) / lengths[:, None]
    assert record["mean_shape"]["error_percent"] == pytest.approx(100 * distances.mean(), rel=1e-4)
    assert record["regressor"] is None
    assert "which the network was trained to find" in out
    page = (supervised / "report.html").read_text()
    assert "found by the network, which was trained on such annotations" in page


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("split", "kept", "caution"),
    [
        ("train", True, "5 of the 8 scored images are, by name, among those that the network was"),
        ("val", True, None),
        ("val", False, "Where the network was trained on some of the scored images, its errors"),
    ],
)
def test_scored_images_that_a_supervised_network_has_seen_are_told_of(
    warpmarks, supervised, annotated_set, split, kept, caution
):
    if not kept:
        (supervised / "images.csv").unlink()
    command = ["evaluate", supervised, annotated_set, "--split", split]
    told = json.loads(warpmarks(*command, "--json", "-")[1])["caution"]
    whole = "The mean shape is that of these images themselves."
    assert told == whole if caution is None else told.startswith(f"{whole} {caution}")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("flag", [["--bias"], ["--method", "linear"]])
def test_a_supervised_network_needs_no_fit(warpmarks, supervised, annotated_set, flag):
    code, _, err = warpmarks("evaluate", supervised, annotated_set, *flag)
    assert (code, f"{flag[0]} was given, but a supervised run is scored" in err) == (2, True)


@pytest.mark.usefixtures("undrawn")
def test_a_supervised_network_of_other_points(warpmarks, supervised, annotated_set):
    fewer_points(annotated_set)
    code, _, err = warpmarks("evaluate", supervised, annotated_set)
    assert (code, "supervised predicts 3 points, but" in err) == (2, True)


@pytest.mark.usefixtures("undrawn")
def test_a_supervised_network_of_points_in_another_order(warpmarks, supervised, annotated_set):
    edit(annotated_set / "points.json", names=["dark", "bright", "between"])
    code, _, err = warpmarks("evaluate", supervised, annotated_set)
    assert (code, "predicts the point 'bright' where" in err) == (2, True)


@pytest.mark.usefixtures("undrawn")
def test_scoring_what_was_fitted_on_is_refused(warpmarks, run_copy, annotated_set):
    code, _, err = warpmarks("evaluate", run_copy, annotated_set, "--fit-split", "train")
    assert (code, "8 images that are scored (blobs train and blobs, 00.png)" in err) == (2, True)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("drawn", [[], ["--labels", "all"]])
def test_a_scored_picture_that_was_fitted_on_under_another_name(
    warpmarks, run_copy, annotated_set, tmp_path, drawn
):
    copied = (annotated_set / "images" / "02.png").read_bytes()
    (annotated_set / "images" / "09.png").write_bytes(copied)
    flags = ["evaluate", run_copy, annotated_set, "--split", "val", "--fit-split", "train"]
    code, out, err = warpmarks(*flags, *drawn, "--pictures", tmp_path / "pictures")
    assert code == 0, err
    words = "1 of the 4 scored images shows the same picture as one of the images to fit on: "
    assert words in out


def two_eyes_at_one_place(root):
    table = root / "landmarks.csv"
    lines = table.read_text().splitlines()
    name, x, y, *rest = lines[10].split(",")
    table.write_text("\n".join([*lines[:10], ",".join([name, x, y, x, y, *rest[2:]]), *lines[11:]]))


def other_names(root):
    edit(root / "points.json", names=["bright", "darker", "between"], normaliser="1:2")


def fewer_points(root):
    rows = (root / "landmarks.csv").read_text().splitlines()
    (root / "landmarks.csv").write_text("\n".join(",".join(r.split(",")[:5]) for r in rows))
    (root / "points.json").unlink()


def a_point_far_away(root):
    rows = (root / "landmarks.csv").read_text().splitlines()
    rows[11] = "10.png,8,6,400,7,9,9"
    (root / "landmarks.csv").write_text("\n".join(rows))


def nothing_annotated(root):
    rows = (root / "landmarks.csv").read_text().splitlines()[:9]
    (root / "landmarks.csv").write_text("\n".join(rows))


def two_cases_of_a_name(root):
    (root / "images" / "11.png").rename(root / "images" / "09.PNG")
    for table in (root / "landmarks.csv", root / "split.csv"):
        table.write_text(table.read_text().replace("11.png", "09.PNG"))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (
            two_eyes_at_one_place,
            "landmarks.csv, line 11: the normaliser bright:dark has no length on 09.png (1 image)",
        ),
        (a_point_far_away, "landmarks.csv, line 12: point dark of 10.png is at (400, 7), but the "),
        (other_names, "predicts the point 'dark' where"),
        (fewer_points, "predicts 3 points, but"),
        (
            nothing_annotated,
            "no image of split 'val' is annotated: annotate some, or take a split that has "
            "annotated images: train (8)",
        ),
        (
            two_cases_of_a_name,
            "landmarks.csv, line 13: 09.PNG and 09.png in line 11 differ in upper and lower case",
        ),
    ],
)
def test_a_set_that_does_not_fit(warpmarks, fitted, annotated_set, harm, sentence):
    harm(annotated_set)
    code, _, err = warpmarks(
        "evaluate", fitted, annotated_set, "--split", "val", "--regressor", "blobs"
    )
    assert (code, sentence in err) == (2, True), err


@pytest.mark.usefixtures("undrawn")
def test_a_set_without_names_takes_those_of_the_regressor(warpmarks, fitted, annotated_set):
    (annotated_set / "points.json").unlink()
    code, out, err = warpmarks(
        "evaluate", fitted, annotated_set, "--split", "val", "--regressor", "blobs", "--json", "-"
    )
    assert code == 0, err
    assert json.loads(out)["points"] == ["bright", "dark", "between"]
    assert "landmarks.csv have no names: they are taken in the order of the regressor blobs" in err


@pytest.mark.usefixtures("undrawn")
def test_a_regressor_without_names_takes_the_order_of_the_set(warpmarks, fitted, annotated_set):
    scheme = annotated_set / "points.json"
    named = scheme.read_text()
    scheme.unlink()
    flags = ["--normaliser", "1:2", "--overwrite"]
    assert warpmarks("fit", fitted, annotated_set, "--output", "blobs", *flags)[0] == 0
    scheme.write_text(named)
    code, _, err = warpmarks("evaluate", fitted, annotated_set, "--regressor", "blobs")
    assert code == 0, err
    nameless = "the points of the regressor blobs have no names"
    assert f"{nameless}: they are taken in the order of {annotated_set}" in err


@pytest.mark.usefixtures("undrawn")
def test_names_that_differ_in_case_are_the_same(warpmarks, fitted, annotated_set):
    names = ["Bright", " dark", "BETWEEN"]
    edit(annotated_set / "points.json", names=names, normaliser="1:2")
    flags = ["--split", "val", "--regressor", "blobs", "--json", "-"]
    code, out, err = warpmarks("evaluate", fitted, annotated_set, *flags)
    assert code == 0, err
    assert json.loads(out)["points"] == ["bright", "dark", "between"]
    assert "no names" not in err


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_what_is_hardly_meant_is_told(warpmarks, fitted, annotated_set):
    rows = (annotated_set / "landmarks.csv").read_text().splitlines()
    rows[0] += ",score1,score2,score3"
    rows[1:] = [f"{row},0.9,0.3,0.8" for row in rows[1:]]
    name, x, y, _, _, *rest = rows[10].split(",")
    rows[10] = ",".join([name, x, y, "0", "0", *rest])
    (annotated_set / "landmarks.csv").write_text("\n".join(rows))
    flags = ["--split", "val", "--regressor", "blobs"]
    code, _, err = warpmarks("evaluate", fitted, annotated_set, *flags)
    assert code == 0, err
    assert "landmarks.csv: 1 point lies exactly at (0, 0), as other tools write" in err
    assert "4 of 12 are below 0.5: they are not used" in err
    code, _, err = warpmarks("fit", fitted, annotated_set, "--output", fitted / "new")
    assert "12 of 36 are below 0.5" in err
    assert "1 point lies exactly at (0, 0)" in err
    code, _, err = warpmarks("fit", fitted, annotated_set, "--output", "t", "--split", "train")
    assert (code, "(0, 0)" in err) == (0, False)
    rows[1:] = [row.replace(",0.9,0.3,0.8", ",0.9,0.5,0.8") for row in rows[1:]]
    (annotated_set / "landmarks.csv").write_text("\n".join(rows))
    code, _, err = warpmarks("fit", fitted, annotated_set, "--output", "u")
    assert (code, "there are scores" in err) == (0, False)


def test_scores_above_one_are_refused_as_by_convert(warpmarks, fitted, annotated_set, tmp_path):
    table = annotated_set / "landmarks.csv"
    header, *rows = table.read_text().splitlines()
    rows = [f"{row},0.9,1.3,0.8" for row in rows]
    table.write_text("\n".join([f"{header},score1,score2,score3", *rows]))
    sentence = f"{table}, line 2: score2 is 1.3: expected 0 (not sure) to 1 (sure), so scale"
    for command in (
        ("fit", fitted, annotated_set, "--output", fitted / "new"),
        ("convert", table, tmp_path / "x.csv", "--to", "deeplabcut"),
    ):
        code, _, err = warpmarks(*command)
        assert (code, sentence in err) == (2, True), err


@pytest.mark.parametrize(
    ("cell", "told"), [("-1", "the point bright is at -1,-1, as other"), ("0", "length 0")]
)
def test_points_that_are_all_missing_are_no_shares(warpmarks, fitted, annotated_set, cell, told):
    header, *rows = (annotated_set / "landmarks.csv").read_text().splitlines()
    rows = [",".join([row.split(",")[0], *[cell] * 6]) for row in rows]
    (annotated_set / "landmarks.csv").write_text("\n".join([header, *rows]))
    code, _, err = warpmarks("fit", fitted, annotated_set, "--output", fitted / "new")
    assert (code, told in err, "shares" in err) == (2, True, False), err


def test_shares_of_width_and_height_are_refused(warpmarks, fitted, annotated_set, tmp_path):
    rows = (annotated_set / "landmarks.csv").read_text().splitlines()
    shares = [
        ",".join([name, *(f"{float(cell) / 36:.4f}" for cell in cells)])
        for name, *cells in (row.split(",") for row in rows[1:])
    ]
    (annotated_set / "landmarks.csv").write_text("\n".join([rows[0], *shares]))
    code, _, err = warpmarks("fit", fitted, annotated_set, "--output", fitted / "new")
    assert (code, "all points lie within a pixel of the image's corner" in err) == (2, True)
    source, target = annotated_set / "landmarks.csv", tmp_path / "x.csv"
    code, _, err = warpmarks("convert", source, target, "--to", "deeplabcut")
    assert (code, "all points lie within a pixel of the image's corner" in err) == (0, True)


@pytest.mark.usefixtures("undrawn")
def test_a_regressor_of_another_detector_is_refused(warpmarks, fitted, annotated_set, tmp_path):
    edit(fitted / "regressors" / "blobs" / "regressor.json", detector="0" * 64)
    flags = ["evaluate", fitted, annotated_set, "--regressor", "blobs"]
    code, _, err = warpmarks(*flags, "--pictures", tmp_path / "pictures")
    assert (code, "was fitted with another detector" in err) == (2, True)
    assert not (tmp_path / "pictures").exists()


@pytest.mark.usefixtures("undrawn")
def test_what_is_there_is_kept_without_overwrite(warpmarks, fitted, annotated_set, tmp_path):
    (tmp_path / "precious.txt").write_text("precious")
    flags = ["evaluate", fitted, annotated_set, "--split", "val", "--regressor", "blobs"]
    code, _, err = warpmarks(*flags, "--pictures", tmp_path)
    assert (code, f"--pictures {tmp_path} is not empty" in err) == (2, True)
    code, _, err = warpmarks(*flags, "--json", tmp_path / "precious.txt")
    assert (code, "precious.txt exists" in err) == (2, True)
    code, _, _ = warpmarks(*flags, "--json", tmp_path / "precious.txt", "--overwrite")
    assert (code, json.loads((tmp_path / "precious.txt").read_text())["images"]) == (0, 4)

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from evaluation.made_examples import SCHEME, made_examples
from warpmarks import PointDetector
from warpmarks.annotator.annotations import Placed, Scheme
from warpmarks.annotator.store import Project
from warpmarks.cli.promise import print_promise
from warpmarks.datasets.annotated import read_annotated
from warpmarks.datasets.layout import read_landmarks
from warpmarks.datasets.reading import open_image
from warpmarks.datasets.scheme_file import read_scheme
from warpmarks.detectors.detector import Detector
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.evaluation.mirrored_images import locate_mirrored
from warpmarks.evaluation.warped_copies import locate_warped_copies
from warpmarks.points import PointScheme, parse_normaliser
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.promise import PointPromise, Promise
from warpmarks.regression.storage import load_regressor


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Drawing takes longer than everything else."""
    monkeypatch.setattr(
        "warpmarks.evaluation.regressor_picture.draw_regressor_picture", lambda *_: None
    )
    monkeypatch.setattr(
        "warpmarks.report.run_report.rebuild_report", lambda run, *_, **__: run / "report.html"
    )


@pytest.mark.slow
def test_a_regressor_in_the_run_with_its_promise_and_its_picture(
    warpmarks, run_copy, annotated_set
):
    code, out, err = warpmarks(
        "fit", run_copy, annotated_set, "--split", "train", "--output", "blobs"
    )
    assert code == 0, err
    for words in (
        "3 points from 3 landmarks, fitted on 8 annotated images of blobs train",
        "in % of the distance from bright to dark",
        "mean shape",
        "leave-one-out",
    ):
        assert words in out
    folder = run_copy / "regressors" / "blobs"
    assert {path.name for path in folder.iterdir()} == {
        "regressor.json",
        "weights.safetensors",
        "regressor.png",
    }
    detector = Detector.load(run_copy)
    annotated = read_annotated(annotated_set, split="train")
    copies = locate_warped_copies(detector, annotated, seed=0)
    located = locate_annotated(detector, annotated)
    mirrored = locate_mirrored(detector, annotated)
    expected = fit_regressor(located, annotated.scheme, warped=copies, mirrored=mirrored)
    np.testing.assert_allclose(load_regressor(folder).weights, expected.regressor.weights)
    page = (run_copy / "report.html").read_text()
    assert "Regressor blobs" in page
    assert "Which landmark decides where a point is" in page


@pytest.fixture
def project(annotated_set):
    """As an annotation project of the set, with a table of its own."""
    folder = annotated_set.parent / "project"
    annotated = read_annotated(annotated_set)
    colours = ("#ff0000", "#00ff00", "#0000ff")
    opened = Project(folder, annotated_set, Scheme(annotated.scheme.names, colours, (), (0, 1)))
    for name, points in zip(annotated.images.names, annotated.points, strict=True):
        opened.set_labels(name, tuple(Placed(*point) for point in points.tolist()), 0, "all")
    opened.close()
    return folder


@pytest.mark.usefixtures("undrawn")
def test_an_annotation_project_is_a_set(warpmarks, run_copy, annotated_set, project, tmp_path):
    for source, name in ((annotated_set, "set"), (project, "project")):
        code, out, err = warpmarks(
            "fit", run_copy, source, "--split", "train", "--output", tmp_path / f"of {name}"
        )
        assert code == 0, err
        assert "fitted on 8 annotated images" in out
    fitted = [load_regressor(tmp_path / f"of {name}").weights for name in ("set", "project")]
    np.testing.assert_allclose(fitted[1], fitted[0], atol=0.02)
    assert len(read_annotated(project).images.names) == 12


@pytest.mark.usefixtures("undrawn")
def test_images_of_a_project_that_are_gone_or_of_another_size_are_left_out(
    warpmarks, run_copy, annotated_set, project, tmp_path
):
    first, second, *_ = read_annotated(project).images.paths()
    first.unlink()
    image = Image.open(second)
    image.resize((image.width // 2, image.height)).save(second)
    record = json.loads((project / "project.json").read_text())
    record["sizes"] = {second.name: image.size}
    (project / "project.json").write_text(json.dumps(record))
    code, out, err = warpmarks("fit", run_copy, project, "--output", tmp_path / "new")
    assert code == 0, err
    assert "fitted on 10 annotated images" in out
    assert f"1 labelled image is not in {first.parent} and left out: {first.name}\n" in err
    assert "1 labelled image has another size than when labelled and is left out: " in err
    assert f"{second.name}; bring back" in err
    code, _, err = warpmarks("fit", run_copy, annotated_set, "--output", tmp_path / "strict")
    assert (code, "is not there" in err) == (2, True)


@pytest.mark.usefixtures("undrawn")
def test_accepted_points_of_a_project_are_told_of_and_promise_nothing(
    warpmarks, run_copy, project, tmp_path
):
    names = read_annotated(project).images.names
    record = json.loads((project / "project.json").read_text())
    record["accepted"] = {name: [0, 2] for name in names[3:]}
    (project / "project.json").write_text(json.dumps(record))
    told = tmp_path / "told.json"
    code, out, err = warpmarks(
        "fit", run_copy, project, "--output", tmp_path / "new", "--json", told
    )
    assert code == 0, err
    assert "fitted on 12 annotated images" in out
    assert "18 of 36 points were accepted as suggested: a fit takes them too, but they say" in err
    promise = json.loads(told.read_text())["promise"]
    assert [point["images"] for point in promise["per_point"]] == [3, 12, 3]
    annotated = read_annotated(project)
    assert annotated.subset(np.array([4, 0])).accepted.tolist() == [
        [True, False, True],
        [False, False, False],
    ]
    record["accepted"] = {names[0]: [7]}
    (project / "project.json").write_text(json.dumps(record))
    code, _, err = warpmarks("fit", run_copy, project, "--output", tmp_path / "wrong")
    assert (code, "accepted is damaged" in err) == (2, True)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ('{"images": "../gone"}', "which does not exist: bring them there, or name their place"),
        ("{", "project.json cannot be read as JSON"),
        ('{"images": 3}', "holds no images"),
        ("[]", "holds no images"),
    ],
)
def test_a_project_whose_images_are_not_told(warpmarks, run_copy, project, record, sentence):
    (project / "project.json").write_text(record)
    code, _, err = warpmarks("fit", run_copy, project, "--output", "new")
    assert code == 2
    assert err.startswith("error: ")
    assert sentence in err


def test_a_table_in_place_of_a_set_is_told_how_to_become_one(warpmarks, run_copy, tmp_path):
    (tmp_path / "fish.tps").write_text("LM=1\n1 2\nIMAGE=a.png\n")
    code, _, err = warpmarks("fit", run_copy, tmp_path / "fish.tps", "--output", "new")
    assert code == 2
    assert "fish.tps is a file: give the folder of a set, with images/ and landmarks.csv" in err
    assert "`warpmarks convert fish.tps SET --to warpmarks --images PICTURES` makes one" in err


@pytest.mark.usefixtures("undrawn")
def test_the_promise_is_kept_as_json(warpmarks, run_copy, annotated_set, tmp_path):
    flags = ["fit", run_copy, annotated_set, "--split", "train", "--output", tmp_path / "far"]
    code, out, err = warpmarks(*flags, "--json", "-", "--bias", "--method", "linear")
    assert code == 0, err
    record = json.loads(out)
    assert "regressor: " in err
    saved = json.loads((tmp_path / "far" / "regressor.json").read_text())
    assert saved["about"] == record
    assert (record["method"], record["bias"], record["labels"]) == ("linear", True, 8)
    told = record["promise"]["leave_one_out"]
    assert told["error_percent"] != record["promise_without_bias"]["leave_one_out"]["error_percent"]
    assert told["mean_shape_percent"] > 0
    # Without bias the same as a fit without bias promises.
    code, out, _ = warpmarks(*flags, "--json", "-", "--method", "linear", "--overwrite")
    assert json.loads(out)["promise"] == record["promise_without_bias"]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_draws_tell_mean_and_spread_and_save_the_first(warpmarks, run_copy, annotated_set):
    common = ["fit", run_copy, annotated_set, "--split", "train", "--labels", "3"]
    errors, means = [], []
    for seed in (4, 5, 6):
        code, out, err = warpmarks(
            *common, "--seed", seed, "--output", f"seed{seed}", "--json", "-"
        )
        assert code == 0, err
        told = json.loads(out)["promise"]["leave_one_out"]
        errors.append(told["error_percent"])
        means.append(told["mean_shape_percent"])
    many = [*common, "--seed", "4", "--draws", "3"]
    code, out, err = warpmarks(*many, "--output", "many", "--json", "-")
    record = json.loads(out)
    drawn = record["draws"]["leave_one_out"]
    assert drawn["mean_percent"] == pytest.approx(np.mean(errors), abs=1e-5)
    assert drawn["deviation_percent"] == pytest.approx(np.std(errors, ddof=1), abs=1e-5)
    assert record["draws"]["images_of_other_draws"]["mean_percent"] > 0
    plain = record["draws"]["mean_shape"]
    assert plain["leave_one_out"]["mean_percent"] == pytest.approx(np.mean(means), abs=1e-5)
    assert plain["images_of_other_draws"]["deviation_percent"] > 0
    first, saved = (load_regressor(run_copy / "regressors" / n) for n in ("seed4", "many"))
    assert (first.weights == saved.weights).all()
    code, out, _ = warpmarks(*many, "--output", "other")
    assert "draw 1 of 3 (seed 4): error to expect on other images" in out
    assert "3 draws, seeds 4 to 6" in out
    expected = f"(mean shape {np.mean(means):.2f} ± {np.std(means, ddof=1):.2f})"
    assert f"leave-one-out: {np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f} {expected}" in out
    assert "The fit of the first draw, seed 4, is saved." in out


@pytest.mark.usefixtures("undrawn")
def test_warps_of_one_image(warpmarks, run_copy, annotated_set):
    code, out, err = warpmarks(
        "fit", run_copy, annotated_set, "--labels", "1", "--method", "warps", "--output", "one"
    )
    assert code == 0, err
    assert "linear, of least squares, with warped copies of the images" in out
    assert "One annotated image is not enough" in out
    assert load_regressor(run_copy / "regressors" / "one").method == "warps"


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--labels", "9"], "--labels is 9, but"),
        (["--draws", "3"], "--draws was given without --labels"),
        (["--normaliser", "eyes"], "--normaliser is 'eyes': expected"),
        (["--split", "tran"], "no split 'tran': the splits there are train, val"),
        (["--json", "no/such.json"], "--json no/such.json: there is no"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    warpmarks, run_copy, annotated_set, flags, sentence
):
    code, out, err = warpmarks(
        "fit", run_copy, annotated_set, "--split", "train", "--output", "x", *flags
    )
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert sentence in err
    assert not (run_copy / "regressors").exists()


def eyes_at_one_place(rows):
    rows[3] = "02.png,10,10,10,10,5,5"


def one_label_for_three_points(rows):
    rows[2:] = []
    rows[1] = "00.png,10,10,,,,"


def a_missing_point_as_minus_one(rows):
    rows[3] = "02.png,10,10,-1,-1.0,5,5"


def latin_1(rows):
    rows[4] = rows[4].replace("03.png", "K\udce4fer.png")


def a_blank_before_a_name(rows):
    rows[4] = f" {rows[4]}"


def other_case(rows):
    rows[4] = rows[4].replace("03.png", "03.PNG")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (eyes_at_one_place, "the normaliser bright:dark has length 0 on 02.png, line 4: correct"),
        (one_label_for_three_points, "the point dark is not annotated on the one image"),
        (a_missing_point_as_minus_one, ", line 4: the point dark is at -1,-1, as other tools"),
        (latin_1, "its name in the table is not UTF-8: save the table as CSV in UTF-8"),
        (a_blank_before_a_name, "has points on ' 03.png', but"),
        (a_blank_before_a_name, "is not there, only 03.png, without blanks around it"),
        (other_case, "is not there, only 03.png, which differs in upper and lower case"),
    ],
)
def test_annotations_that_cannot_be_fitted_are_named_with_their_file(
    warpmarks, run_copy, annotated_set, harm, sentence
):
    table = annotated_set / "landmarks.csv"
    rows = table.read_text().splitlines()
    harm(rows)
    table.write_text("\n".join(rows), encoding="utf-8", errors="surrogateescape")
    code, out, err = warpmarks("fit", run_copy, annotated_set, "--output", "x")
    assert (code, out) == (2, "")
    assert f"error: {table}" in err
    assert sentence in err
    assert not (run_copy / "regressors").exists()


def test_a_scheme_with_a_byte_order_mark_is_read(annotated_set):
    path = annotated_set / "points.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_scheme(path, 3).names == ("bright", "dark", "between")


@pytest.mark.usefixtures("undrawn")
def test_a_draw_that_cannot_be_fitted_suggests_another_seed(warpmarks, run_copy, annotated_set):
    table = annotated_set / "landmarks.csv"
    header, *rows = table.read_text().splitlines()
    rows = [f"{row.split(',')[0]},10,10,,,5,5" for row in rows]
    rows[0] = "00.png,,,10,10,5,5"
    table.write_text("\n".join([header, *rows]))
    flags = ["--labels", "1", "--seed", "3", "--normaliser", "image", "--output", "x"]
    code, _, err = warpmarks("fit", run_copy, annotated_set, *flags)
    assert (code, "the point dark is not annotated on the one image" in err) == (2, True)
    assert err.endswith("take more images, or draw others with another --seed than 3\n")


@pytest.mark.usefixtures("undrawn")
def test_a_misspelt_image_is_found_out_with_a_split_too(warpmarks, run_copy, annotated_set):
    table = annotated_set / "landmarks.csv"
    rows = table.read_text().splitlines()
    other_case(rows)
    table.write_text("\n".join(rows))
    code, _, err = warpmarks("fit", run_copy, annotated_set, "--split", "train", "--output", "x")
    assert code == 2
    assert f"{table}, line 5: it has points on 03.PNG" in err
    assert "only 03.png, which differs in upper and lower case" in err


@pytest.mark.usefixtures("undrawn")
def test_images_of_another_split_may_be_elsewhere(warpmarks, run_copy, annotated_set):
    splits = dict(line.split(",") for line in (annotated_set / "split.csv").read_text().split())
    absent = next(name for name, split in splits.items() if split == "val")
    (annotated_set / "images" / absent).unlink()
    code, *_ = warpmarks("fit", run_copy, annotated_set, "--split", "train", "--output", "x")
    assert code == 0


@pytest.mark.usefixtures("undrawn")
def test_images_without_points_are_counted(warpmarks, run_copy, annotated_set):
    table = annotated_set / "landmarks.csv"
    rows = table.read_text().splitlines()
    del rows[2]
    table.write_text("\n".join(rows))
    _, out, _ = warpmarks("fit", run_copy, annotated_set, "--output", "x")
    assert "1 image without annotated points is left out" in out


NO_MORE = "The landmarks tell no more of these points than the mean shape does"
WORSE = "The landmarks predict these points worse than the mean shape does"


@pytest.mark.parametrize(
    ("percent", "pixels", "told"),
    [(11.1, 4.0, NO_MORE), (12.0, 4.0, WORSE), (10.9, 9.0, None), (float("nan"), 9.0, WORSE)],
)
def test_landmarks_that_tell_nothing_are_said_to(percent, pixels, told, capsys):
    point = PointPromise("all", 9, pixels, percent, 5.0, 11.0)
    examples = made_examples(3)
    print_promise(Promise((point,), point), fit_regressor(examples, SCHEME).regressor, "cats")
    out = capsys.readouterr().out
    assert [words for words in (NO_MORE, WORSE) if words in out] == ([told] if told else [])


@pytest.mark.parametrize(("text", "told"), [("box", True), ("image", False)])
def test_one_point_has_no_box(text, told, capsys):
    point = PointPromise("all", 9, 1.0, 10.0, 5.0, 11.0)
    examples, names = made_examples(9), ("eye",)
    one = replace(examples, annotations=examples.annotations[:, :1])
    scheme = PointScheme(names, parse_normaliser(text, names, source="test"))
    print_promise(Promise((point,), point), fit_regressor(one, scheme).regressor, "cats")
    assert ("Give --normaliser image" in capsys.readouterr().out) is told


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (1, "One annotated image is not"),
        (3, "3 annotated images of which no point is placed by hand on two pictures are"),
    ],
)
def test_images_that_tell_no_error_are_counted(images, told, capsys):
    nothing = PointPromise("all", images, *[float("nan")] * 4)
    regressor = fit_regressor(made_examples(images), SCHEME).regressor
    print_promise(Promise((nothing,), nothing), regressor, "cats")
    assert told in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
def test_a_regressor_is_not_replaced_unasked(warpmarks, run_copy, annotated_set):
    flags = ["fit", run_copy, annotated_set, "--output", "blobs"]
    assert warpmarks(*flags)[0] == 0
    code, _, err = warpmarks(*flags, "--labels", "4")
    assert (code, "holds a regressor already" in err) == (2, True)
    assert load_regressor(run_copy / "regressors" / "blobs").fitted_on == 12
    assert warpmarks(*flags, "--labels", "4", "--overwrite")[0] == 0
    assert load_regressor(run_copy / "regressors" / "blobs").fitted_on == 4


@pytest.fixture
def points_csv(warpmarks, run_copy, annotated_set, tmp_path, undrawn):
    """Points of all images, by a regressor."""
    assert warpmarks("fit", run_copy, annotated_set, "--output", "blobs")[0] == 0
    path = tmp_path / "points.csv"
    flags = ["detect", run_copy, annotated_set, "--regressor", "blobs", "--output", path]
    code, out, err = warpmarks(*flags, "--scores")
    assert code == 0, err
    assert f"{path}: 3 points on 12 images" in out
    return path


def test_detecting_points_is_the_regressor_on_the_landmarks(points_csv, run_copy, annotated_set):
    table = read_landmarks(points_csv)
    annotated = read_annotated(annotated_set)
    examples = locate_annotated(Detector.load(run_copy), annotated)
    regressor = load_regressor(run_copy / "regressors" / "blobs")
    expected = regressor.predict(examples.landmarks, examples.sizes)
    np.testing.assert_allclose(table.points, expected, atol=6e-4)
    assert table.images == examples.names
    scores = [
        [np.average(of_image, weights=row) for row in regressor.influences()]
        for of_image in examples.scores
    ]
    np.testing.assert_allclose(table.scores, scores, atol=6e-4)


def test_names_lie_beside_the_points_and_travel_with_them(points_csv, warpmarks, tmp_path):
    scheme = read_scheme(points_csv.with_name("points.names.json"), 3)
    assert scheme.names == ("bright", "dark", "between")
    assert scheme.normaliser.text == "bright:dark"
    target = tmp_path / "other.csv"
    code, _, err = warpmarks("convert", points_csv, target, "--to", "deeplabcut")
    assert code == 0, err
    with target.open() as file:
        assert {"bright", "dark", "between"} <= {cell for row in csv.reader(file) for cell in row}


def test_nothing_beside_the_points_is_replaced(warpmarks, run_copy, annotated_set, points_csv):
    flags = ["detect", run_copy, annotated_set, "--regressor", "blobs", "--output", points_csv]
    points_csv.unlink()
    names = points_csv.with_name("points.names.json")
    names.write_text("precious")
    code, _, err = warpmarks(*flags)
    assert (code, "points.names.json exists" in err) == (2, True)
    assert names.read_text() == "precious"
    assert not points_csv.exists()


def test_landmarks_beside_points_do_not_get_their_names(
    points_csv, warpmarks, run_copy, annotated_set, tmp_path
):
    raw = tmp_path / "landmarks.csv"
    assert warpmarks("detect", run_copy, annotated_set, "--output", raw)[0] == 0
    target = tmp_path / "raw.csv"
    assert warpmarks("convert", raw, target, "--to", "deeplabcut")[0] == 0
    assert "bright" not in target.read_text()
    code, _, err = warpmarks(
        "detect", run_copy, annotated_set, "--output", points_csv, "--overwrite"
    )
    assert (code, "points.names.json names the points of" in err) == (2, True)


def test_points_in_the_folder_of_a_set_leave_its_own_names(
    warpmarks, run_copy, annotated_set, undrawn
):
    assert warpmarks("fit", run_copy, annotated_set, "--output", "blobs")[0] == 0
    before = (annotated_set / "points.json").read_bytes()
    flags = ["--regressor", "blobs", "--output", annotated_set / "points.csv", "--overwrite"]
    assert warpmarks("detect", run_copy, annotated_set, *flags)[0] == 0
    assert (annotated_set / "points.json").read_bytes() == before


def test_a_regressor_of_another_detector_is_refused(warpmarks, run_copy, points_csv, tmp_path):
    path = run_copy / "regressors" / "blobs" / "regressor.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"detector": "0" * 64}))
    flags = ["detect", run_copy, run_copy, "--regressor", "blobs", "--output", tmp_path / "p.csv"]
    code, _, err = warpmarks(*flags)
    assert (code, "blobs was fitted with another detector" in err) == (2, True)
    assert err.count("\n") == 1


def test_the_door_in_python(run_copy, points_csv, annotated_set):
    detector = PointDetector.load(run_copy, "blobs", device="cpu")
    table = read_landmarks(points_csv)
    paths = [annotated_set / "images" / name for name in table.images]
    assert detector.names == ("bright", "dark", "between")
    one = detector(paths[3])
    assert one.landmarks.shape == (3, 2)
    np.testing.assert_allclose(one.landmarks, table.points[3], atol=6e-4)
    np.testing.assert_allclose(one.scores, table.scores[3], atol=6e-4)
    np.testing.assert_allclose(detector(paths).landmarks, table.points, atol=6e-4)
    mirrored = detector.in_mirror(paths[3])
    flipped = detector(np.asarray(open_image(paths[3]))[:, ::-1])
    np.testing.assert_allclose(mirrored.landmarks, flipped.landmarks, atol=0.05)
    np.testing.assert_allclose(mirrored.size, flipped.size)


def test_a_run_that_was_trained_on_annotations_promises_too_much(
    warpmarks, supervised, annotated_set, tmp_path
):
    code, out, err = warpmarks("fit", supervised, annotated_set, "--output", tmp_path / "fitted")
    assert code == 0, err
    assert f"{supervised} was trained on annotations: where these images were among them" in out
    assert "are told nearer" not in out


def test_a_run_of_few_landmarks_is_told_that_more_tell_points_nearer(
    warpmarks, run_copy, annotated_set, tmp_path, monkeypatch
):
    command = ("fit", run_copy, annotated_set, "--output", tmp_path / "fitted", "--overwrite")
    code, out, err = warpmarks(*command)
    assert code == 0, err
    assert (
        f"{run_copy} has 3 landmarks: points are told nearer from more of them, such as 50" in out
    )
    monkeypatch.setattr("warpmarks.cli.fit.FEW_LANDMARKS", 2)
    code, out, err = warpmarks(*command)
    assert code == 0, err
    assert "are told nearer" not in out


def test_a_picture_under_several_names_promises_nothing(
    warpmarks, run_copy, annotated_set, undrawn
):
    rows = (annotated_set / "landmarks.csv").read_text().splitlines()
    header, first = rows[0], rows[1]
    table = [header]
    for index in range(4):
        open_image(annotated_set / "images" / "00.png").save(
            annotated_set / "images" / f"again{index}.{'bmp' if index % 2 else 'png'}"
        )
        table.append(first.replace("00.png", f"again{index}.{'bmp' if index % 2 else 'png'}"))
    (annotated_set / "landmarks.csv").write_text("\n".join([*table, first]) + "\n")
    (annotated_set / "split.csv").unlink()
    code, out, err = warpmarks("fit", run_copy, annotated_set, "--output", "one")
    assert code == 0, err
    assert "The 5 images show 1 picture: " in out
    assert "0.00" not in out
    (annotated_set / "landmarks.csv").write_text("\n".join([*table, *rows[1:4]]) + "\n")
    flags = ["--output", "three", "--json", "-"]
    code, out, err = warpmarks("fit", run_copy, annotated_set, *flags)
    assert code == 0, err
    assert json.loads(out)["different_pictures"] == 3
    assert json.loads(out)["promise"]["leave_one_out"]["error_pixels"] > 0.5
    assert "The 7 images show 3 pictures: " in err


def test_an_image_whose_points_are_swapped_is_named(
    warpmarks, run_copy, annotated_set, monkeypatch, undrawn
):
    monkeypatch.setattr("warpmarks.regression.standing_out.TIMES", 2.0)
    rows = (annotated_set / "landmarks.csv").read_text().splitlines()
    monkeypatch.setattr("warpmarks.regression.standing_out.NAMED", 1)
    rows[3] = "02.png,35,27,0,0.5,30,1"
    rows[5] = "04.png,35,27,0,0.5,30,1"
    (annotated_set / "landmarks.csv").write_text("\n".join(rows))
    code, out, err = warpmarks("fit", run_copy, annotated_set, "--output", "blobs")
    assert code == 0, err
    assert "times as much as the middle image" in out
    assert "1 more image stands out: --json names them all." in out
    record = json.loads((run_copy / "regressors" / "blobs" / "regressor.json").read_text())
    told = {one["image"] for one in record["about"]["standing_out"]}
    assert told == {"02.png", "04.png"}

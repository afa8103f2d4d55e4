import csv
import json
import re
import shutil

import pytest

TINY = ["--image-size", 16, "--batch-size", 2, "--threads", 1]


@pytest.fixture
def supervise(warpmarks, annotated_folder, no_pictures):
    """Runs `warpmarks supervise` with flags."""

    def run(*flags, annotated=annotated_folder):
        return warpmarks("supervise", annotated, *TINY, *flags)

    return run


def test_from_annotations_to_points(supervise, warpmarks, tmp_path, annotated_folder):
    run = tmp_path / "run"
    code, out, err = supervise(
        "--run", run, "--labels", 3, "--seed", 7, "--steps", 2, "--normaliser", "1:2"
    )
    assert code == 0, err
    assert "training error" in err  # the header of the table
    assert "error on the annotated images themselves: " in out
    assert "% of the distance from 1 to 2" in out
    record = json.loads((run / "run.json").read_text())
    assert (record["kind"], record["config"]["num_landmarks"], record["images"]["count"]) == (
        "supervised",
        2,
        3,
    )
    assert record["scheme"]["names"] == ["1", "2"]
    assert (record["annotations"]["labels"], record["config"]["seed"]) == (3, 7)

    code, _, err = supervise("--run", run, "--resume", "--steps", 3, "--recipe", "paper")
    assert (code, "--recipe paper was given with --resume, but" in err) == (2, True)
    code, out, err = supervise("--run", run, "--resume", "--steps", 3, "--normaliser", "1:2")
    assert code == 0, err
    assert "3 steps" in out

    table = tmp_path / "points.csv"
    code, out, _ = warpmarks("detect", run, annotated_folder, "--output", table)
    assert code == 0
    with table.open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image", "x1", "y1", "x2", "y2"]
    assert len(rows) == 9


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--steps", 5, "--minutes", 1], "--steps and --minutes were both given"),
        (["--resume", "--overwrite"], "--resume and --overwrite were both given"),
        (["--resume"], "is no run: there is nothing to go on with"),
        (["--labels", 9], "--labels is 9, but "),
        (["--labels", 0], "--labels is 0, but "),
        (["--normaliser", "1:3"], "--normaliser"),
        (
            ["--normaliser", "eyes"],
            "--normaliser is 'eyes': expected inter-ocular, outer-eye-corners, box",
        ),
        (["--set", "num_landmarks=3"], "num_landmarks is 3, but "),
        (["--split", "train"], "split.csv"),
        (["--recipe", "defalt"], "recipe defalt: neither a file nor one of the recipes"),
    ],
)
def test_unusable_flags_are_told_in_one_sentence(supervise, tmp_path, flags, sentence):
    code, out, err = supervise("--run", tmp_path / "run", *flags)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert not (tmp_path / "run").exists()


def test_unusable_sets(supervise, tmp_path, annotated_folder, image_folder, run_copy):
    def told(*flags, **arguments):
        code, _, err = supervise(*flags, **arguments)
        assert code == 2
        assert err.count("\n") == 1
        return err

    new = ["--run", tmp_path / "new", "--steps", 1]
    assert "landmarks.csv does not exist" in told(*new, annotated=image_folder)
    missing = shutil.copytree(annotated_folder, tmp_path / "missing")
    (missing / "images" / "05.png").unlink()
    assert "has points on 05.png" in told(*new, annotated=missing)
    assert "trained without annotations" in told("--run", run_copy, "--resume")
    assert not (tmp_path / "new").exists()


def test_train_does_not_go_on_with_a_supervised_run(supervise, warpmarks, tmp_path, image_folder):
    run = tmp_path / "run"
    assert supervise("--run", run, "--steps", 1)[0] == 0
    code, _, err = warpmarks("train", image_folder, "--run", run, "--resume", "--steps", 2)
    assert (code, "was trained on annotations" in err) == (2, True)


@pytest.mark.parametrize("verb", ["supervise", "fit", "evaluate"])
def test_every_normaliser_is_told_of(warpmarks, verb):
    words = re.sub(r"[│\s]+", " ", warpmarks(verb, "--help")[1])
    assert "inter-ocular, outer-eye-corners, box, box-side, image, or two points" in words

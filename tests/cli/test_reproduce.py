import csv
import json
import re

import pytest

from annotated_examples import make_annotated_set
from warpmarks.reproduce.protocol import parse_protocol


@pytest.fixture
def blobs(tmp_path):
    root = make_annotated_set(tmp_path / "blobs")
    with (root / "split.csv").open("w", newline="") as file:
        rows = [(f"{index:02}.png", "fit" if index != 4 else "hidden") for index in range(8)]
        csv.writer(file).writerows([("image", "split"), *rows])
    (root / "points.json").write_text(json.dumps({"normaliser": "image"}))
    return root


def test_the_list_says_what_each_needs(warpmarks):
    code, out, _ = warpmarks("reproduce")
    assert code == 0
    assert warpmarks("reproduce", "list") == (0, out, "")
    assert "table1  Table 1: five points on MAFL's test faces" in out
    assert "--celeba DIR --aflw DIR [--mafl DIR] [--mtfl DIR]" in out
    assert all(name in out for name in ("table5", "fig3", "fig7", "own", "aflw5", "--set DIR"))


@pytest.mark.slow
def test_a_set_of_ones_own_to_a_table(warpmarks, blobs, tmp_path, monkeypatch):
    for draw in (
        "draw_examples",
        "draw_predictions",
        "draw_influences",
        "draw_label_curve_picture",
    ):
        monkeypatch.setattr(f"warpmarks.reproduce.carry_out.{draw}", lambda *_, **__: [])
    output = tmp_path / "out"
    command = ["reproduce", "own", "--set", blobs, "--fit-split", "fit", "--score-split", "hidden"]
    command += ["--output", output, "--quick", "--steps", 1, "--device", "cpu", "--threads", 1]
    code, out, err = warpmarks(*command)
    assert code == 0
    assert "own 1 of " in err
    assert re.search(r"50 landmarks, 5 labels +│ +\d+\.\d\d", out)
    assert re.search(r"50 landmarks, 10 labels +│ +missing", out)
    assert "the set fit has 6 images with all points, where 10 are drawn" in out
    assert "the figures mean nothing" in out
    assert "among those that points were learned from" not in out
    record = json.loads((output / "own-quick.json").read_text())
    assert record["settings"]["steps"] == 1
    assert (output / "own-quick.md").is_file()
    code, again, err = warpmarks(*command)
    assert (code, again, err) == (0, out, "")


def test_scored_images_that_points_are_learned_from_are_told_of(
    warpmarks, blobs, tmp_path, monkeypatch
):
    text = (
        "reproduces: Nothing\ntitle: blobs\nscore: own/val\n"
        "rows:\n  - {name: mean, mean_shape: own/train}"
    )
    monkeypatch.setattr(
        "warpmarks.reproduce.protocol.load_protocol", lambda name: parse_protocol(text, name)
    )
    command = ["reproduce", "own", "--set", blobs, "--fit-split", "fit", "--score-split", "fit"]
    code, out, err = warpmarks(*command, "--output", tmp_path / "out", "--device", "cpu")
    assert code == 0, err
    assert "7 of the 7 scored images are among those that points were learned from" in out


def test_an_experiment_without_its_images_keeps_no_other_from_being_done(
    warpmarks, blobs, tmp_path, monkeypatch
):
    text = (
        "reproduces: Nothing\ntitle: blobs\nscore: own/val\n"
        "rows:\n  - {name: mean, mean_shape: own/train}"
    )
    without = text.replace("own/val", "mafl/test").replace("own/train", "mafl/train")
    monkeypatch.setattr(
        "warpmarks.reproduce.protocol.load_protocol",
        lambda name: parse_protocol(text if name == "own" else without, name),
    )
    flags = ["--set", blobs, "--fit-split", "fit", "--score-split", "hidden", "--device", "cpu"]
    output = tmp_path / "out"
    code, _, err = warpmarks("reproduce", "other", "own", *flags, "--output", output)
    assert code == 0, err
    assert "nothing of other can be done: MAFL was not given" in err
    assert (output / "own.md").is_file()
    assert not (output / "other.md").exists()
    code, _, err = warpmarks("reproduce", "other", "another", *flags, "--output", output)
    assert code == 2
    assert err.startswith("error: nothing of other can be done")
    assert "(1 more such)" in err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["table6"], "there is no experiment 'table6': expected one of table1, "),
        (["table1"], "nothing of table1 can be done: CelebA was not given: say where it is by"),
        (
            ["table1", "--celeba", "nowhere"],
            "--celeba nowhere is not a folder: expected that of CelebA: img_align_celeba/ and its "
            "lists\n",
        ),
        (
            ["own", "--set", "nowhere"],
            "--set nowhere is not a folder: expected that of a set of your own: images/, "
            "landmarks.csv and split.csv\n",
        ),
        (["own", "--set", "image.size=64"], "settings are changed by --recipe FILE"),
        (["own", "--steps", 1, "--minutes", 2], "--steps and --minutes were both given"),
        (["own", "--recipe", "defalt"], "recipe defalt: neither a file"),
    ],
)
def test_what_the_user_can_get_wrong(warpmarks, tmp_path, argv, sentence):
    output = tmp_path / "out"
    code, out, err = warpmarks("reproduce", *argv, "--output", output)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert not output.exists()


def test_the_wrong_number_of_points_and_a_set_without_splits(warpmarks, blobs, tmp_path):
    flags = ["--set", blobs, "--fit-split", "fit", "--score-split", "hidden", "--quick"]
    code, _, err = warpmarks("reproduce", "aflw5", *flags, "--steps", 1, "--output", tmp_path / "o")
    assert code == 2
    assert "own/train has 2 points, where aflw5 is about 5: take the experiment own" in err
    (blobs / "split.csv").unlink()
    code, _, err = warpmarks("reproduce", "own", "--set", blobs, "--output", tmp_path / "o")
    assert code == 2
    assert "has no images of the split 'val': the splits there are train" in err

import pytest

import published_copies as copies
from warpmarks.datasets.annotated import read_annotated


def test_the_list_says_how_to_get_each_set_and_what_is_allowed(warpmarks):
    code, out, err = warpmarks("datasets")
    assert (code, err) == (0, "")
    for name in ("celeba", "mafl", "aflw", "mtfl", "300w", "cats", "zappos", "own"):
        assert f"\n{name}: " in f"\n{out}"
    paragraph = out.split("\n300w: ")[1].split("\n\n")[0]
    for fact in (
        "train 3,148",
        "37-42:43-48",
        "37:46",
        "https://ibug",
        "non-commercial",
        "helen/tra",
    ):
        assert fact in paragraph
    assert max(map(len, out.splitlines())) <= 100
    assert warpmarks("datasets", "list") == (0, out, "")


def test_a_part_of_a_set_is_told_from_the_whole(warpmarks, tmp_path):
    copies.three_hundred_w(tmp_path)
    code, out, err = warpmarks("datasets", "check", "300w", tmp_path)
    assert code == 2
    assert err == "error: train has 3 images of 3,148\n"
    assert out.splitlines()[:3] == [
        "300-W",
        "                  found  published",
        "train                 3      3,148",
    ]
    assert "gap: test/challenging has 1 images of 135" in out


def test_a_whole_set_is_complete(warpmarks, tmp_path):
    copies.cats(tmp_path / "copy")
    code, out, _ = warpmarks(
        *(
            "datasets",
            "prepare",
            "cats",
            tmp_path / "copy",
            "--output",
            tmp_path / "set",
            "--partial",
        )
    )
    assert code == 0
    assert f"{tmp_path / 'set'}: 14 images, cut: a square around the points" in out
    code, out, err = warpmarks("datasets", "check", "own", tmp_path / "set")
    assert (code, err) == (0, "")
    assert out.endswith("all       14\ncomplete\n")


def test_several_folders_may_hold_one_set(warpmarks, tmp_path):
    points = copies.celeba(tmp_path)
    parts = [tmp_path / part for part in ("Img", "Anno", "MAFL")]
    code, _, err = warpmarks(
        *("datasets", "prepare", "mafl", *parts, "--output", tmp_path / "set", "--partial"),
        *("--crop", "whole"),
    )
    assert (code, "train has 3 images of 19,000" in err) == (0, True)
    prepared = read_annotated(tmp_path / "set", split="test")
    assert (prepared.points[0] == points["000003.jpg"]).all()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["check", "celebs", "."],
            "there is no image set 'celebs': the known ones are celeba",
        ),
        (["check", "cats", "none"], "none is not a folder"),
        (["prepare", "cats", ".", "--output", "set"], "has none of the folders CAT_00 to CAT_06"),
        (["prepare", "cats", ".", "--output", "set", "--crop", "tail"], "expected head"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(warpmarks, tmp_path, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = warpmarks("datasets", *argv)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_an_interrupted_preparation_says_how_to_go_on(warpmarks, tmp_path, monkeypatch):
    copies.cats(tmp_path / "copy")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warpmarks.datasets.published.preparing.write_landmarks", stop)
    arguments = ("prepare", "cats", tmp_path / "copy", "--output", tmp_path / "set", "--partial")
    code, _, err = warpmarks("datasets", *arguments)
    assert (code, "stopped; the same command goes on from here" in err) == (130, True)


def test_a_prepared_set_is_trained_on_and_detected_in(warpmarks, tmp_path, tiny, no_pictures):
    copies.three_hundred_w(tmp_path / "copy")
    prepared = tmp_path / "set"
    warpmarks(
        *("datasets", "prepare", "300w", tmp_path / "copy", "--output", prepared, "--partial")
    )
    run = tmp_path / "run"
    code, _, err = warpmarks(
        *("train", prepared, "--split", "train", "--run", run, "--steps", 1, *tiny)
    )
    assert code == 0, err
    found = tmp_path / "found.csv"
    code, out, _ = warpmarks("detect", run, prepared, "--split", "test", "--output", found)
    assert (code, "on 3 images" in out) == (0, True)

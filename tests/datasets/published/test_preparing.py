"""Prepared sets: what every other command reads, measured in their pixels."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import published_copies as copies
from warpmarks.datasets.annotated import AnnotatedSet, read_annotated
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.published import preparing
from warpmarks.datasets.published.preparing import prepare, prepared_name
from warpmarks.datasets.published.registry import PUBLISHED
from warpmarks.errors import InputError
from warpmarks.system.progress import SilentProgress

BUILDERS = {
    "celeba": copies.celeba,
    "mafl": copies.celeba,
    "aflw": copies.aflw,
    "mtfl": copies.mtfl,
    "300w": copies.three_hundred_w,
    "cats": copies.cats,
}


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def assert_marks_are_at_their_points(annotated: AnnotatedSet) -> None:
    for path, points in zip(annotated.images.paths(), annotated.points, strict=True):
        np.testing.assert_allclose(copies.seen(copies.load(path)), points[:3], atol=0.3)


CROPS = [(name, crop) for name in BUILDERS for crop in PUBLISHED[name].crops]


@pytest.mark.parametrize(("name", "crop"), CROPS)
def test_points_are_where_the_marks_are(tmp_path, name, crop):
    BUILDERS[name](tmp_path / "copy")
    before = contents(tmp_path / "copy")
    prepared = prepare(
        PUBLISHED[name], [tmp_path / "copy"], tmp_path / "set", crop=crop, size=150, partial=True
    )
    annotated = read_annotated(tmp_path / "set")
    assert len(annotated.images.names) == len(prepared.check.images.names)
    assert_marks_are_at_their_points(annotated)
    assert contents(tmp_path / "copy") == before
    assert not list(tmp_path.glob(".*"))


def test_the_scheme_and_the_splits_are_those_of_the_set(tmp_path):
    copies.three_hundred_w(tmp_path / "copy")
    prepare(PUBLISHED["300w"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    test = read_annotated(tmp_path / "set", split="test")
    assert test.images.names == (
        "helen/testset/296814969_3.jpg",
        "ibug/image_092 _01.jpg",
        "lfpw/testset/image_0001.jpg",
    )
    assert find_images(tmp_path / "set", split="test/challenging").names == test.images.names[1:2]
    assert len(find_images(tmp_path / "set", split="train").names) == 3
    assert test.scheme.normaliser.first == (36, 37, 38, 39, 40, 41)
    assert len(test.scheme.mirror) == 29
    assert test.scheme.names[30] == "nose bridge 4"


def test_300w_is_cut_as_dve_cuts_it(tmp_path):
    points = copies.three_hundred_w(tmp_path / "copy")
    prepare(PUBLISHED["300w"], [tmp_path / "copy"], tmp_path / "set", partial=True, size=5000)
    annotated = read_annotated(tmp_path / "set")
    for name, path, found in zip(
        annotated.images.names, annotated.images.paths(), annotated.points, strict=True
    ):
        original = next(points[key] for key in points if key.startswith(name[:-4]))
        width = np.ptp(original[:, 0])
        side, height = copies.load(path).size
        assert side == height
        assert side == pytest.approx(width * 100 / 52, abs=1)
        middle = (found.min(axis=0) + found.max(axis=0)) / 2 + 0.5
        np.testing.assert_allclose(middle, [side / 2, side * 0.52], atol=1.2)


def test_training_faces_of_mtfl_lie_as_its_test_faces_do(tmp_path):
    copies.mtfl(tmp_path / "copy")
    prepare(PUBLISHED["mtfl"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    annotated = read_annotated(tmp_path / "set", split="train")
    for path, points in zip(annotated.images.paths(), annotated.points, strict=True):
        side, _ = copies.load(path).size
        spread = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
        assert spread / side == pytest.approx(0.19, abs=0.005)
        np.testing.assert_allclose(points.mean(axis=0) + 0.5, side / 2, atol=0.6)
    whole = tmp_path / "set" / "images" / "AFLW" / "0001-image20056.jpg"
    assert whole.read_bytes() == (tmp_path / "copy" / "AFLW" / "0001-image20056.jpg").read_bytes()


def test_tight_celeba_faces_lie_as_those_of_aflw_do(tmp_path):
    copies.celeba(tmp_path / "copy")
    prepare(PUBLISHED["celeba"], [tmp_path / "copy"], tmp_path / "set", crop="tight", partial=True)
    annotated = read_annotated(tmp_path / "set")
    sizes = np.array([copies.load(path).size for path in annotated.images.paths()])
    mean = ((annotated.points + 0.5) / sizes[:, None]).mean(axis=0)
    np.testing.assert_allclose(mean, copies.FIVE, atol=0.06)


def test_where_each_image_comes_from_is_written_down(tmp_path):
    points = copies.celeba(tmp_path / "copy")
    prepare(PUBLISHED["mafl"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    table = (tmp_path / "set" / "source.csv").read_text().splitlines()
    rows = list(csv.DictReader(table))
    listed = [row["image"] for row in rows]
    assert listed == [f"{number:06}.jpg" for number in (1, 2, 3, 7, 10)]
    for row in rows:
        left, top, right, bottom = (int(row[side]) for side in ("left", "top", "right", "bottom"))
        assert (left, top, right, bottom) == (0, 30, 178, 208)
        original = copies.load(row["file"]).crop((left, top, right, bottom))
        np.testing.assert_allclose(
            copies.seen(original), points[row["image"]][:3] - [left, top], atol=0.3
        )


def test_a_set_without_points_is_copied_as_it_is(tmp_path):
    names = copies.zappos(tmp_path / "copy")
    prepare(PUBLISHED["zappos"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    assert find_images(tmp_path / "set").names == tuple(sorted(names))
    images = contents(tmp_path / "set" / "images")
    assert images == contents(tmp_path / "copy" / "ut-zap50k-images")
    assert not (tmp_path / "set" / "landmarks.csv").exists()
    assert len(find_images(tmp_path / "set", split="val").names) == 1


def test_a_set_of_ones_own_stays_what_it_is(tmp_path):
    copies.cats(tmp_path / "copy")
    prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    prepare(PUBLISHED["own"], [tmp_path / "set"], tmp_path / "again")
    first, second = contents(tmp_path / "set"), contents(tmp_path / "again")
    assert {key: first[key] for key in first if key != "source.csv"} == {
        key: second[key] for key in second if key != "source.csv"
    }


def test_pixels_are_taken_as_they_are_stored(tmp_path):
    points = copies.cats(tmp_path / "copy", count=4)
    name = "CAT_01/00000002_000.jpg"
    turned = copies.load(tmp_path / "copy" / name)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "copy" / name, exif=exif, quality=95, subsampling=0)
    assert sorted(points)[2] == name
    prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    assert_marks_are_at_their_points(read_annotated(tmp_path / "set"))


def test_an_incomplete_copy_is_refused_unless_it_is_meant(tmp_path):
    copies.cats(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "CAT_05")
    with pytest.raises(
        InputError,
        match=r"has no folder CAT_05 with .jpg.cat files: complete the set, or use what is there "
        r"with --partial \(1 more such gaps\)",
    ):
        prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_of_a_set_of_ones_own_what_is_there_is_used(tmp_path):
    copies.celeba(tmp_path / "copy")
    prepare(PUBLISHED["celeba"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    whole = read_annotated(tmp_path / "set")
    lost = whole.images.names[0]
    (tmp_path / "set" / "images" / lost).unlink()
    own = PUBLISHED["own"], [tmp_path / "set"], tmp_path / "again"
    with pytest.raises(InputError, match=r"1 image not there, such as .*--partial"):
        prepare(*own)
    prepared = prepare(*own, partial=True)
    assert any(
        f"has points on 1 image not there, such as {lost}" in gap for gap in prepared.check.gaps
    )
    again = read_annotated(tmp_path / "again")
    assert again.images.names == whole.images.names[1:]
    np.testing.assert_array_equal(again.points, whole.points[1:])


def test_damaged_images_are_left_out_and_written_down(tmp_path):
    copies.cats(tmp_path / "copy", count=14)
    damaged = tmp_path / "copy" / "CAT_02" / "00000005_000.jpg"
    damaged.write_bytes(damaged.read_bytes()[:700])
    elsewhere = tmp_path / "copy" / "CAT_00" / "00000001_000.jpg.cat"
    elsewhere.write_text("9" + " 4000 4100" * 8 + " 5000 5000")
    arguments = (PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")
    prepared = prepare(*arguments, partial=True)
    assert [name for name, _ in prepared.left_out] == [
        "CAT_00/00000001_000.jpg",
        "CAT_02/00000005_000.jpg",
    ]
    assert "its points lie around x 4500, y 4550" in prepared.left_out[0][1]
    table = read_annotated(tmp_path / "set")
    assert len(table.images.names) == 12
    left_out = (tmp_path / "set" / "left_out.csv").read_text().splitlines()
    assert left_out[0] == "image,reason"
    assert left_out[2].startswith("CAT_02/00000005_000.jpg,")


def test_too_many_damaged_images_are_refused(tmp_path):
    copies.cats(tmp_path / "copy")
    prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    (tmp_path / "set" / "images" / "CAT_03" / "00000006_000.jpg").write_bytes(b"no image")
    with pytest.raises(
        InputError, match="1 of 14 images cannot be used, such as CAT_03/00000006_000"
    ):
        prepare(PUBLISHED["own"], [tmp_path / "set"], tmp_path / "again")


class Stop(SilentProgress):
    """Is interrupted at the sixth image, and counts those that a process begins with."""

    def __init__(self, at: int | None) -> None:
        self.at, self.seen, self.begun = at, 0, 0
        self.messages: list[str] = []

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        self.begun = done

    def advance(self, amount: int = 1) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise KeyboardInterrupt

    def message(self, text: str) -> None:
        self.messages.append(text)


def test_an_interrupted_run_is_gone_on_with(tmp_path):
    copies.cats(tmp_path / "copy", count=14)
    arguments = (PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")
    with pytest.raises(KeyboardInterrupt):
        prepare(*arguments, partial=True, progress=Stop(6))
    assert not (tmp_path / "set").exists()
    images = tmp_path / ".set.preparing" / "images"
    first = sorted(images.rglob("*.jpg"))[0]
    first.write_bytes(b"")  # as a crash may leave it
    there = len(list(images.rglob("*.jpg")))
    going_on = Stop(None)
    prepare(*arguments, partial=True, progress=going_on)
    assert going_on.begun == there - 1 >= 5
    assert going_on.seen == 14 - going_on.begun
    assert going_on.messages == []
    prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "at_once", partial=True)
    assert contents(tmp_path / "set") == contents(tmp_path / "at_once")
    assert not (tmp_path / ".set.preparing").exists()


def test_what_was_begun_with_another_size_is_begun_anew(tmp_path):
    copies.cats(tmp_path / "copy", count=14)
    arguments = (PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")
    with pytest.raises(KeyboardInterrupt):
        prepare(*arguments, partial=True, progress=Stop(6))
    anew = Stop(None)
    prepare(*arguments, partial=True, size=40, progress=anew)
    assert anew.begun == 0
    assert "was begun for other images or another crop" in anew.messages[0]
    assert {copies.load(path).size for path in (tmp_path / "set" / "images").rglob("*.jpg")} == {
        (40, 40)
    }


def test_corrected_points_are_cut_anew(tmp_path):
    copies.cats(tmp_path / "copy", count=14)
    arguments = (PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")
    with pytest.raises(KeyboardInterrupt):
        prepare(*arguments, partial=True, progress=Stop(6))
    for path in (tmp_path / "copy").rglob("*.cat"):
        count, *cells = path.read_text().split()
        path.write_text(" ".join([count, *(str(int(cell) - 3) for cell in cells)]))
    anew = Stop(None)
    prepare(*arguments, partial=True, progress=anew)
    assert anew.begun == 0
    prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "at_once", partial=True)
    assert contents(tmp_path / "set") == contents(tmp_path / "at_once")


def test_only_a_prepared_set_is_replaced(tmp_path):
    copies.cats(tmp_path / "copy", count=14)
    arguments = (PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")
    prepare(*arguments, partial=True)
    with pytest.raises(InputError, match="is not empty: choose another folder or replace it with"):
        prepare(*arguments, partial=True)
    prepare(*arguments, partial=True, size=64, overwrite=True)
    assert copies.load(next((tmp_path / "set" / "images").rglob("*.jpg"))).size == (64, 64)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("kept")
    with pytest.raises(InputError, match=r"has no source.csv, so it is no prepared set"):
        prepare(*arguments[:2], tmp_path / "thesis", partial=True, overwrite=True)
    with pytest.raises(InputError, match="holds the originals"):
        prepare(*arguments[:2], tmp_path, partial=True, overwrite=True)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "kept"


def test_an_unknown_crop_and_a_file_as_output(tmp_path):
    copies.cats(tmp_path / "copy")
    with pytest.raises(InputError, match="--crop ears is none of Cat heads: expected head"):
        prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set", crop="ears")
    (tmp_path / "set").write_text("")
    with pytest.raises(InputError, match="is a file: expected the name of a folder"):
        prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set")


def test_nothing_is_left_where_nothing_can_be_written(tmp_path, monkeypatch):
    copies.cats(tmp_path / "copy", count=14)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparing, "write_landmarks", full)
    with pytest.raises(InputError, match=r"set cannot be written \(No space left on device\)"):
        prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    assert not (tmp_path / "set").exists()


def test_names_of_crops():
    assert prepared_name("a.b/image_092 _01.PNG", whole=False) == "a.b/image_092 _01.jpg"
    assert prepared_name("7965396.7.jpeg", whole=False) == "7965396.7.jpg"
    assert prepared_name("a.b/bare", whole=False) == "a.b/bare.jpg"
    assert prepared_name("a.b/x.PNG", whole=True) == "a.b/x.PNG"


def test_the_names_of_the_points_are_readable_json(tmp_path):
    copies.cats(tmp_path / "copy", count=14)
    prepare(PUBLISHED["cats"], [tmp_path / "copy"], tmp_path / "set", partial=True)
    settings = json.loads((tmp_path / "set" / "points.json").read_text())
    assert settings["normaliser"] == "left eye:right eye"
    assert settings["mirror"][1] == ["left ear base", "right ear base"]

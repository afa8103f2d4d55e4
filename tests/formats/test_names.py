"""Odd names come back as they were or are refused with one sentence, in every format."""

import json
from dataclasses import replace

import numpy as np
import pytest

from point_tables import as_kept, fish, make_images
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles, with_sizes
from warpmarks.formats.registry import FORMATS, read, write

FILE = {"pts": "set", "yolo": "set", "warpmarks": "set"}
LIGHT = sorted(set(FORMATS) - {"sleap"})
HARMLESS = [
    "a, b",
    "<script>alert(1)</script>",
    "🐟 fin",
    'say "snout"',
    "it's",
    "n" * 300,
    "e\u0301",
    "é",
    "&amp;",
    "=1+1",
    "nan",
    "[1]: - {}",
    "#",
    "null",
    "%20?d=",
]
HARMFUL = ["two\nlines", "tab\there", "null\0", "\x1b[31m", "line\u2028end", "caf\udce9", "a\rb"]


def trip(table, name, folder):
    images = make_images(replace(table, images=fish().images), folder / "images")
    target = folder / FILE.get(name, "file")
    sized = with_sizes(replace(table, images=fish().images), ImageFiles((images,)), needed_by="it")
    write(target, name, replace(table, sizes=sized.sizes), ImageFiles((images,)))
    return read(target, name, images)


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("odd", HARMLESS)
def test_names_of_points_survive(tmp_path, name, odd):
    table = replace(fish(), names=("snout", odd, "tail"))
    assert trip(table, name, tmp_path).names == as_kept(table, FORMATS[name].keeps).names


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("odd", HARMFUL)
def test_names_of_points_that_cannot_be_held_are_refused(tmp_path, name, odd):
    table = replace(fish(), names=("snout", odd, "tail"))
    try:
        found = trip(table, name, tmp_path)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert repr(odd) in str(error)  # noqa: PT017
        assert name not in ("coco", "label-studio", "warpmarks")
        target = tmp_path / FILE.get(name, "file")
        assert not target.exists()
    else:
        assert found.names == as_kept(table, FORMATS[name].keeps).names


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("odd", [*HARMFUL, " begins.png", "a\\b.png"])
def test_names_of_images_survive_or_are_refused(tmp_path, name, odd):
    images = (odd, "two.png")
    table = replace(fish(), images=images, sizes=np.array([[48.0, 32.0], [40.0, 50.0]]))
    target = tmp_path / FILE.get(name, "file")
    try:
        write(target, name, table)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert repr(odd) in str(error)  # noqa: PT017
    else:
        if name == "pts":  # whose images have the names of the files
            odd, images = odd.removesuffix(".png"), (odd.removesuffix(".png"), "two")
        if name == "yolo":
            return  # read only where the image lies
        assert read(target, name).images == images


@pytest.mark.parametrize("name", ["pts", "yolo"])
@pytest.mark.parametrize(
    "escape", ["../up.png", "/tmp/up.png", "a/../../up.png", "C:/up.png", "C:up.png", "..", "/"]
)
def test_no_file_is_written_outside_of_the_folder(tmp_path, name, escape):
    table = replace(fish(), images=(escape, "two.png"))
    target = tmp_path / "inner" / "set"
    target.mkdir(parents=True)
    with pytest.raises(InputError, match="lies outside of the folder of images"):
        write(target, name, table)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["pts", "yolo"])
def test_two_images_do_not_share_a_file(tmp_path, name):
    table = replace(fish(), images=("a.png", "a.jpg"))
    share = "a.pts" if name == "pts" else "labels/a.txt"
    with pytest.raises(InputError, match=rf"'a.png' and 'a.jpg' would share {share}: rename one"):
        write(tmp_path / "set", name, table)


def test_names_too_long_for_a_file_are_refused_in_one_sentence(tmp_path):
    table = replace(fish(), images=("n" * 300 + ".png", "two.png"))
    with pytest.raises(InputError, match=r"cannot be written .File name too long"):
        write(tmp_path / "set", "pts", table)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/local-files/?d=tank/a%20%26%20b.png", "tank/a & b.png"),
        ("/data/upload/3/1f2e3d4c-one.png", "one.png"),
        ("/data/upload/3/plain.png", "plain.png"),
        ("https://example.org/x/one%20two.png?token=1", "one two.png"),
        ("s3://bucket/deep/one.png", "one.png"),
        ("tank/100% one.png", "tank/100% one.png"),
    ],
)
def test_images_of_label_studio(tmp_path, address, name):
    value = {"x": 1, "y": 2, "keypointlabels": ["a"]}
    item = {"type": "keypointlabels", "original_width": 9, "original_height": 9, "value": value}
    tasks = [{"data": {"image": address}, "annotations": [{"result": [item]}]}]
    (tmp_path / "l.json").write_text(json.dumps(tasks))
    assert read(tmp_path / "l.json").images == (name,)


def test_the_last_annotation_that_counts(tmp_path):
    def result(x, **changes):
        value = {"x": x, "y": 0, "keypointlabels": ["a"]}
        item = {"type": "keypointlabels", "original_width": 100, "original_height": 9}
        return {"result": [item | {"value": value}]} | changes

    task = {
        "data": {"image": "i.png"},
        "annotations": [result(10), result(20), result(30, was_cancelled=True)],
        "predictions": [result(40)],
    }
    (tmp_path / "l.json").write_text(json.dumps([task, task | {"data": {"image": "j.png"}}]))
    assert read(tmp_path / "l.json").points[0, 0, 0] == 19.5
    (tmp_path / "l.json").write_text(json.dumps([task | {"annotations": []}]))
    assert read(tmp_path / "l.json").points[0, 0, 0] == 39.5


def test_paths_of_windows(tmp_path):
    from PIL import Image

    Image.new("L", (8, 9)).save(tmp_path / "fish.JPG")
    (tmp_path / "w.tps").write_bytes(
        b"LM=1\r\n1,5 2\r\nIMAGE=C:\\photos\\fish.JPG\r\nSCALE=0,5\r\n"
    )
    table = read(tmp_path / "w.tps")
    assert table.images == ("fish.JPG",), "as it is found"
    np.testing.assert_array_equal(table.points[0], [[1.5, 7]])
    assert table.extras[0].scale == 0.5
    (tmp_path / "w.csv").write_text(
        "scorer,A,A\nbodyparts,p,p\ncoords,x,y\nlabeled-data\\f\\i.png,1,2\n"
    )
    assert read(tmp_path / "w.csv").images == ("labeled-data/f/i.png",)


def test_old_encodings(tmp_path):
    (tmp_path / "o.xml").write_bytes(
        "<?xml version='1.0' encoding='ISO-8859-1'?><dataset><images><image file='café.png'>"
        "<box top='0' left='0' width='1' height='1'><part name='é' x='1' y='2'/></box></image>"
        "</images></dataset>".encode()
    )
    assert read(tmp_path / "o.xml").images == ("café.png",)  # as imglab copies names
    (tmp_path / "o.xml").write_bytes((tmp_path / "o.xml").read_text().encode("latin-1"))
    assert read(tmp_path / "o.xml").names == ("é",)

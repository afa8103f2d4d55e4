"""Damaged, hostile and merely wrong files: one sentence that names the file, and no traceback."""

import json
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from point_tables import fish
from warpmarks.errors import InputError
from warpmarks.formats.registry import FORMATS, read, write

IMAGE = {"id": 1, "file_name": "i.png", "width": 8, "height": 9}
ANNOTATION = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]}
CATEGORY = {"id": 1, "name": "fish", "keypoints": ["a"]}


def coco(**changes):
    whole = {"images": [IMAGE], "annotations": [ANNOTATION], "categories": [CATEGORY]}
    return json.dumps(whole | changes)


def task(*items, **changes):
    return json.dumps([{"data": {"image": "i.png"}, "annotations": [{"result": items}]} | changes])


def keypoint(x=50, y=50, name="a", **changes):
    return {
        "type": "keypointlabels",
        "original_width": 8,
        "original_height": 9,
        "value": {"x": x, "y": y, "keypointlabels": [name]},
    } | changes


def dlc(*rows, scorer="Ana,Ana", bodyparts="a,a", coords="x,y"):
    return "\n".join([f"scorer,{scorer}", f"bodyparts,{bodyparts}", f"coords,{coords}", *rows])


def xml(inside):
    return f"<dataset><images>{inside}</images></dataset>"


BOX = "<box top='0' left='0' width='3' height='3'>"

WRONG = [
    ("coco", "", "is damaged"),
    ("coco", "[]", "is a JSON list"),
    ("coco", "{}", "has no list of images"),
    ("coco", '{"images": ' + "[" * 100_000, "nested too deeply"),
    ("coco", coco(categories=[]), "no category with keypoints"),
    ("coco", coco(images=[IMAGE, IMAGE]), "has the id 1 twice"),
    ("coco", coco(images=[IMAGE | {"id": [1]}]), r"has the id \[1\]: expected a number"),
    ("coco", coco(images=[{"id": 1}]), "has no file_name"),
    ("coco", coco(images=[IMAGE | {"width": "x"}]), "width: 'x' is not a number"),
    ("coco", coco(annotations=[ANNOTATION, ANNOTATION]), "two objects on 'i.png'"),
    ("coco", coco(annotations=[ANNOTATION | {"image_id": 5}]), "image_id 5, which no image"),
    ("coco", coco(annotations=[ANNOTATION | {"keypoints": [1, 2]}]), "2 numbers: expected x, y, v"),
    ("coco", coco(annotations=[ANNOTATION | {"keypoints": [1, 2, 3]}]), "3 is not between 0 and 2"),
    ("coco", coco(annotations=[ANNOTATION | {"keypoints": [1, None, 2]}]), "None is not a number"),
    ("coco", coco().replace("[1, 2, 2]", "[1, NaN, 2]"), "nan is not a number"),
    ("coco", coco().replace("[1, 2, 2]", "[1, 1e999, 2]"), "inf is not a number"),
    ("coco", coco(annotations=[ANNOTATION | {"bbox": [1]}]), "expected left, top, width"),
    ("coco", coco(categories=[CATEGORY | {"skeleton": [[1, 2]]}]), "2 is not between 1 and 1"),
    ("coco", coco(categories=[CATEGORY | {"skeleton": 5}]), "skeleton has 5: expected pairs"),
    ("coco", coco(annotations=[ANNOTATION | {"image_id": [1]}]), r"id \[1\]: expected a number"),
    ("coco", coco(images=[IMAGE | {"file_name": "\ud800.png"}]), "a character that is no text"),
    ("deeplabcut", "", "where its header row scorer begins"),
    ("deeplabcut", "image,x1,y1\n", "has 'image' where its header row scorer begins"),
    ("deeplabcut", dlc("i.png,1"), "line 4: 2 columns, where the header has 3"),
    ("deeplabcut", dlc("i.png,1,"), "line 4: only one of x and y of 'a' is filled"),
    ("deeplabcut", dlc("i.png,1,two"), "line 4: 'two' is not a number"),
    ("deeplabcut", dlc("i.png,1,inf"), "line 4: 'inf' is not a number"),
    ("deeplabcut", dlc(",1,2"), "line 4: the name of the image is missing"),
    ("deeplabcut", dlc("i.png,1,2", "i.png,1,2"), "has the image 'i.png' twice"),
    ("deeplabcut", dlc("i.png,1,2", coords="x,x"), "has x of 'a' twice"),
    ("deeplabcut", dlc("i.png,1,2", scorer="Ana,Bo"), "or two scorers"),
    ("deeplabcut", dlc("i.png,1,2", bodyparts="a,b"), "no x and y of 'a'"),
    ("deeplabcut", dlc("i.png,1,2", coords="x"), "different lengths"),
    (
        "deeplabcut",
        "scorer,A,A,A,A\nindividuals,m1,m1,m2,m2\nbodyparts,a,a,a,a\ncoords,x,y,x,y\ni,1,2,3,4\n",
        "has points of the animals 'm1', 'm2': expected one object on each image, so keep one",
    ),
    (
        "deeplabcut",
        "scorer,A,A,A,A\nindividuals,m1,m1,m2,m2\nbodyparts,a,a,a,a\ncoords,x,y,x,y\ni,,,,NaN\n",
        "has no points of the animals 'm1', 'm2'",
    ),
    (
        "deeplabcut",
        "scorer,A,A,A,A\nindividuals,m1,m1,m2,m2\nbodyparts,a,a,a,a\ncoords,x,y,x,y\ni,1,2\n",
        "line 5: 3 columns, where the header has 5",
    ),
    (
        "deeplabcut",
        dlc("i.png,1,2,1.5", scorer="A,A,A", bodyparts="a,a,a", coords="x,y,likelihood"),
        "line 4, likelihood of 'a': '1.5' is not between 0 and 1",
    ),
    ("deeplabcut", 'scorer,"A', "expected a CSV file"),
    (
        "lightning-pose",
        dlc("i.png,,,2", scorer="A,A,A", bodyparts="a,a,a", coords="x,y,visible"),
        r"'a' is visible \(2\), but has no x and y",
    ),
    ("dlib", "", "is damaged"),
    ("dlib", "<html/>", "begins with <html>"),
    ("dlib", "<annotations/>", "is CVAT's own XML: export as COCO Keypoints there"),
    ("dlib", xml("<image file='i'>"), "is damaged"),
    ("dlib", xml("<image/>"), "the image has no file"),
    ("dlib", xml(f"<image file='i'>{BOX}</box>{BOX}</box></image>"), "has two boxes"),
    ("dlib", xml(f"<image file='i'>{BOX}<part name='a' x='1'/></box></image>"), "y: '' is not"),
    ("dlib", xml("<image file='i'><part name='a' x='1' y='1'/></image>"), "without a name or a"),
    ("dlib", xml("<image file='i'/><image file='i'/>"), "is there twice"),
    ("dlib", xml("<image file='i'/>"), "has no points"),
    ("label-studio", "{}", "expected a JSON list of Label Studio"),
    ("label-studio", "[]", "has no points"),
    ("label-studio", task(keypoint(), data={}), "names no image"),
    ("label-studio", task(keypoint(), keypoint()), "has the point 'a' twice"),
    ("label-studio", task(keypoint(value=None)), "has the labels None"),
    ("label-studio", task(keypoint(x="left")), "'left' is not a number"),
    ("label-studio", task(keypoint(image_rotation=90)), "was turned in Label Studio"),
    ("label-studio", task(keypoint(original_width=None)), "needs the size of 'i.png'"),
    ("label-studio", task(annotations=5), "annotations is no list"),
    ("label-studio", task(keypoint(), data={"image": "http://[bad"}), "is no address"),
    ("label-studio", task(keypoint(score=7)), "the score of 'a' on 'i.png' is 7: expected 0"),
    ("pts", "", "is damaged"),
    ("pts", "version: 1\nn_points: 2\n{\n1 1\n}\n", "says that it has 2 points"),
    ("pts", "version: 1\nn_points: 1\n{\n1 b\n}\n", "'b' is not a number"),
    ("tps", "", "has no LM="),
    ("tps", "IMAGE=i.png\n", "before the first LM="),
    ("tps", "LM=2\n1 2\n", "where 2 were announced"),
    ("tps", "LM=1\n1 2 3\nIMAGE=i.png\n", "'1 2 3' is no pair"),
    ("tps", "LM=1\n1 2\n", "neither IMAGE= nor ID="),
    ("tps", "LM=1\n1 2\nIMAGE=none.png\n", "needs the size of 'none.png', which is not in"),
    ("tps", "LM=1\n1 2\nIMAGE=a\nIMAGE=b\n", "is there twice in one specimen"),
    ("tps", "LM=0\nCURVES=1\nPOINTS=1\n1 2\nIMAGE=a\n", "curves and outlines only, whose points"),
    ("tps", "LM3=1\n1 2 3\n", "three dimensions"),
    ("tps", "LM=1\n-1 -1\nIMAGE=a\nLM=2\n-1 -1\n-1 -1\nIMAGE=b\n", "with 1, 2 landmarks"),
    ("tps", "LM=1\n1 2\nhello\n", "'hello' has no KEY="),
    ("tps", "LM=99999999999\n", "is not between 0 and"),
    ("warpmarks", "", "is empty"),
    (
        "warpmarks",
        "image,x1,y1,score1\ni.png,1,2,7\n",
        r"line 2: score1 is 7: expected 0 \(not sure\) to 1 \(sure\), so scale the scores or",
    ),
    (
        "warpmarks",
        "frame,time,x1,y1,score1\n3,0,1,2,-1\n",
        "the score of '1' on '3' is -1: expected",
    ),
    ("yolo", "kpt_shape: [", "is no YAML file"),
    ("yolo", "hello", "has no settings"),
    ("yolo", "kpt_shape: 5", "kpt_shape is 5"),
    ("yolo", "kpt_shape: [1, 3]\ntrain: none\n", "train is 'none', which is not there"),
    ("yolo", "kpt_shape: [1, 3]\nkpt_names: [a, b]\n", "does not name 1 point:"),
    ("yolo", "kpt_shape: [1, 3]\n", "has no images"),
    ("yolo", "kpt_shape: [2, 3]\ntrain: list.txt\nflip_idx: [0, 0]\n", "each of 0 to 1 once"),
    ("yolo", f"kpt_shape: {'9' * 5000}", "is no YAML file"),
    ("yolo", f"kpt_shape: [1, 3]\ntrain: {'x' * 5000}", "which is not there"),
    ("yolo", "kpt_shape: [3, 3]\ntrain: list.txt\nflip_idx: [1, 2, 0]\n", "that change places"),
]
ENDING = {"dlib": "xml", "pts": "pts", "tps": "tps", "yolo": "yaml"}
ENDING |= {"coco": "json", "label-studio": "json"}


@pytest.mark.parametrize(("name", "text", "sentence"), WRONG)
def test_a_wrong_file_is_refused_with_one_sentence(tmp_path, name, text, sentence):
    path = tmp_path / f"wrong.{ENDING.get(name, 'csv')}"
    (tmp_path / "list.txt").write_text("./images/i.png\n")
    path.write_text(text)
    with pytest.raises(InputError, match=sentence) as caught:
        read(path, name)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_yolo_flips_by_numbers_that_are_written_as_texts(tmp_path):
    (tmp_path / "list.txt").write_text("./images/i.png\n")
    text = 'kpt_shape: [3, 3]\ntrain: list.txt\nflip_idx: ["0", "2", "1"]\n'
    (tmp_path / "data.yaml").write_text(text)
    assert read(tmp_path).mirror == ((1, 2),)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"sleap"}))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_anything_at_all_is_read_or_refused(tmp_path, name, content):
    path = tmp_path / f"any.{ENDING.get(name, 'csv')}"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read(path, name)


BOMB = (
    "<?xml version='1.0'?><!DOCTYPE dataset [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in pairwise("abcdefghi"))
    + "]><dataset><name>&i;</name></dataset>"
)
OUTSIDE = (
    "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><dataset><name>&e;</name></dataset>"
)


@pytest.mark.parametrize("document", [BOMB, OUTSIDE])
def test_entities_are_refused_before_they_grow(tmp_path, document):
    (tmp_path / "bomb.xml").write_text(document)
    with pytest.raises(InputError, match="a DOCTYPE is not read"):
        read(tmp_path / "bomb.xml")


def test_a_file_of_unreasonable_size_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("warpmarks.formats.sources.MAX_BYTES", 10)
    (tmp_path / "big.tps").write_text("LM=1\n1 2\nIMAGE=i.png\n")
    with pytest.raises(InputError, match="has 0 MiB: expected at most"):
        read(tmp_path / "big.tps")


def test_no_place_is_named_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.tps").write_text("LM=1\n1 2\nIMAGE=none.png\n")
    with pytest.raises(InputError, match=r"which is not in \. or images: name the folder"):
        read(Path("one.tps"))


def test_yaml_makes_no_objects(tmp_path):
    (tmp_path / "data.yaml").write_text("kpt_shape: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError, match="is no YAML file"):
        read(tmp_path / "data.yaml")


def test_a_yolo_label_with_a_wrong_number_of_numbers(tmp_path):
    Image.new("L", (8, 9)).save(tmp_path / "i.png")
    (tmp_path / "data.yaml").write_text("kpt_shape: [1, 3]\ntrain: list.txt\n")
    (tmp_path / "list.txt").write_text("./images/i.png\n")
    (tmp_path / "labels").mkdir()
    label = tmp_path / "labels" / "i.txt"
    label.write_text("0 0.5 0.5 1 1 0.5 0.5\n")
    with pytest.raises(InputError, match="has 7 numbers: expected 8"):
        read(tmp_path)
    label.write_text("0 0.5 0.5 1 1 0.5 0.5 2\n" * 2)
    with pytest.raises(InputError, match="has 2 objects"):
        read(tmp_path)
    label.write_text("\n")
    assert np.isnan(read(tmp_path).points).all()


@pytest.mark.parametrize(
    ("table", "changes", "sentence"),
    [
        ("frames", {"frame_idx": 9}, "has points on frame 9 of a video of 1 image"),
        ("videos_json", {"shape": [1, 2]}, None),
    ],
)
def test_a_damaged_file_of_sleap(tmp_path, table, changes, sentence):
    path = tmp_path / "a.slp"
    write(path, "sleap", fish())
    with h5py.File(path, "r+") as file:
        content = file[table][()]
        for row in range(len(content)):
            if table == "frames":
                content[row]["frame_idx"] = changes["frame_idx"]
            else:
                video = json.loads(content[row])
                video["backend"] |= changes
                content[row] = json.dumps(video).encode()
        file[table][...] = content
    if sentence is None:
        assert np.isnan(read(path).sizes).all()
        return
    with pytest.raises(InputError, match=sentence):
        read(path)


def test_pts_files_of_unlike_numbers_of_points(tmp_path):
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 1\n{\n1 1\n}\n")
    (tmp_path / "b.pts").write_text("version: 1\nn_points: 2\n{\n1 1\n2 2\n}\n")
    with pytest.raises(InputError, match=r"b.pts has 2 points, but .*a.pts has 1"):
        read(tmp_path)


def test_tps_refuses_what_it_would_give_back_as_missing(tmp_path):
    table = fish()
    table.points[0, 0] = -3, 40  # to the left of an image 32 high, and below it
    with pytest.raises(InputError, match=r"'tank/one.png' has a point to the left of and below"):
        write(tmp_path / "o.tps", "tps", table)
    assert not (tmp_path / "o.tps").exists()
    table.points[0, 0] = -3, 20
    write(tmp_path / "o.tps", "tps", table)
    assert (tmp_path / "o.tps").read_text().startswith("LM=3\n-3 12\n")

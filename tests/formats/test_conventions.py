"""Where the first pixel is, and which way is up, in each format: a file by hand and its pixels.

One image of 40 x 30 with two points: the centre of the first pixel, and the centre of the pixel in
column 12, row 7.
"""

import json

import numpy as np
import pytest
from PIL import Image

from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.registry import read, write

WIDTH, HEIGHT = 40, 30
PIXELS = [[0, 0], [12, 7]]

DLC = "scorer,Ana,Ana,Ana,Ana\nbodyparts,a,a,b,b\ncoords,x,y,x,y\n"


def coco():
    annotation = {"image_id": 3, "category_id": 1, "keypoints": [0, 0, 2, 12, 7, 2]}
    return json.dumps(
        {
            "images": [{"id": 3, "file_name": "i.png", "width": WIDTH, "height": HEIGHT}],
            "annotations": [annotation | {"id": 1, "bbox": [0, 0, 13, 8]}],
            "categories": [{"id": 1, "name": "fish", "keypoints": ["a", "b"]}],
        }
    )


def label_studio():
    def item(name, x, y):
        value = {"x": 100 * x / WIDTH, "y": 100 * y / HEIGHT, "keypointlabels": [name]}
        return {
            "type": "keypointlabels",
            "original_width": WIDTH,
            "original_height": HEIGHT,
            "value": value,
        }

    # In the middle of the first pixel, and of the thirteenth in the eighth row.
    result = [item("a", 0.5, 0.5), item("b", 12.5, 7.5)]
    return json.dumps([{"data": {"image": "i.png"}, "annotations": [{"result": result}]}])


FILES = {
    "coco": ("i.json", coco()),
    "deeplabcut": ("i.csv", DLC + "i.png,0,0,12,7\n"),
    "label-studio": ("i.json", label_studio()),
    "dlib": (
        "i.xml",
        "<dataset><images><image file='i.png'><box top='0' left='0' width='13' height='8'>"
        "<part name='a' x='0' y='0'/><part name='b' x='12' y='7'/></box></image></images>"
        "</dataset>",
    ),
    "pts": ("i.pts", "version: 1\nn_points: 2\n{\n1 1\n13 8\n}\n"),
    # The top row is at the height of the image.
    "tps": ("i.tps", "LM=2\n0 30\n12 23\nIMAGE=i.png\nID=0\n"),
    "warpmarks": ("landmarks.csv", "image,x1,y1,x2,y2\ni.png,0,0,12,7\n"),
}


@pytest.fixture
def images(tmp_path):
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "i.png")
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_a_file_by_hand_is_read_where_it_points(images, name):
    file, text = FILES[name]
    (images / file).write_text(text)
    table = read(images / file, name)
    assert table.images == ("i.png",)
    np.testing.assert_allclose(table.points[0], PIXELS, atol=1e-9)


def test_yolo_counts_from_edge_to_edge(images):
    (images / "labels").mkdir()
    (images / "images").mkdir()
    (images / "i.png").rename(images / "images" / "i.png")
    (images / "data.yaml").write_text("kpt_shape: [2, 3]\ntrain: images\nnames: [fish]\n")
    shares = [0.5 / WIDTH, 0.5 / HEIGHT, 2, 12.5 / WIDTH, 7.5 / HEIGHT, 2]
    label = [0, 6.5 / WIDTH, 4 / HEIGHT, 13 / WIDTH, 8 / HEIGHT, *shares]
    (images / "labels" / "i.txt").write_text(" ".join(map(str, label)))
    table = read(images)
    np.testing.assert_allclose(table.points[0], PIXELS, atol=1e-9)
    np.testing.assert_allclose(table.extras[0].box, (-0.5, -0.5, 13, 8))


def test_without_visibility_yolo_takes_0_0_for_a_point_that_is_not_labelled(images):
    (images / "labels").mkdir()
    (images / "images").mkdir()
    (images / "i.png").rename(images / "images" / "i.png")
    (images / "data.yaml").write_text("kpt_shape: [2, 2]\ntrain: images\nnames: [fish]\n")
    (images / "labels" / "i.txt").write_text(f"0 0.5 0.5 1 1 0 0 0 {7.5 / HEIGHT}\n")
    table = read(images)
    np.testing.assert_allclose(table.points[0], [[np.nan, np.nan], [-0.5, 7]], atol=1e-9)
    assert table.visibility[0].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("box", "written"),
    [
        ([-2, -3, 15, 11], "0 0.1625 0.13333333 0.325 0.26666667"),  # to 13, 8
        ([10, 6, 50, 60], "0 0.625 0.6 0.75 0.8"),
    ],
)
def test_a_box_over_the_edge_ends_there_in_yolo(images, box, written):
    """Ultralytics leaves out all of a file with a number beyond 0 to 1."""
    text = json.loads(coco())
    text["annotations"][0]["bbox"] = box
    (images / "i.json").write_text(json.dumps(text))
    write(images / "set", "yolo", read(images / "i.json"), ImageFiles((images,)))
    label = (images / "set" / "labels" / "i.txt").read_text()
    assert label == f"{written} 0.0125 0.01666667 2 0.3125 0.25 2\n"


@pytest.mark.parametrize("name", ["coco", "dlib"])
def test_a_box_over_pixels_spans_their_edges(images, name):
    file, text = FILES[name]
    (images / file).write_text(text)
    assert read(images / file, name).extras[0].box == (-0.5, -0.5, 13, 8)


def test_a_specimen_of_a_tps_file_without_landmarks_yet(images):
    """tpsUtil writes LM=0 for each image of a folder, and tpsDig fills them in one by one."""
    (images / "i.tps").write_text(
        "LM=0\nIMAGE=later.png\nID=0\nLM=2\n0 30\n12 23\nIMAGE=i.png\nID=1\n"
    )
    table = read(images / "i.tps")
    assert table.images == ("later.png", "i.png")
    assert np.isnan(table.points[0]).all()
    np.testing.assert_allclose(table.points[1], PIXELS)


def test_geomorph_names_images_by_id_without_extension(images):
    (images / "i.tps").write_text("LM=2\n0 30\nNA NA\nID=i\n\n")
    table = read(images / "i.tps")
    assert table.images == ("i.png",)
    np.testing.assert_allclose(table.points[0], [PIXELS[0], [np.nan, np.nan]])


def test_tps_counts_upwards_from_the_bottom_of_each_image(images):
    Image.new("L", (40, 17)).save(images / "low.png")
    (images / "i.tps").write_text(
        "LM=1\n5 1\nCURVES=1\nPOINTS=2\n1 0\n2 10\nIMAGE=i.png\nLM=1\n5 1\nIMAGE=low.png\n"
    )
    table = read(images / "i.tps")
    np.testing.assert_allclose(table.points[:, 0], [[5, 29], [5, 16]])
    np.testing.assert_allclose(table.extras[0].curves[0], [[1, 30], [2, 20]])
    write(images / "again.tps", "tps", table, ImageFiles((images,)))
    assert (images / "again.tps").read_text() == (
        "LM=1\n5 1\nCURVES=1\nPOINTS=2\n1 0\n2 10\nIMAGE=i.png\nID=0\n"
        "LM=1\n5 1\nIMAGE=low.png\nID=1\n"
    )


def test_each_format_as_it_is_written(images):
    """What other programs will find in our files, to the letter."""
    (images / "i.csv").write_text(DLC + "i.png,0.25,0,12,7\n")
    table = read(images / "i.csv")
    files = ImageFiles((images,))
    write(images / "o.pts", "pts", table)
    assert (images / "o.pts").read_text() == "version: 1\nn_points: 2\n{\n1.25 1\n13 8\n}\n"
    write(images / "o.csv", "lightning-pose", table)
    assert (images / "o.csv").read_text() == (
        "scorer,Ana,Ana,Ana,Ana,Ana,Ana\nbodyparts,a,a,a,b,b,b\n"
        "coords,x,y,visible,x,y,visible\ni.png,0.25,0,2,12,7,2\n"
    )
    write(images / "o.xml", "dlib", table, files)
    assert (images / "o.xml").read_text() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<images>\n"
        "  <image file=\"i.png\" width='40' height='30'>\n"
        "    <box top='0' left='0' width='13' height='8'>\n"
        "      <part name=\"a\" x='0' y='0'/>\n      <part name=\"b\" x='12' y='7'/>\n"
        "    </box>\n  </image>\n</images>\n</dataset>\n"
    )
    write(images / "set", "yolo", table, files)
    assert (images / "set" / "labels" / "i.txt").read_text() == (
        "0 0.165625 0.13333333 0.31875 0.26666667 0.01875 0.01666667 2 0.3125 0.25 2\n"
    )
    assert (images / "set" / "images.txt").read_text() == "./images/i.png\n"

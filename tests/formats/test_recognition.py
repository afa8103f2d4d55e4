import json

import pytest
from PIL import Image

from point_tables import fish, make_images
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles, images_beside, with_sizes
from warpmarks.formats.recognition import recognise, recognise_target
from warpmarks.formats.registry import FORMATS, find_format, read, write

TARGETS = {
    "coco": "points.json",
    "deeplabcut": "points.csv",
    "dlib": "points.xml",
    "label-studio": "points.json",
    "lightning-pose": "points.csv",
    "pts": "set",
    "tps": "points.tps",
    "warpmarks": "set",
    "yolo": "set",
}


@pytest.mark.parametrize("name", TARGETS)
def test_what_we_write_is_recognised(tmp_path, name):
    images = make_images(fish(), tmp_path / "images")
    write(tmp_path / TARGETS[name], name, fish(), ImageFiles((images,)))
    assert recognise(tmp_path / TARGETS[name], flag="--from") == name
    assert read(str(tmp_path / TARGETS[name]), images=str(images)).images == fish().images


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("a.json", "{}", "that `warpmarks convert --help` lists, name it there with --from"),
        ("a.xlsx", "PK", "is a workbook: save its table as CSV"),
        ("a.json", "[]", "is in no format"),
        ("a.csv", "frame,x,y\n", r"has the first columns of no table of points: expected image,x1"),
        ("a.csv", "name,x1,y1\n", r"frame,time,x1,y1,..., or .*, name the format with --from"),
        ("a.csv", " ,Label,X,Y\n1,a.jpg,1,2\n", r"a line for each image \(ImageJ has one for each"),
        ("a.csv", '"","image","x1","y1"\n', "as R writes .*: write it with row.names = FALSE"),
        ("a.csv", "scorer;Ana;Ana\nbodyparts;nose;nose\n", "is separated by semicolons: expected"),
        ("a.xls", " \tLabel\tX\tY\n1\ta.jpg\t1\t2\n", "has a line for each point: expected image"),
        ("a.h5", "", "is an HDF5 file, as DeepLabCut writes beside its CSV: give the CSV file"),
        (
            "a.json",
            '[{"id": 1, "image": "a.jpg", "kp-1": [{"x": 5, "keypointlabels": ["n"]}]}]',
            "is Label Studio's JSON-MIN, which says too little: export as JSON",
        ),
        ("a.csv", "", "is empty: expected a table"),
        ("a.csv", "\n\n", "is empty: expected a table"),
        ("a.csv", "image quality,x1,y1\n", "first columns of no table"),
        ("a.txt", "LM=1", "is in no format"),
        ("a.json", "{", "is damaged"),
        ("folder/readme.md", "", "holds no landmarks.csv, no data.yaml of YOLO and no .pts"),
    ],
)
def test_what_is_not_recognised(tmp_path, file, content, sentence):
    (tmp_path / "folder").mkdir()
    (tmp_path / file).write_text(content)
    path = tmp_path / file.split("/")[0]
    with pytest.raises(InputError, match=sentence) as caught:
        recognise(path, flag="--from")
    assert str(path) in str(caught.value)


def test_the_csv_beside_an_hdf5_file_is_named(tmp_path):
    for ending in ("h5", "csv"):
        (tmp_path / f"CollectedData_Ana.{ending}").touch()
    with pytest.raises(InputError, match=r"give CollectedData_Ana.csv, which lies beside it"):
        recognise(tmp_path / "CollectedData_Ana.h5", flag="--from")


@pytest.mark.parametrize(
    "header",
    [
        b"image;x1;y1",
        b"\xef\xbb\xbfImage\tx1\ty1",
        b"images,x1,y1",
        "image,x1,y1".encode("utf-16"),
        b"frame;time;x1;y1",
    ],
)
def test_a_table_that_is_nearly_ours_is_left_to_its_reader(tmp_path, header):
    (tmp_path / "a.csv").write_bytes(header + b"\n")
    assert recognise(tmp_path / "a.csv", flag="--from") == "warpmarks"


def test_pts_files_in_capitals_are_read(tmp_path):
    write(tmp_path, "pts", fish())
    (tmp_path / "two.pts").rename(tmp_path / "two.PTS")
    assert recognise(tmp_path, flag="--from") == "pts"
    assert read(tmp_path).images == ("tank/one", "two")


def test_a_folder_of_two_formats(tmp_path):
    write(tmp_path, "pts", fish())
    write(tmp_path, "warpmarks", fish())
    with pytest.raises(InputError, match="holds warpmarks and pts: name one of them with --from"):
        recognise(tmp_path, flag="--from")
    assert read(tmp_path, "warpmarks").names == fish().names


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("a.tps", "tps"),
        ("A.TPS", "tps"),
        ("a.xml", "dlib"),
        ("a.slp", "sleap"),
        ("one.pts", "pts"),
        ("set/landmarks.csv", "warpmarks"),
        ("CollectedData_Ana.csv", "deeplabcut"),
    ],
)
def test_names_that_say_their_format(tmp_path, target, name):
    assert recognise_target(tmp_path / target, flag="--to") == name


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("a.json", "could be coco or label-studio: name the format with --to"),
        (
            "a.csv",
            "could be deeplabcut or lightning-pose: name the format with --to, or write "
            "our landmarks.csv or a folder of it",
        ),
        ("folder", "could be warpmarks, pts or yolo"),
        ("a.doc", "has the name of no format"),
        ("data.yaml", "has the name of no format"),
    ],
)
def test_names_that_could_be_several(tmp_path, target, sentence):
    with pytest.raises(InputError, match=sentence):
        recognise_target(tmp_path / target, flag="--to")


def test_a_name_of_no_format():
    with pytest.raises(InputError, match="--to is 'voc': expected one of coco, deeplabcut"):
        find_format("voc", flag="--to")
    assert find_format("tps", flag="--to") is FORMATS["tps"]


def test_what_is_not_there_or_a_folder(tmp_path):
    for name in (None, "coco"):
        with pytest.raises(InputError, match="does not exist"):
            read(tmp_path / "none.json", name)
    with pytest.raises(InputError, match="is a folder: expected a file of COCO keypoints"):
        read(tmp_path, "coco")


def test_images_are_looked_for_around_the_file(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("L", (5, 7)).save(tmp_path / "images" / "i.png")
    (tmp_path / "labels").mkdir()
    for path in (tmp_path / "a.tps", tmp_path / "labels", tmp_path / "images" / "a.tps"):
        assert images_beside(path).size("deep/i.png") == (5, 7)
    assert images_beside(tmp_path / "labels" / "deeper" / "a.tps").size("i.png") is None
    assert images_beside(tmp_path / "x", tmp_path).size("i.png") == (5, 7)
    with pytest.raises(InputError, match=r"--images .*none does not exist"):
        images_beside(tmp_path, tmp_path / "none")


def test_an_image_of_another_size_is_told(tmp_path):
    images = make_images(fish(), tmp_path)
    Image.new("L", (24, 16)).save(images / "tank" / "one.png")
    with pytest.raises(InputError, match=r"of an image of 48 x 32, but .*one.png has 24 x 16"):
        with_sizes(fish(), ImageFiles((images,)), needed_by=None)


def test_roboflows_layout_of_yolo(tmp_path):
    for split in ("train", "valid"):
        (tmp_path / split / "images").mkdir(parents=True)
        (tmp_path / split / "labels").mkdir()
        Image.new("L", (10, 20)).save(tmp_path / split / "images" / f"{split}.png")
        label = "0 0.5 0.5 1 1 0.25 0.75\n"
        (tmp_path / split / "labels" / f"{split}.txt").write_text(label)
    (tmp_path / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\nkpt_shape: [1, 2]\nnames: ['fish']\n"
    )
    table = read(tmp_path)
    assert table.images == ("train/images/train.png", "valid/images/valid.png")
    assert table.points.tolist() == [[[2, 14.5]], [[2, 14.5]]]
    assert (table.names, table.named, table.category) == (("1",), False, "fish")


def test_coco_of_one_kind_among_others(tmp_path):
    content = {
        "images": [{"id": 7, "file_name": "b.png"}, {"id": 2, "file_name": "a.png"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "keypoints": [3, 4, 1]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 2, 2]},
            {"id": 3, "image_id": 7, "category_id": 5, "keypoints": [0, 0, 0], "iscrowd": 1},
        ],
        "categories": [
            {"id": 1, "name": "tank"},
            {"id": 3, "name": "cat", "keypoints": ["ear"]},
            {"id": 5, "name": "fish", "keypoints": ["fin"]},
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    table = read(tmp_path / "c.json")
    assert (table.names, table.images, table.category) == (("fin",), ("b.png", "a.png"), "fish")
    assert table.visibility.tolist() == [[1], [0]]
    content["annotations"][2] |= {"image_id": 2, "category_id": 3, "iscrowd": 0}
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="has points of 'fish' and of 'cat'"):
        read(tmp_path / "c.json")

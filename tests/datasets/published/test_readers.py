"""Each reader on a small copy in the exact layout, and with the traps that real copies have."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import published_copies as copies
from warpmarks.datasets.published.cats import read_cat, read_cats
from warpmarks.datasets.published.celeba import read_celeba, read_mafl
from warpmarks.datasets.published.finding_parts import Places
from warpmarks.datasets.published.mtfl import read_aflw, read_mtfl
from warpmarks.datasets.published.published_set import SourceImages
from warpmarks.datasets.published.three_hundred_w import read_300w, read_pts
from warpmarks.datasets.published.zappos import read_zappos
from warpmarks.errors import InputError


def assert_found(source: SourceImages, points: dict[str, np.ndarray]) -> None:
    """The files are those of the names, and hold the points."""
    assert sorted(source.names) == sorted(points)
    assert source.points is not None
    for name, file, found in zip(source.names, source.files, source.points, strict=True):
        np.testing.assert_allclose(found, points[name], atol=1e-5)
        np.testing.assert_allclose(copies.seen(copies.load(file)), points[name][:3], atol=0.3)


def splits(source: SourceImages) -> dict[str, str]:
    return dict(zip(source.names, source.splits, strict=True))


@pytest.mark.parametrize(("mark", "end"), [("", "\n"), ("\ufeff", "\r\n")])
def test_celeba_without_the_test_images_of_mafl(tmp_path, mark, end):
    points = copies.celeba(tmp_path, end=end)
    partition = tmp_path / "Eval" / "list_eval_partition.txt"
    partition.write_bytes(mark.encode() + partition.read_bytes())
    source = read_celeba(Places([tmp_path]))
    assert_found(source, points)
    assert source.gaps == ()
    assert source.notes == ("1 of CelebA's training images are test images of MAFL and left train",)
    assert splits(source) == {
        **{f"{number:06}.jpg": "train" for number in (1, 2, 4, 5, 6)},
        **{f"{number:06}.jpg": "val" for number in (7, 8)},
        "000009.jpg": "test",
        "000003.jpg": "mafl-test",
        "000010.jpg": "mafl-test",
    }


def test_mafl(tmp_path):
    points = copies.celeba(tmp_path)
    source = read_mafl(Places([tmp_path]))
    expected = {
        "000001.jpg": "train",
        "000002.jpg": "train",
        "000007.jpg": "train",
        "000003.jpg": "test",
        "000010.jpg": "test",
    }
    assert splits(source) == expected
    assert_found(source, {name: points[name] for name in expected})


def test_the_lists_of_mafl_are_told_from_those_of_mtfl(tmp_path):
    copies.celeba(tmp_path / "faces" / "CelebA")
    copies.mtfl(tmp_path / "faces")
    assert len(read_mafl(Places([tmp_path / "faces"])).names) == 5
    assert len(read_mtfl(Places([tmp_path / "faces"])).names) == 4


def test_celeba_as_kaggle_has_it(tmp_path):
    points = copies.celeba(tmp_path / "official")
    flat = tmp_path / "archive"
    images = flat / "img_align_celeba" / "img_align_celeba"
    shutil.copytree(tmp_path / "official" / "Img" / "img_align_celeba", images)
    header = "image_id," + ",".join(
        f"{name}_{axis}" for name in copies.FIVE_COLUMNS for axis in "xy"
    )
    copies.write_lines(
        flat / "list_landmarks_align_celeba.csv",
        [
            header,
            *(f"{name},{','.join(map(str, marked.ravel()))}" for name, marked in points.items()),
        ],
    )
    copies.write_lines(
        flat / "list_eval_partition.csv",
        ["image_id,partition", *(f"{name},{index % 3}" for index, name in enumerate(points))],
    )
    source = read_celeba(Places([flat, tmp_path / "official" / "MAFL"]))
    assert_found(source, points)
    assert splits(source)["000002.jpg"] == "val"
    assert source.gaps == ()


def test_celeba_with_other_extensions_and_missing_images(tmp_path):
    points = copies.celeba(tmp_path)
    folder = tmp_path / "Img" / "img_align_celeba"
    (folder / "000001.jpg").rename(folder / "000001.JPG")
    copies.load(folder / "000002.jpg").save(folder / "000002.png")
    (folder / "000002.jpg").unlink()
    (folder / "000005.jpg").unlink()
    source = read_celeba(Places([tmp_path]))
    assert_found(source, {name: marked for name, marked in points.items() if name != "000005.jpg"})
    (gap,) = source.gaps
    assert gap.startswith("1 image that ")
    assert gap.endswith(f"is not in {folder}, such as 000005.jpg")


def test_lists_of_celeba_that_do_not_fit_each_other(tmp_path):
    copies.celeba(tmp_path)
    partition = tmp_path / "Eval" / "list_eval_partition.txt"
    partition.write_text(partition.read_text().replace("000004.jpg 0\n", ""))
    with (tmp_path / "MAFL" / "testing.txt").open("a") as file:
        file.write("000077.jpg\n")
    source = read_celeba(Places([tmp_path]))
    assert "000004.jpg" not in source.names
    first, second = source.gaps
    assert "list_eval_partition.txt lacks 1 of the images that" in first
    assert first.endswith("such as 000004.jpg")
    assert "list_landmarks_align_celeba.txt lacks 1 of the images that MAFL's" in second


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "Anno/list_landmarks_align_celeba.txt",
            "10\n",
            "202599\n",
            "promises 202599 images in its",
        ),
        (
            "Anno/list_landmarks_align_celeba.txt",
            "000004.jpg ",
            "000004.jpg 7 ",
            "line 6: 12 columns",
        ),
        (
            "Anno/list_landmarks_align_celeba.txt",
            "000004.jpg ",
            "000003.jpg ",
            "line 6: 000003.jpg is ",
        ),
        ("Anno/list_landmarks_align_celeba.txt", "000004.jpg ", "000004.jpg x", "line 6: 'x"),
        ("Eval/list_eval_partition.txt", "000004.jpg 0", "000004.jpg 3", "line 4: '000004.jpg 3'"),
        ("Eval/list_eval_partition.txt", "000004.jpg", "000003.jpg", "line 4: 000003.jpg is there"),
        ("MAFL/testing.txt", "000003.jpg", "000003.jpg 1", "line 1: 2 columns: expected a list"),
        ("MAFL/testing.txt", "000003.jpg", "000010.jpg", "line 2: 000010.jpg is there already"),
    ],
)
def test_wrong_lines_of_celeba_are_named(tmp_path, file, old, new, message):
    copies.celeba(tmp_path)
    content = (tmp_path / file).read_text()
    (tmp_path / file).write_text(content.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_celeba(Places([tmp_path]))
    assert str(tmp_path / file) in str(caught.value)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("Img", "has no folder img_align_celeba with CelebA's aligned images: unpack it there"),
        ("Anno", "has no file list_landmarks_align_celeba.txt, CelebA's points"),
        ("Eval", "has no file list_eval_partition.txt, the list of"),
        ("MAFL", "has no file testing.txt, a list of MAFL's images"),
    ],
)
def test_a_part_of_celeba_that_is_not_there_is_named(tmp_path, part, message):
    copies.celeba(tmp_path)
    shutil.rmtree(tmp_path / part)
    with pytest.raises(InputError, match=message):
        read_celeba(Places([tmp_path]))


def test_folders_that_lack_something_are_told_once_each(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for given, told in [
        ([tmp_path, tmp_path], f"{tmp_path} has no folder img_"),
        ([tmp_path, lists], f"{tmp_path} and {lists} have no folder img_"),
    ]:
        with pytest.raises(InputError) as caught:
            read_celeba(Places(given))
        assert str(caught.value).startswith(told)


def test_mafl_lists_that_overlap_are_refused(tmp_path):
    copies.celeba(tmp_path)
    shutil.copy(tmp_path / "MAFL" / "training.txt", tmp_path / "MAFL" / "testing.txt")
    with pytest.raises(InputError, match=r"testing.txt names 000001.jpg, which training.txt names"):
        read_mafl(Places([tmp_path]))


def test_300w(tmp_path):
    points = copies.three_hundred_w(tmp_path)
    source = read_300w(Places([tmp_path]))
    assert_found(source, points)
    assert source.gaps == ()
    assert splits(source) == {
        "afw/134212_1.jpg": "train",
        "helen/trainset/100032540_1.jpg": "train",
        "lfpw/trainset/image_0001.png": "train",
        "helen/testset/296814969_3.jpg": "test/common",
        "lfpw/testset/image_0001.png": "test/common",
        "ibug/image_092 _01.jpg": "test/challenging",
    }


def test_300w_in_nested_folders_in_capitals_with_mirrored_and_hidden_files(tmp_path):
    points = copies.three_hundred_w(tmp_path / "parts")
    nested = tmp_path / "data" / "300W"
    for part, home in (
        ("afw", "AFW/afw"),
        ("helen", "HELEN"),
        ("lfpw", "LFPW"),
        ("ibug", "IBUG"),
    ):
        shutil.copytree(tmp_path / "parts" / part, nested / home)
    afw = nested / "AFW" / "afw"
    for suffix in (".jpg", ".pts"):
        shutil.copy(afw / f"134212_1{suffix}", afw / f"134212_1_mirror{suffix}")
        shutil.copy(afw / f"134212_1{suffix}", afw / f"._134212_1{suffix}")
    (afw / "134212_1.jpg").rename(afw / "134212_1.JPG")
    (nested / "01_Indoor").mkdir()
    copies.write_lines(nested / "01_Indoor" / "indoor_001.pts", copies.pts_lines(np.ones((68, 2))))
    source = read_300w(Places([tmp_path / "data"]))
    points["afw/134212_1.JPG"] = points.pop("afw/134212_1.jpg")
    assert_found(source, points)
    assert source.gaps == ()


def test_300w_says_which_parts_and_images_are_missing(tmp_path):
    copies.three_hundred_w(tmp_path)
    shutil.rmtree(tmp_path / "ibug")
    (tmp_path / "lfpw" / "testset" / "image_0001.png").unlink()
    source = read_300w(Places([tmp_path]))
    assert len(source.names) == 4
    assert source.gaps == (
        f"{tmp_path / 'lfpw/testset'} has .pts files without an image: 1, such as image_0001.pts",
        f"{tmp_path} has no folder ibug with .pts files",
    )


def test_the_challenges_own_test_set_is_not_taken_for_the_papers(tmp_path):
    copies.write_lines(
        tmp_path / "300W" / "01_Indoor" / "indoor_001.pts", copies.pts_lines(np.ones((68, 2)))
    )
    with pytest.raises(
        InputError, match=r"none of the folders afw, .*own test set, which is anoth"
    ):
        read_300w(Places([tmp_path]))


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nn_points:  3\n{\n1 1\n2.5 3\n4 11\n}\n",
        "version: 1\r\nn_points: 3\r\n{\r\n1.000 1.000 \r\n2.5 3\r\n4 11\r\n}",
        "\ufeffversion: 1\nn_points: 3\n\n{ 1 1\n\n2.5\t3\n4 11 }\n9 9\n",
    ],
)
def test_pts_files_count_from_one(tmp_path, text):
    (tmp_path / "a.pts").write_text(text, newline="")
    np.testing.assert_array_equal(read_pts(tmp_path / "a.pts", 3), [[0, 0], [1.5, 2], [3, 10]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 points in braces: expected 3"),
        ("version: 1\nn_points: 2\n{\n1 1\n2 2\n}\n", "has 2 points in braces: expected 3"),
        ("{\n1 1\n2 2 2\n3 3\n}", "line 3: '2 2 2': expected x and y"),
        ("{\n1 1\n2 nan\n3 3\n}", "line 3: 'nan' is not a number"),
    ],
)
def test_wrong_pts_files_are_named(tmp_path, text, message):
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_pts(tmp_path / "a.pts", 3)
    assert str(tmp_path / "a.pts") in str(caught.value)


@pytest.mark.parametrize("attributes", [" 1 2 2 3", ""])
def test_mtfl(tmp_path, attributes):
    points = copies.mtfl(tmp_path, attributes=attributes)
    source = read_mtfl(Places([tmp_path]))
    assert_found(source, points)
    assert source.gaps == ()
    assert [name.split("/")[0] for name, part in splits(source).items() if part == "test"] == [
        "AFLW",
        "AFLW",
    ]


def test_mtfl_in_other_cases_and_with_missing_images(tmp_path):
    points = copies.mtfl(tmp_path / "MTFL")
    (tmp_path / "MTFL" / "AFLW").rename(tmp_path / "MTFL" / "aflw")
    (tmp_path / "MTFL" / "lfw_5590" / "Aaron_Eckhart_0001.jpg").unlink()
    source = read_mtfl(Places([tmp_path]))
    del points["lfw_5590/Aaron_Eckhart_0001.jpg"]
    assert_found(source, points)
    assert len(source.gaps) == 1
    assert source.gaps[0].endswith("such as lfw_5590/Aaron_Eckhart_0001.jpg")


def test_a_short_line_of_mtfl_is_named(tmp_path):
    copies.mtfl(tmp_path)
    copies.write_lines(tmp_path / "testing.txt", ["AFLW\\0001-image20056.jpg 1 2 3 4 5 1 2 3 4"])
    with pytest.raises(
        InputError, match=r"testing.txt, line 1: 10 columns: expected the image, x1"
    ):
        read_mtfl(Places([tmp_path]))


@pytest.mark.parametrize("said", ["cropped/", "", "cropped\\"])
def test_aflw(tmp_path, said):
    points = copies.aflw(tmp_path)
    table = tmp_path / "aflw_cropped" / "facedata_cropped.csv"
    table.write_text(table.read_text().replace("cropped/", said))
    source = read_aflw(Places([tmp_path]))
    if not said:
        points = {name.removeprefix("cropped/"): marked for name, marked in points.items()}
    assert_found(source, points)
    assert source.gaps == ()
    assert sorted(source.splits) == ["test", "test", "train", "train"]


def test_aflw_says_what_is_missing(tmp_path):
    copies.aflw(tmp_path)
    (tmp_path / "aflw_cropped" / "cropped" / "50749.jpg").unlink()
    assert read_aflw(Places([tmp_path])).gaps[0].endswith("such as cropped/50749.jpg")
    table = tmp_path / "aflw_cropped" / "facedata_cropped.csv"
    content = table.read_text()
    table.write_text(content.replace(",set,", ",part,"))
    with pytest.raises(InputError, match="has no column set"):
        read_aflw(Places([tmp_path]))
    table.write_text(
        content.rsplit(",", 2)[0].replace("56143,image56143.jpg,2", "5,5.jpg,1") + "\n"
    )
    with pytest.raises(InputError, match="line 4: 12 columns: expected four and then"):
        read_aflw(Places([tmp_path]))
    table.unlink()
    with pytest.raises(InputError, match=r"has no file facedata_cropped.csv, the paper's training"):
        read_aflw(Places([tmp_path]))


def test_cats(tmp_path):
    points = copies.cats(tmp_path)
    for name in ("._00000001_000.jpg", "._00000001_000.jpg.cat", "Thumbs.db"):
        (tmp_path / "CAT_00" / name).write_bytes(b"\0\5\26\7")
    source = read_cats(Places([tmp_path]))
    assert_found(source, points)
    assert source.gaps == ()
    assert list(source.names) == sorted(points)
    assert source.splits == ("train",) * 12 + ("val",) * 2


def test_cats_with_missing_photographs_points_and_folders(tmp_path):
    copies.cats(tmp_path / "CAT_DATASET_01")
    for folder in ("CAT_02", "CAT_03"):
        (tmp_path / "CAT_DATASET_02").mkdir(exist_ok=True)
        (tmp_path / "CAT_DATASET_01" / folder).rename(tmp_path / "CAT_DATASET_02" / folder)
    first = tmp_path / "CAT_DATASET_01"
    (first / "CAT_01" / "00000002_000.jpg").unlink()
    (first / "CAT_01" / "00000003_000.jpg.cat").unlink()
    shutil.rmtree(first / "CAT_06")
    source = read_cats(Places([tmp_path]))
    assert len(source.names) == 10
    assert source.gaps == (
        f"{first / 'CAT_01'} has .cat files without an image: 1, such as 00000002_000.jpg.cat",
        f"{first / 'CAT_01'} has images without a .cat file: 1, such as 00000003_000.jpg",
        f"{tmp_path} has no folder CAT_06 with .jpg.cat files",
    )


@pytest.mark.parametrize("text", ["", "8 " + "1 " * 16, "9 " + "1 " * 17, "9 " + "1 " * 17 + "x"])
def test_wrong_cat_files_are_named(tmp_path, text):
    (tmp_path / "a.jpg.cat").write_text(text)
    with pytest.raises(InputError, match=r"a.jpg.cat") as caught:
        read_cat(tmp_path / "a.jpg.cat")
    assert str(caught.value).count(". ") == 0


def test_a_cat_file_over_several_lines_with_more_numbers(tmp_path):
    numbers = range(1, 19)
    lines = ["9", *(f"{a} {b}" for a, b in zip(numbers[::2], numbers[1::2], strict=True)), "0 0"]
    copies.write_lines(tmp_path / "a.jpg.cat", lines, "\r\n")
    np.testing.assert_array_equal(read_cat(tmp_path / "a.jpg.cat"), np.arange(1, 19).reshape(9, 2))


def test_zappos(tmp_path):
    names = copies.zappos(tmp_path)
    source = read_zappos(Places([tmp_path]))
    assert sorted(source.names) == sorted(names)
    assert source.points is None
    assert all(Path(file).is_file() for file in source.files)
    assert source.splits.count("val") == 1
    shutil.rmtree(tmp_path / "ut-zap50k-images" / "Boots")
    assert read_zappos(Places([tmp_path])).gaps == (
        f"{tmp_path / 'ut-zap50k-images'} has no folder Boots",
    )


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (read_300w, "has none of the folders afw, helen/trainset"),
        (read_cats, "has none of the folders CAT_00 to CAT_06"),
        (read_zappos, "has none of the folders Boots, Sandals, Shoes, Slippers"),
        (read_mtfl, "has no file training.txt, one of the two lists of MTFL.zip"),
    ],
)
def test_an_empty_folder_is_told_apart(tmp_path, reader, message):
    with pytest.raises(InputError, match=message):
        reader(Places([tmp_path]))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(
        InputError, match="none is not a folder: give the folder that the image set"
    ):
        Places([tmp_path / "none"])

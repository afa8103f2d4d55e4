import csv

import pytest
from PIL import Image

import published_copies
from annotated_examples import make_annotated_set
from warpmarks.reproduce.copies import find_copies, find_copy
from warpmarks.reproduce.protocol import load_protocol


@pytest.fixture(scope="module")
def celeba(tmp_path_factory):
    root = tmp_path_factory.mktemp("celeba")
    published_copies.celeba(root)
    return root


def test_a_copy_with_its_splits_and_gaps(celeba):
    copy = find_copy("celeba", {"celeba": [celeba]}, ["train"])
    assert {name: split.images for name, split in copy.splits.items()} == {
        "train": 5,
        "val": 2,
        "test": 1,
        "mafl-test": 2,
    }
    assert (copy.points, copy.absent, copy.splits["train"].complete) == (5, "", 5)
    assert copy.gaps == (
        "mafl-test has 2 of 1,000 images",
        "all has 10 of 202,599 images",
    )
    assert copy.lacks("train", labels=5) == ""
    assert copy.lacks("train", labels=6) == (
        "CelebA train has 5 images with all points, where 6 are drawn"
    )
    assert "no images of the split 'vla': the splits there are" in copy.lacks("vla")


def test_a_set_that_was_not_given_and_one_that_cannot_be_read(celeba, tmp_path):
    absent = find_copy("mafl", {"mafl": [celeba]}, ["test"])
    assert absent.lacks("test") == "MAFL was not given: say where it is by --celeba"
    (tmp_path / "img_align_celeba").mkdir()
    broken = find_copy("mafl", {"celeba": [tmp_path]}, ["test"])
    assert "has no folder img_align_celeba" in broken.lacks("test")
    assert broken.lacks("test").endswith("(or give its folder by --mafl)")


def test_parts_of_a_set_in_several_folders(celeba, tmp_path):
    lists = tmp_path / "lists"
    (celeba / "MAFL").rename(lists)
    try:
        alone = find_copy("mafl", {"celeba": [celeba]}, ["test"])
        assert alone.absent
        both = find_copy("mafl", {"celeba": [celeba], "mafl": [lists]}, ["test"])
        assert both.splits["test"].images == 2
    finally:
        lists.rename(celeba / "MAFL")


def test_a_split_of_several_parts_counts_them(tmp_path):
    published_copies.three_hundred_w(tmp_path)
    copy = find_copy("300w", {"300w": [tmp_path]}, ["train", "test"])
    assert copy.splits["test"].images == 3
    assert copy.splits["test/common"].images == 2


def own(root):
    make_annotated_set(root)
    with (root / "split.csv").open("w", newline="") as file:
        rows = [(f"{i:02}.png", "fit" if i < 5 else "hidden") for i in range(8)]
        csv.writer(file).writerows([("image", "split"), *rows])
    return root


def test_a_set_of_ones_own_with_its_own_names_of_splits(tmp_path):
    root = own(tmp_path / "blobs")
    parts = load_protocol("own").parts()
    copies = find_copies(parts, {"set": [root]}, {"train": "fit", "val": "hidden"})
    copy = copies["own"]
    assert {name: split.images for name, split in copy.splits.items()} == {"train": 5, "val": 3}
    assert (copy.splits["train"].annotated, copy.splits["train"].complete) == (5, 4)
    assert copy.lacks("train", labels=5) == (
        "the set fit has 4 images with all points, where 5 are drawn"
    )
    plain = find_copies(parts, {"set": [root]}, {"train": "train", "val": "val"})["own"]
    assert plain.lacks("val") == (
        "the set has no images of the split 'val': the splits there are fit, hidden"
    )
    misspelt = find_copies(parts, {"set": [root]}, {"train": "fti", "val": "fit"})["own"]
    assert misspelt.lacks("train") == (
        "the set has no images of the split 'fti': the splits there are fit, hidden"
    )


def test_a_moved_copy_is_the_same_and_a_corrected_point_another(tmp_path):
    first, second = own(tmp_path / "one" / "blobs"), own(tmp_path / "two" / "cats")

    def digests():
        names = {"train": "fit", "val": "hidden"}
        copies = [
            find_copy("own", {"set": [root]}, ["train"], names=names) for root in (first, second)
        ]
        return [[copy.digest, *(split.digest for split in copy.splits.values())] for copy in copies]

    one, two = digests()
    assert one == two
    table = (second / "landmarks.csv").read_text().splitlines()
    name, x, *rest = table[1].split(",")
    table[1] = ",".join([name, str(float(x) + 1), *rest])
    (second / "landmarks.csv").write_text("\n".join(table) + "\n")
    one, two = digests()
    assert [a == b for a, b in zip(one, two, strict=True)] == [False, False, True]


def test_other_images_of_the_same_names_are_another_copy(tmp_path):
    first, second = own(tmp_path / "one"), own(tmp_path / "two")
    for root in (first, second):
        (root / "landmarks.csv").unlink()
    Image.new("RGB", (9, 7), "red").save(second / "images" / "06.png")

    def digests(root):
        copy = find_copy("own", {"set": [root]}, [])
        return {"all": copy.digest, **{name: split.digest for name, split in copy.splits.items()}}

    one, two = digests(first), digests(second)
    assert {name: one[name] == two[name] for name in one} == {
        "all": False,
        "fit": True,
        "hidden": False,
    }

import dataclasses

import pytest
from PIL import Image

import published_copies as copies
from warpmarks.datasets.published.checking import SplitCount, check
from warpmarks.datasets.published.registry import PUBLISHED, published_set
from warpmarks.errors import InputError


def test_counts_are_held_against_the_published_ones(tmp_path):
    copies.three_hundred_w(tmp_path)
    found = check(PUBLISHED["300w"], [tmp_path])
    assert found.counts == (
        SplitCount("train", 3, 3148),
        SplitCount("test", 3, 689),
        SplitCount("test/common", 2, 554),
        SplitCount("test/challenging", 1, 135),
        SplitCount("all", 6, None),
    )
    assert found.gaps[0] == "train has 3 images of 3,148"
    assert len(found.gaps) == 4


def test_the_published_numbers_add_up():
    for published in PUBLISHED.values():
        counts = published.counts
        if "val" in counts and "all" in counts:
            assert counts["train"] + counts["val"] == counts["all"]
        if "test/common" in counts:
            assert counts["test/common"] + counts["test/challenging"] == counts["test"]


def test_more_images_than_published_are_no_gap(tmp_path):
    copies.cats(tmp_path)
    few = dataclasses.replace(PUBLISHED["cats"], counts={"train": 11})
    found = check(few, [tmp_path])
    assert found.gaps == ()
    assert found.notes == ("train has 12 images, more than the published 11",)
    assert found.counts == (
        SplitCount("train", 12, 11),
        SplitCount("val", 2, None),
        SplitCount("all", 14, None),
    )


def test_images_of_another_size_are_found_out(tmp_path):
    copies.celeba(tmp_path)
    last = tmp_path / "Img" / "img_align_celeba" / "000010.jpg"
    Image.new("RGB", (400, 500)).save(last)
    found = check(PUBLISHED["celeba"], [tmp_path])
    assert found.gaps[-1] == f"{last} has 400 x 500 pixels where CelebA, aligned has 178 x 218"


def test_only_the_crops_of_mtfl_have_one_size(tmp_path):
    copies.mtfl(tmp_path)
    assert all("pixels" not in gap for gap in check(PUBLISHED["mtfl"], [tmp_path]).gaps)
    crop = tmp_path / "AFLW" / "0001-image20056.jpg"
    Image.new("RGB", (128, 150)).save(crop)
    gaps = check(PUBLISHED["mtfl"], [tmp_path]).gaps
    assert gaps[-1] == f"{crop} has 128 x 150 pixels where MTFL has 150 x 150"


def test_an_unknown_set_is_told_apart():
    with pytest.raises(
        InputError, match="there is no image set 'celebs': the known ones are celeba,"
    ):
        published_set("celebs")

import pytest
from PIL import Image

from warpmarks.datasets.aspect import middle_aspect
from warpmarks.datasets.image_set import find_images


def folder_of(tmp_path, sizes):
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    return find_images(tmp_path)


def test_the_middle_one_of_mixed_aspects_is_taken(tmp_path):
    images = folder_of(tmp_path, [(30, 10), (40, 20), (20, 20), (20, 10), (10, 20)])
    assert middle_aspect(images) == pytest.approx(2)


@pytest.mark.parametrize(
    ("size", "expected"), [((103, 100), 1.0), ((900, 10), 4.0), ((9, 90), 0.25)]
)
def test_nearly_square_is_square_and_extremes_are_cut(tmp_path, size, expected):
    assert middle_aspect(folder_of(tmp_path, [size])) == expected


def test_a_picture_taken_upright_counts_as_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert middle_aspect(find_images(tmp_path)) == pytest.approx(0.5)


def test_unreadable_images_do_not_count(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    assert middle_aspect(folder_of(tmp_path, [(20, 10)])) == pytest.approx(2)

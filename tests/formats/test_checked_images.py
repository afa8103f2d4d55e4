"""What a file says of its images, and what they are where they are found."""

import json
import threading
import unicodedata

import numpy as np
import pytest
from PIL import Image

from warpmarks.datasets.reading import open_image, read_stored_size
from warpmarks.errors import InputError
from warpmarks.formats import image_files
from warpmarks.formats.image_files import images_beside, with_sizes
from warpmarks.formats.registry import read
from warpmarks.system.parallel import CHUNK


def picture(path, size=(20, 10), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path, **options)


def tps(path, *images):
    path.write_text("".join(f"LM=1\n3 4\nIMAGE={image}\n" for image in images))
    return path


def coco(path, image, width, height):
    content = {
        "images": [{"id": 1, "file_name": image, "width": width, "height": height}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [3, 4, 2]}],
        "categories": [{"id": 1, "name": "cat", "keypoints": ["nose"]}],
    }
    path.write_text(json.dumps(content))
    return path


def test_an_image_of_another_size_than_the_file_says_is_refused(tmp_path):
    picture(tmp_path / "photos" / "a.png", (20, 10))
    source = coco(tmp_path / "c.json", "a.png", 10, 20)
    with pytest.raises(InputError, match=r"of an image of 10 x 20, but .*a.png has 20 x 10: bring"):
        read(source, images=tmp_path / "photos")
    assert read(source).images == ("a.png",), "nothing is known of images that are not found"
    assert read(coco(source, "a.png", 20, 10), images=tmp_path / "photos").images == ("a.png",)


def test_one_image_is_not_taken_for_two(tmp_path):
    picture(tmp_path / "ph" / "s1" / "d.png", (20, 10))
    picture(tmp_path / "ph" / "s2" / "d.png", (20, 30))
    source = tps(tmp_path / "two.tps", "s1/d.png", "s2/d.png")
    with pytest.raises(InputError, match=r"'s1/d.png' and 's2/d.png' would both be .*s1/d.png: "):
        read(source, images=tmp_path / "ph" / "s1")
    table = read(source, images=tmp_path / "ph")
    assert table.images == ("s1/d.png", "s2/d.png")
    assert table.points[:, 0].tolist() == [[3, 6], [3, 26]]
    longer = tps(tmp_path / "long.tps", "C:\\ana\\s1\\d.png", "/home/ana/s2/d.png")
    assert read(longer, images=tmp_path / "ph").images == table.images


@pytest.mark.parametrize(
    "name", ["D:\\Users\\Ana\\photos\\a.png", "/home/ana/train/a.png", "x/a.png"]
)
def test_an_image_is_called_as_it_was_found_in_the_folder_of_images(tmp_path, name):
    picture(tmp_path / "photos" / "a.png")
    for source in (tps(tmp_path / "a.tps", name), coco(tmp_path / "c.json", name, 20, 10)):
        assert read(source, images=tmp_path / "photos").images == ("a.png",)


def test_an_absolute_name_is_that_in_the_folder_of_images(tmp_path):
    picture(tmp_path / "photos" / "in" / "a.png")
    source = tps(tmp_path / "a.tps", (tmp_path / "photos" / "in" / "a.png").as_posix())
    assert read(source, images=tmp_path / "photos").images == ("in/a.png",)


def test_around_the_file_names_of_folders_are_kept(tmp_path):
    """DeepLabCut's table lies beside the images of one video, and names its folder."""
    picture(tmp_path / "img0.png")
    source = tmp_path / "CollectedData_Ana.csv"
    source.write_text(
        "scorer,A,A\nbodyparts,p,p\ncoords,x,y\n"
        "labeled-data/one/img0.png,1,2\nlabeled-data/two/img0.png,1,2\n"
    )
    assert read(source).images == ("labeled-data/one/img0.png", "labeled-data/two/img0.png")


@pytest.mark.parametrize(("told", "on_disk"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_letters_may_be_composed_in_another_way(tmp_path, told, on_disk):
    folder, name = (
        unicodedata.normalize(on_disk, text) for text in ("\u00e9t\u00e9", "p\u00e9.png")
    )
    picture(tmp_path / "photos" / folder / name)
    source = tps(tmp_path / "a.tps", unicodedata.normalize(told, f"{folder}/{name}"))
    assert read(source, images=tmp_path / "photos").images == (f"{folder}/{name}",)


def test_a_name_without_a_folder_is_looked_for_in_all_folders(tmp_path):
    """tpsDig writes no folders."""
    picture(tmp_path / "photos" / "day 1" / "a.png")
    picture(tmp_path / "photos" / "day 2" / "b.png")
    source = tps(tmp_path / "a.tps", "a.png", "b.png")
    assert read(source, images=tmp_path / "photos").images == ("day 1/a.png", "day 2/b.png")
    with pytest.raises(InputError, match="which is not in"):
        read(tps(tmp_path / "other.tps", "day 3/a.png"), images=tmp_path / "photos")
    picture(tmp_path / "photos" / "day 2" / "a.png")
    with pytest.raises(InputError, match=r"'a.png' could be day 1/a.png or day 2/a.png"):
        read(source, images=tmp_path / "photos")


def test_another_case_of_letters_is_told(tmp_path):
    picture(tmp_path / "photos" / "a.png")
    with pytest.raises(InputError, match=r"not in .*photos, only a.png, which differs in upper"):
        read(tps(tmp_path / "a.tps", "A.PNG"), images=tmp_path / "photos")
    with pytest.raises(InputError, match=r"not in .*photos: correct --images, or bring the image"):
        read(tps(tmp_path / "a.tps", "b.png"), images=tmp_path / "photos")


def test_two_names_of_one_image_are_told(tmp_path):
    picture(tmp_path / "a.png")
    source = tmp_path / "labels.csv"
    source.write_text("scorer,A,A\nbodyparts,p,p\ncoords,x,y\n/other/a.png,1,2\na.png,3,4\n")
    with pytest.raises(InputError, match=r"has '/other/a.png' and 'a.png', which are both 'a.png'"):
        read(source)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_on_stored_pixels_are_turned_with_them(tmp_path, orientation):
    """The oracle: where the upright image that is read has the one bright pixel."""
    pixels = np.zeros((10, 20), dtype=np.uint8)
    pixels[2, 15] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    content = json.loads(coco(tmp_path / "c.json", "a.png", 20, 10).read_text())
    content["annotations"][0] |= {"keypoints": [15, 2, 2], "bbox": [15, 2, 1, 1]}
    (tmp_path / "c.json").write_text(json.dumps(content))
    (tmp_path / "a.tps").write_text("LM=1\n15 8\nCURVES=1\nPOINTS=1\n15 8\nIMAGE=a.png\n")
    upright = open_image(tmp_path / "a.png")
    y, x = np.unravel_index(np.asarray(upright)[..., 0].argmax(), upright.size[::-1])
    for name in ("c.json", "a.tps"):
        files = images_beside(tmp_path / name)
        files.as_stored = True
        table = read(tmp_path / name, images=files)
        assert table.points.tolist() == [[[x, y]]]
        assert tuple(table.sizes[0]) == upright.size == files.size("a.png")
        if table.extras[0].box:
            assert table.extras[0].box == (x - 0.5, y - 0.5, 1, 1)
        else:
            assert table.extras[0].curves[0].tolist() == [[x, y]]


def test_a_size_that_is_the_stored_one_is_told(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "a.png", (20, 10), exif=exif)
    with pytest.raises(InputError, match=r"of 20 x 10, but .* has 10 x 20: if .* --as-stored"):
        read(coco(tmp_path / "c.json", "a.png", 20, 10))


def test_sizes_are_read_many_at_once(tmp_path, monkeypatch):
    """One after the other, the first would wait for the second in vain."""
    images = [f"{index}.png" for index in range(2 * CHUNK)]
    for image in images:
        picture(tmp_path / image)
    both = threading.Barrier(2)

    def slowly(path):
        if path.name in ("0.png", f"{CHUNK}.png"):
            both.wait(timeout=20)
        return read_stored_size(path)

    monkeypatch.setattr(image_files, "read_stored_size", slowly)
    source = tmp_path / "labels.csv"
    lines = ["scorer,A,A", "bodyparts,p,p", "coords,x,y", *(f"{image},1,2" for image in images)]
    source.write_text("\n".join(lines) + "\n")
    files = images_beside(source)
    table = read(source, images=files)
    assert with_sizes(table, files, needed_by="TPS").sizes.tolist() == [[20, 10]] * len(images)

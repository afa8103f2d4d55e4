import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from warpmarks.datasets import reading
from warpmarks.datasets.decoders import readable_extensions
from warpmarks.datasets.placement import FITS, place
from warpmarks.datasets.reading import (
    UnreadableImage,
    open_image,
    open_stored,
    read_picture,
    read_size,
)
from warpmarks.errors import InputError

ORIENTATION = 0x0112


def blob(height, width, x, y, radius):
    """A bright bump around (x, y) on black."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return Image.fromarray(np.round(255 * bump).astype(np.uint8)).convert("RGB")


def centroid(pixels):
    """The middle (x, y) of what is bright, in pixels."""
    weights = np.clip(np.asarray(pixels)[..., 1].astype(float) - 20, 0, None)
    rows, columns = np.indices(weights.shape)
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def found_in_original(picture, original_size, fit):
    height, width = picture.shape[:2]
    normalised = (2 * centroid(picture) + 1) / [width, height] - 1
    return place(original_size, (height, width), fit).to_original(normalised[None])[0]


def save_turned(image, path, orientation, **options):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, exif=exif, **options)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("picture_size", [(40, 60), (64, 31), (200, 300)])
def test_a_blob_is_found_where_it_is(tmp_path, fit, picture_size):
    blob(90, 140, 76.3, 50.7, radius=5).save(tmp_path / "a.png")
    picture, original_size = read_picture(tmp_path / "a.png", *picture_size, fit)
    assert picture.shape == (*picture_size, 3)
    assert picture.dtype == np.uint8
    assert original_size == (90, 140)
    found = found_in_original(picture, original_size, fit)
    np.testing.assert_allclose(found, [76.3, 50.7], atol=0.15)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("extension", "options"), [("png", {}), ("tif", {}), ("jpg", {"quality": 95})]
)
def test_turned_images_keep_their_points(tmp_path, fit, orientation, extension, options):
    # 301 x 203 is no multiple of a draft's blocks, and large enough for a draft at a quarter
    path = tmp_path / f"a.{extension}"
    save_turned(blob(203, 301, 140.4, 120.2, radius=12), path, orientation, **options)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    picture, original_size = read_picture(path, 30, 34, fit)
    assert original_size == (upright.height, upright.width) == read_size(path)
    found = found_in_original(picture, original_size, fit)
    np.testing.assert_allclose(found, centroid(upright), atol=0.3)
    if extension != "jpg":
        np.testing.assert_array_equal(open_image(path), upright)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_decoded_reduced_and_keeps_its_points(
    tmp_path, monkeypatch, fit, orientation
):
    path = tmp_path / "a.jpg"
    save_turned(blob(803, 1001, 460.0, 430.0, radius=40), path, orientation, quality=95)
    monkeypatch.setattr(reading, "MAX_PIXELS", 126 * 101)  # an eighth in each direction, no more
    picture, original_size = read_picture(path, 48, 50, fit)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored)
    assert original_size == (upright.height, upright.width)
    found = found_in_original(picture, original_size, fit)
    np.testing.assert_allclose(found, centroid(upright), atol=0.3)


def test_a_draft_is_not_smaller_than_twice_the_picture(tmp_path, monkeypatch):
    blob(800, 1000, 460.0, 430.0, radius=40).save(tmp_path / "a.jpg")
    monkeypatch.setattr(reading, "MAX_PIXELS", 400 * 500)
    read_picture(tmp_path / "a.jpg", 150, 200)
    with pytest.raises(UnreadableImage, match="1000 x 800 pixels are too many"):
        read_picture(tmp_path / "a.jpg", 201, 251)


def test_a_draft_of_a_turned_image_is_asked_for_with_its_sides_swapped(tmp_path, monkeypatch):
    save_turned(blob(800, 1000, 460.0, 430.0, radius=40), tmp_path / "a.jpg", 6)
    monkeypatch.setattr(reading, "MAX_PIXELS", 250 * 200)  # a quarter: enough for 1000 / (2 * 125)
    assert read_picture(tmp_path / "a.jpg", 125, 60)[1] == (1000, 800)


def test_pad_repeats_the_edge(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[0], pixels[-1] = (200, 0, 0), (0, 0, 200)
    picture, _ = read_picture(pixels, 16, 16, "pad")
    np.testing.assert_array_equal(picture[0], picture[4])
    np.testing.assert_array_equal(picture[0, 3], picture[3, 3])
    assert picture[0, 0, 0] > 190
    assert picture[15, 0, 2] > 190


def test_reducing_averages_what_it_leaves_out():
    stripes = np.zeros((64, 96), np.uint8)
    stripes[:, ::2] = 255
    picture, _ = read_picture(stripes, 8, 12)
    np.testing.assert_allclose(picture, 128, atol=3)


def test_path_image_and_array_give_the_same_picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected, size = read_picture(tmp_path / "a.png", 20, 30, "crop")
    assert size == (50, 70)
    for source in (str(tmp_path / "a.png"), Image.fromarray(pixels), pixels):
        np.testing.assert_array_equal(read_picture(source, 20, 30, "crop")[0], expected)


def test_an_image_of_the_right_size_is_not_touched():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    np.testing.assert_array_equal(read_picture(pixels, 20, 30)[0], pixels)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
def test_one_pixel_and_one_line(tmp_path, fit, size):
    Image.new("RGB", size[::-1], (10, 200, 30)).save(tmp_path / "a.png")
    picture, original_size = read_picture(tmp_path / "a.png", 16, 24, fit)
    assert original_size == size
    np.testing.assert_array_equal(picture, np.broadcast_to([10, 200, 30], (16, 24, 3)))


def test_the_first_frame_counts(tmp_path):
    frames = [Image.new("RGB", (9, 6), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    for name in ("a.gif", "a.tif", "a.webp", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(
            np.asarray(open_image(tmp_path / name))[0, 0], [255, 0, 0], atol=2
        )


def test_a_damaged_exif_block_does_not_matter_nor_warn(tmp_path):
    image = Image.new("RGB", (9, 6), (200, 10, 10))
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xffgarbage")
    assert open_image(tmp_path / "a.jpg").size == (9, 6)


def test_warnings_of_others_are_left_alone(tmp_path):
    Image.new("RGB", (9, 6)).save(tmp_path / "a.png")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_image, [tmp_path / "a.png"] * 50))
    assert warnings.filters == before


def jpeg_bytes(size=(64, 48)):
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, this is no image\n", "not an image in a format that can be read"),
        (jpeg_bytes()[:900], "truncated"),
        (jpeg_bytes()[:30], "."),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
    ],
)
def test_a_file_that_is_no_image(tmp_path, content, reason):
    path = tmp_path / "broken one.jpg"
    path.write_bytes(content)
    for read in (open_image, lambda path: read_picture(path, 10, 10)):
        with pytest.raises(UnreadableImage, match=reason) as caught:
            read(path)
        assert str(caught.value) == f"{path} cannot be read as an image: {caught.value.reason}"
        assert "\n" not in str(caught.value)


def test_whatever_is_damaged_is_unreadable_or_read(tmp_path):
    generator = np.random.default_rng(0)
    image = Image.fromarray(generator.integers(0, 256, (20, 30, 3)).astype(np.uint8))
    path = tmp_path / "a"
    for format_name in (
        "PNG",
        "GIF",
        "TIFF",
        "BMP",
        "WEBP",
        "JPEG",
        "TGA",
        "ICO",
        "PPM",
        "JPEG2000",
    ):
        file = io.BytesIO()
        image.save(file, format_name)
        for _ in range(25):
            content = bytearray(file.getvalue())
            for offset in generator.integers(0, min(len(content), 200), 4):
                content[offset] = generator.integers(0, 256)
            path.write_bytes(content[: generator.integers(1, len(content) + 1)])
            try:
                picture, _ = read_picture(path, 8, 9)
            except UnreadableImage:
                continue
            assert picture.shape == (8, 9, 3)


def test_missing_and_folder(tmp_path):
    with pytest.raises(UnreadableImage, match="No such file"):
        open_image(tmp_path / "none.jpg")
    with pytest.raises(UnreadableImage, match="directory"):
        open_image(tmp_path)


def png_of_zeros(width, height):
    """A few bytes that claim to be a huge image."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_001, 10_000), (30_000, 30_000), (100_000, 100_000)])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(png_of_zeros(*size))
    with pytest.raises(UnreadableImage, match="are too many, as at most 100,000,000 are decoded"):
        read_picture(tmp_path / "bomb.png", 10, 10)


def test_a_jpeg_of_a_side_of_30_000_is_read(tmp_path):
    Image.new("RGB", (30_000, 24), (200, 10, 10)).save(tmp_path / "long.jpg")
    picture, size = read_picture(tmp_path / "long.jpg", 10, 12)
    assert size == (24, 30_000)
    np.testing.assert_allclose(picture[5, 5], [200, 10, 10], atol=3)


def test_a_progressive_jpeg_is_not_drafted(tmp_path, monkeypatch):
    image = blob(800, 1000, 460.0, 430.0, radius=40)
    image.save(tmp_path / "a.jpg", progressive=True)
    monkeypatch.setattr(reading, "MAX_PIXELS", 400 * 500)
    with pytest.raises(UnreadableImage, match="1000 x 800"):
        read_picture(tmp_path / "a.jpg", 10, 10)


def test_between_pillows_limit_and_ours_nothing_is_warned_of(tmp_path):
    # 90 million pixels with one bit each; Pillow's own open warns from 89.5 million on
    Image.new("1", (9_500, 9_500)).save(tmp_path / "large.png")
    picture, size = read_picture(tmp_path / "large.png", 4, 6)
    assert size == (9_500, 9_500)
    assert picture.max() == 0


def test_extensions_are_those_of_images():
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".webp",
    } <= readable_extensions()
    assert not {".pdf", ".eps", ".mpg", ".h5", ".txt", ".csv"} & readable_extensions()


def test_pixels_are_read_as_they_are_stored(tmp_path):
    image = blob(40, 60, 12, 33, radius=3)
    save_turned(image, tmp_path / "a.png", 6)
    assert open_image(tmp_path / "a.png").size == (40, 60)
    np.testing.assert_array_equal(np.asarray(open_stored(tmp_path / "a.png")), np.asarray(image))
    with pytest.raises(UnreadableImage, match=r"none.png cannot be read as an image"):
        open_stored(tmp_path / "none.png")


def test_bytes_of_either_kind_are_a_file():
    file = io.BytesIO()
    blob(20, 30, 12, 7, 3).save(file, "PNG")
    for content in (file.getvalue(), bytearray(file.getvalue())):
        picture, size = read_picture(content, 20, 30)
        assert size == (20, 30)
        np.testing.assert_allclose(centroid(picture), (12, 7), atol=0.1)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (io.BytesIO(b"GIF"), r"BytesIO cannot be read: .*: file.read\(\) gives the bytes"),
        (torch.zeros(3, 20, 30), r"Tensor cannot be read: .*: tensor.numpy\(\) gives an array"),
    ],
)
@pytest.mark.usefixtures("no_type_checks")
def test_what_holds_an_image_is_told_how_to_give_it(source, sentence):
    with pytest.raises(InputError, match=sentence):
        read_picture(source, 20, 30)

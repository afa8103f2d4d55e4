"""Every mode that Pillow reads, through files where a format holds the mode."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from warpmarks.datasets.reading import open_image
from warpmarks.datasets.rgb import array_to_image, image_to_rgb
from warpmarks.errors import InputError

HEIGHT, WIDTH = 6, 9


@pytest.fixture
def colours():
    """Left third red, the rest blue: not symmetric, and no grey."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :3] = (250, 10, 30)
    pixels[:, 3:] = (20, 40, 240)
    return Image.fromarray(pixels)


def rgb(image):
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("RGB", "a.png"),
        ("RGB", "a.bmp"),
        ("RGB", "a.ppm"),
        ("RGBA", "a.png"),
        ("P", "a.gif"),
        ("P", "a.png"),
        ("CMYK", "a.tif"),
        ("YCbCr", "a.tif"),
        ("RGBX", "a.tif"),
        ("RGB", "a.webp"),
        ("RGB", "a.tga"),
    ],
)
def test_colour_modes_keep_their_colours(tmp_path, colours, mode, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    image = colours.quantize(8) if mode == "P" else colours.convert(mode)
    image.save(tmp_path / name, **options)
    np.testing.assert_allclose(rgb(open_image(tmp_path / name)), rgb(colours), atol=3)


def test_cmyk_jpeg(tmp_path, colours):
    colours.convert("CMYK").resize((90, 60), 0).save(tmp_path / "a.jpg", quality=95)
    found = rgb(open_image(tmp_path / "a.jpg"))
    np.testing.assert_allclose(found[30, [10, 60]], [[250, 10, 30], [20, 40, 240]], atol=12)


def test_lab(tmp_path, colours):
    lab = ImageCms.profileToProfile(
        colours, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.save(tmp_path / "a.tif")
    np.testing.assert_allclose(rgb(open_image(tmp_path / "a.tif")), rgb(colours), atol=6)


@pytest.mark.parametrize("mode", ["HSV", "RGBa", "RGBX"])
def test_modes_in_memory(colours, mode):
    image = colours.convert("RGBA").convert(mode) if mode == "RGBa" else colours.convert(mode)
    np.testing.assert_allclose(rgb(image_to_rgb(image)), rgb(colours), atol=6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La"])
def test_grey_is_grey(mode):
    values = np.where(np.arange(WIDTH) < 3, 255, 0).astype(np.uint8)
    image = Image.fromarray(np.tile(values, (HEIGHT, 1)))
    image = image.convert("LA").convert("La") if mode == "La" else image.convert(mode)
    expected = np.tile(values[:, None], (HEIGHT, 1, 3))
    np.testing.assert_array_equal(rgb(image_to_rgb(image)), expected)


def test_alpha_is_laid_over_white(tmp_path):
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, 3:6, 3] = 128
    pixels[:, 6:, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = rgb(open_image(tmp_path / "a.png"))[2, [0, 4, 8]]
    np.testing.assert_allclose(found, [[255, 255, 255], [227, 127, 127], [200, 0, 0]], atol=1)


def test_a_transparent_palette_entry_is_white(tmp_path):
    image = Image.fromarray(np.tile(np.arange(3, dtype=np.uint8), (HEIGHT, 3)), mode=None)
    palette = image.convert("P")
    palette.putpalette([0, 0, 0, 90, 0, 0, 0, 90, 0])
    for name in ("a.png", "a.gif"):
        palette.save(tmp_path / name, transparency=1)
        found = rgb(open_image(tmp_path / name))[0, :3]
        np.testing.assert_array_equal(found, [[0, 0, 0], [255, 255, 255], [0, 90, 0]])


def test_a_transparent_colour_is_white(tmp_path, colours):
    colours.save(tmp_path / "a.png", transparency=(250, 10, 30))
    found = rgb(open_image(tmp_path / "a.png"))
    np.testing.assert_array_equal(found[0, [0, 8]], [[255, 255, 255], [20, 40, 240]])


@pytest.mark.parametrize(
    ("brightest", "white"),
    [(255, 255), (256, 1023), (1023, 1023), (4000, 4095), (16000, 16383), (65535, 65535)],
)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_16_bits_are_scaled_by_the_range_in_use(tmp_path, brightest, white, name):
    values = np.linspace(0, brightest, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(values).save(tmp_path / name)
    expected = np.repeat((values / white * 255)[..., None], 3, axis=2)
    np.testing.assert_allclose(rgb(open_image(tmp_path / name)), expected, atol=0.51)


def test_16_bits_of_either_byte_order(tmp_path):
    values = np.arange(0, 54000, 1000, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    big = Image.frombytes("I;16B", (WIDTH, HEIGHT), values.astype(">u2").tobytes())
    little = Image.frombytes("I;16", (WIDTH, HEIGHT), values.astype("<u2").tobytes())
    np.testing.assert_array_equal(rgb(image_to_rgb(big)), rgb(image_to_rgb(little)))
    np.testing.assert_allclose(rgb(image_to_rgb(big))[..., 1], values / 257, atol=0.51)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100, 65535]], np.int32), [0, 0, 255]),
        (np.array([[-1000, 0, 3000]], np.int32), [0, 64, 255]),
        (np.array([[0, 10, 1_000_000]], np.int32), [0, 0, 255]),
        (np.array([[0.0, 0.2, 0.5]], np.float32), [0, 51, 128]),
        (np.array([[-2.0, 0.0, 6.0]], np.float32), [0, 64, 255]),
        (np.array([[np.nan, 10.0, 20.0, np.inf]], np.float32), [0, 0, 255, 0]),
        (np.array([[7.0, 7.0]], np.float32), [0, 0]),
        (np.array([[np.nan, np.nan]], np.float32), [0, 0]),
    ],
)
def test_32_bits(tmp_path, values, expected):
    Image.fromarray(values).save(tmp_path / "a.tif")
    found = rgb(open_image(tmp_path / "a.tif"))
    np.testing.assert_array_equal(found, np.repeat(np.array(expected)[None, :, None], 3, axis=2))


@settings(max_examples=20)
@given(
    st.sampled_from([np.uint8, np.uint16, np.bool_, np.float32, np.float64]),
    st.sampled_from([(), (1,), (3,)]),
    st.integers(0, 10),
)
def test_arrays_of_all_types_and_shapes(dtype, channels, seed):
    shape = (HEIGHT, WIDTH, *channels)
    values = np.random.default_rng(seed).random(shape)
    values.flat[0] = 1
    whites = {np.uint8: 255, np.uint16: 65535, np.bool_: 1}
    array = np.round(values * whites[dtype]).astype(dtype) if dtype in whites else values
    array = array.astype(dtype)
    expected = array.astype(float).reshape(HEIGHT, WIDTH, -1) / whites.get(dtype, 1) * 255
    expected = np.broadcast_to(expected, (HEIGHT, WIDTH, 3))
    np.testing.assert_allclose(rgb(array_to_image(array)), expected, atol=0.51)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_float_that_was_rounded_is_black_or_white(dtype):
    array = np.array([[-1e-7, 1.0000002], [-9e-4, 1.0009]], dtype=dtype)
    np.testing.assert_array_equal(rgb(array_to_image(array))[..., 0], [[0, 255], [0, 255]])


def test_an_array_with_alpha_is_laid_over_white():
    array = np.zeros((HEIGHT, WIDTH, 4))
    array[:, :4, 3] = 1
    found = rgb(array_to_image(array))
    np.testing.assert_array_equal(found[0, [0, 8], 0], [0, 255])


def test_colours_of_12_bits_are_bright_whatever_their_alpha():
    array = np.full((HEIGHT, WIDTH, 4), 4095, np.uint16)
    array[..., 3] = 65535
    array[:, :4, :3] = 0
    np.testing.assert_array_equal(rgb(array_to_image(array))[0, [0, 8], 0], [0, 255])


def test_a_view_that_is_not_contiguous():
    array = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    np.testing.assert_array_equal(rgb(array_to_image(array[::-1, :, ::-1])), array[::-1, :, ::-1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 2), np.uint8), r"shape \(3, 4, 2\)"),
        (np.zeros((2, 3, 4, 3), np.uint8), r"shape \(2, 3, 4, 3\)"),
        (np.zeros(5, np.uint8), r"shape \(5,\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
        (np.zeros((0, 0, 3), np.uint8), r"shape \(0, 0, 3\) is empty"),
        (np.array(3, np.uint8), r"shape \(\)"),
        (np.zeros((3, 5, 7), np.uint8), r"channels come last, as in array.transpose\(1, 2, 0\)"),
        (np.zeros((3, 4), np.int64), "type int64 cannot be read: expected uint8"),
        (np.zeros((3, 4), np.complex64), "type complex64"),
        (np.full((3, 4), 255.0), "values from 255 to 255: expected 0 to 1"),
        (np.full((3, 4), -0.1), "values from -0.1"),
        (np.full((3, 4), 1.0012), "values from 1.0012 to 1.0012: expected 0 to 1"),
        (np.array([[0, np.nan]]), "holds values that are not a number"),
    ],
)
def test_other_arrays_are_refused(array, message):
    with pytest.raises(InputError, match=message):
        array_to_image(array)

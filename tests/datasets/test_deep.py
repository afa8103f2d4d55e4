"""Files of 16 bits a channel, written byte by byte, as Pillow writes none."""

import struct
import zlib

import numpy as np
import pytest

from warpmarks.datasets.reading import UnreadableImage, open_image, open_stored, read_picture

HEIGHT, WIDTH = 7, 10
WHITE = {4000: 4095, 60000: 65535}


@pytest.fixture(params=list(WHITE))
def values(request):
    """RGB, of 12 or of 16 bits: no two channels alike, and no symmetry."""
    count = HEIGHT * WIDTH * 3
    return np.linspace(0, request.param, count).astype(np.uint16).reshape(HEIGHT, WIDTH, 3)


def expected(values):
    return values / WHITE[int(values.max())] * 255


def with_alpha(values):
    """The left half is seen through, in full."""
    alpha = np.full((*values.shape[:2], 1), 65535, np.uint16)
    alpha[:, : WIDTH // 2] = 0
    return np.concatenate([values, alpha], axis=2)


def tiff(values, order="<", *, planes=False, compressed=False, orientation=1):
    height, width, channels = values.shape
    parts = [values[..., channel] for channel in range(channels)] if planes else [values]
    strips = [part.astype(f"{order}u2").tobytes() for part in parts]
    strips = [zlib.compress(strip) for strip in strips] if compressed else strips
    offsets = np.cumsum([8, *map(len, strips)])
    lists = [[16] * channels, list(offsets[:-1]), list(map(len, strips))]
    places = [int(offsets[-1]) + 64 * number for number in range(3)]
    blocks = [np.array(each, f"{order}u4").tobytes().ljust(64, b"\0") for each in lists]
    blocks[0] = np.array(lists[0], f"{order}u2").tobytes().ljust(64, b"\0")
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, places[0]),
        (259, 3, 1, 8 if compressed else 1),
        (262, 3, 1, 2),
        (273, 4, len(strips), places[1] if planes else lists[1][0]),
        (274, 3, 1, orientation),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, len(strips), places[2] if planes else lists[2][0]),
        (284, 3, 1, 2 if planes else 1),
        *([(338, 3, 1, 2)] if channels == 4 else []),
    ]
    table = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        short = kind == 3 and count == 1
        cell = struct.pack(f"{order}HH" if short else f"{order}I", *([value, 0][: 1 + short]))
        table += struct.pack(f"{order}HHI", tag, kind, count) + cell
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, places[2] + 64)
    return b"".join([head, *strips, *blocks, table, bytes(4)])


def png(values, extra=()):
    height, width, channels = values.shape
    colour_type = {2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)),
        *extra,
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def pixels(source):
    return np.asarray(open_image(source)).astype(float)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"compressed": True}, {"planes": True}])
@pytest.mark.parametrize("prepared", [lambda values: values, with_alpha])
def test_tiff_is_read_at_full_depth(values, order, options, prepared):
    content = tiff(prepared(values), order, **options)
    wanted = expected(values)
    if prepared is with_alpha:
        wanted[:, : WIDTH // 2] = 255
    np.testing.assert_allclose(pixels(content), wanted, atol=0.51)


def test_compressed_planes_are_read_where_high_bytes_do(values):
    content = tiff(values, planes=True, compressed=True)
    if WHITE[int(values.max())] == 65535:
        np.testing.assert_allclose(pixels(content), expected(values), atol=1)
        return
    with pytest.raises(UnreadableImage, match=r"compressed planes.*: save it with the channels"):
        open_image(content)


def test_png_is_read_at_full_depth(values):
    np.testing.assert_allclose(pixels(png(values)), expected(values), atol=0.51)
    wanted = expected(values)
    wanted[:, : WIDTH // 2] = 255
    np.testing.assert_allclose(pixels(png(with_alpha(values))), wanted, atol=0.51)


def test_png_of_grey_and_alpha(values):
    grey = values[..., 2:]
    wanted = np.repeat(expected(grey), 3, axis=2)
    wanted[:, : WIDTH // 2] = 255
    np.testing.assert_allclose(pixels(png(with_alpha(grey))), wanted, atol=0.51)


def test_png_with_a_transparent_colour(values):
    key = struct.pack(">HHH", *map(int, values[3, 4]))
    wanted = expected(values)
    wanted[3, 4] = 255
    np.testing.assert_allclose(pixels(png(values, [(b"tRNS", key)])), wanted, atol=0.51)


def test_every_way_of_reading_reads_at_full_depth(tmp_path, values):
    (tmp_path / "a.tif").write_bytes(tiff(values, compressed=True))
    wanted = expected(values)
    np.testing.assert_allclose(pixels(tmp_path / "a.tif"), wanted, atol=0.51)
    np.testing.assert_allclose(np.asarray(open_stored(tmp_path / "a.tif")), wanted, atol=0.51)
    picture, size = read_picture(tmp_path / "a.tif", HEIGHT, WIDTH)
    assert size == (HEIGHT, WIDTH)
    np.testing.assert_allclose(picture, wanted, atol=0.51)


def test_a_turned_tiff_is_upright(values):
    turned = pixels(tiff(values, orientation=6))
    np.testing.assert_allclose(turned, np.rot90(expected(values), -1), atol=0.51)


def test_a_cut_file_is_unreadable(values):
    with pytest.raises(UnreadableImage):
        open_image(png(values)[:80])


def test_high_bytes_of_other_files_are_read(values):
    content = b"P6 %d %d 65535\n" % (WIDTH, HEIGHT) + values.astype(">u2").tobytes()
    np.testing.assert_allclose(pixels(content), values / 65535 * 255, atol=1)

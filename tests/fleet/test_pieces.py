import socket
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from listening import Listener
from warpmarks.errors import InputError
from warpmarks.fleet.detecting import check_address
from warpmarks.fleet.pieces import Columns, Piece, find_work


@pytest.fixture
def store() -> Iterator[fsspec.AbstractFileSystem]:
    """An object store, as far as anybody can see."""
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe_file("/cats/b/2.png", b"2")
    filesystem.pipe_file("/cats/a.JPG", b"1")
    filesystem.pipe_file("/cats/_DSC1234.JPG", b"4")
    filesystem.pipe_file("/cats/notes.txt", b"no image")
    filesystem.pipe_file("/cats/.hidden/3.png", b"3")
    yield filesystem
    filesystem.rm("/", recursive=True)


def write_table(file: Path, *, rows: int = 5, groups: int = 2, **columns: object) -> Path:
    made = {"image": [b"x"] * rows, **columns}
    file.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(made), file, row_group_size=groups)
    return file


def test_a_folder_in_pieces(image_folder: Path) -> None:
    work = find_work(str(image_folder), images_per_piece=5)
    assert [piece.count for piece in work.pieces] == [5, 5, 2]
    assert work.count == 12
    assert work.pieces[1].names == tuple(f"{index:02}.png" for index in range(5, 10))
    assert work.pieces[2].paths == (str(image_folder / "10.png"), str(image_folder / "11.png"))
    assert work.columns is None


def test_what_a_folder_holds_beside_images_is_told(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.mp4"):
        (tmp_path / name).touch()
    listener = Listener()
    assert find_work(str(tmp_path), progress=listener).count == 1
    assert listener.messages == [f"{tmp_path} holds images: its 1 video is left out"]


def test_a_url(store: fsspec.AbstractFileSystem) -> None:
    work = find_work("memory://cats")
    (piece,) = work.pieces
    assert piece.names == ("_DSC1234.JPG", "a.JPG", "b/2.png")
    assert [store.cat_file(path) for path in piece.paths] == [b"4", b"1", b"2"]


def test_row_groups_of_parquet_files_are_pieces(tmp_path: Path) -> None:
    write_table(tmp_path / "data" / "b.parquet", name=list("abcde"))
    write_table(tmp_path / "data" / "a.parquet", name=list("vwxyz"), rows=5, groups=4)
    write_table(tmp_path / "data" / "_about.parquet", name=list("abcde"))
    work = find_work(str(tmp_path / "data"))
    assert work.columns == Columns("image", "name")
    found = [
        (piece.paths[0][-9:], piece.row_group, piece.first_row, piece.count)
        for piece in work.pieces
    ]
    assert found == [
        ("a.parquet", 0, 0, 4),
        ("a.parquet", 1, 4, 1),
        ("b.parquet", 0, 0, 2),
        ("b.parquet", 1, 2, 2),
        ("b.parquet", 2, 4, 1),
    ]
    assert find_work(str(tmp_path / "data" / "*.parquet")).count == 15  # what is named is meant
    assert find_work(str(tmp_path / "data" / "b.parquet")).count == 5


def test_the_same_source_has_the_same_pieces(image_folder: Path) -> None:
    digest = find_work(str(image_folder)).digest()
    assert find_work(str(image_folder)).digest() == digest
    assert find_work(str(image_folder), images_per_piece=7).digest() != digest


def test_other_columns_are_other_work(tmp_path: Path) -> None:
    path = str(write_table(tmp_path / "a.parquet", mask=[b"y"] * 5, id=[1] * 5, url=["x"] * 5))
    digests = {
        find_work(path, image_column=image, name_column=name).digest()
        for image in ("image", "mask")
        for name in ("id", "url")
    }
    assert len(digests) == 4


def test_a_piece_as_text() -> None:
    for piece in (Piece(2, ("é", "b"), ("/é", "/b")), Piece(7, (), ("s3/x.parquet",), 3, 21)):
        assert Piece.from_text(piece.to_text()) == piece


@pytest.mark.parametrize(
    ("columns", "asked", "expected"),
    [
        ({"id": [1] * 5, "path": ["x"] * 5}, {}, Columns("image", "path")),
        ({"label": ["x"] * 5}, {}, Columns("image", None)),
        ({"label": ["x"] * 5}, {"name_column": "label"}, Columns("image", "label")),
        ({"mask": [b"x"] * 5}, {"image_column": "mask"}, Columns("mask", None)),
        ({"image": [{"bytes": b"x", "path": "y"}] * 5}, {}, Columns("image", None)),
        ({"image": pa.array([b"x"] * 5, pa.large_binary())}, {}, Columns("image", None)),
        ({"image": pa.array([b"x"] * 5, pa.binary_view())}, {}, Columns("image", None)),
        ({"image": pa.array([b"x"] * 5).dictionary_encode()}, {}, Columns("image", None)),
    ],
)
def test_columns(tmp_path: Path, columns: dict, asked: dict, expected: Columns) -> None:
    path = write_table(tmp_path / "data" / "a.parquet", **columns)
    assert find_work(str(path), **asked).columns == expected


@pytest.mark.parametrize(
    ("columns", "asked", "message"),
    [
        (
            {"mask": [b"x"] * 5},
            {},
            "several columns that could be the images: name one of image, mask",
        ),
        ({"image": ["x"] * 5}, {}, "has no column of bytes, which images would be: it has image"),
        ({}, {"image_column": "photo"}, "no column 'photo' for --image-column: it has image"),
        (
            {"n": [1] * 5},
            {"image_column": "n"},
            "column 'n' is of type int64: expected the",
        ),
        (
            {f"n{number}": [1] * 5 for number in range(153)},
            {"image_column": "photo"},
            r"-column: it has image, n0, n1, n2, n3, n4, \.\.\. \(154 in all\)$",
        ),
        ({}, {"name_column": "n"}, "no column 'n' for --name-column"),
    ],
)
def test_columns_that_cannot_be(tmp_path: Path, columns: dict, asked: dict, message: str) -> None:
    path = write_table(tmp_path / "data" / "a.parquet", **columns)
    with pytest.raises(InputError, match=message):
        find_work(str(path), **asked)


def test_sources_that_cannot_be(tmp_path: Path, image_folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    write_table(tmp_path / "two" / "a.parquet")
    pq.write_table(pa.table({"other": [b"x"]}), tmp_path / "two" / "b.parquet")
    for source, asked, message in (
        ("no/such/folder", {}, "no/such/folder does not exist"),
        (tmp_path / "empty", {}, "holds no images"),
        (tmp_path / "torn.parquet", {}, "torn.parquet cannot be read as a Parquet file"),
        (tmp_path / "two", {}, "b.parquet has no column 'image', as .*a.parquet has"),
        (image_folder, {"image_column": "x"}, "has no Parquet files, but a column was named"),
        ("memory://nothing/here", {}, "nothing/here cannot be searched|has neither images"),
        ("teapot://x", {}, "teapot://x is on a file system that cannot be reached: Protocol not"),
        ("memory://x", {"split": "train"}, "only image sets on local disks have splits"),
    ):
        with pytest.raises(InputError, match=message):
            find_work(str(source), **asked)


def test_addresses_where_nobody_is() -> None:
    for address in (None, "auto", "local"):
        check_address(address)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_address(f"127.0.0.1:{port}")
        check_address(f"ray://127.0.0.1:{port}")
    with pytest.raises(InputError, match="nothing answers there"):
        check_address(f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=r"expected HOST:PORT, ray://HOST:PORT or auto"):
        check_address("cluster")

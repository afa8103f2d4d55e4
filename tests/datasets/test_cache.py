import errno
import io
import json
import os
import shutil
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from listening import Listener
from warpmarks.datasets import cache as cache_module
from warpmarks.datasets import reading
from warpmarks.datasets.cache import default_cache_dir, load_pictures
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.reading import read_picture
from warpmarks.errors import InputError

COUNT = 30
SETTINGS = {"height": 12, "width": 18, "fit": "stretch"}


@pytest.fixture
def folder(tmp_path):
    """Thirty images of different sizes."""
    root = tmp_path / "photos"
    root.mkdir()
    generator = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = generator.integers(0, 256, (20 + number, 33, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number:02}.png")
    return root


@pytest.fixture
def load(folder, tmp_path):
    """Load the folder's pictures; keyword arguments override."""

    def load(**changes):
        arguments = {**SETTINGS, "cache_dir": tmp_path / "cache", "workers": 2, **changes}
        return load_pictures(find_images(folder), **arguments)

    return load


@pytest.fixture
def reads(monkeypatch):
    """The paths that are decoded."""
    seen = []

    def read(path, *arguments):
        seen.append(path.name)
        return read_picture(path, *arguments)

    monkeypatch.setattr(cache_module, "read_picture", read)
    return seen


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_pictures_are_those_that_are_read_one_by_one(folder, load, fit):
    cache = load(fit=fit)
    assert cache.names == tuple(f"{number:02}.png" for number in range(COUNT))
    for name, picture, size in zip(cache.names, cache.pictures, cache.sizes, strict=True):
        expected, original_size = read_picture(folder / name, 12, 18, fit)
        np.testing.assert_array_equal(picture, expected)
        assert tuple(size) == original_size
    assert cache.unreadable == ()


def test_pictures_are_mapped_and_read_only(load):
    pictures = load().pictures
    assert isinstance(pictures, np.memmap)
    assert pictures.mode == "r"
    with pytest.raises(ValueError, match="read-only"):
        pictures[0] = 0


def test_the_next_run_decodes_nothing(load, reads):
    first = load()
    assert len(reads) == COUNT
    second = load()
    assert len(reads) == COUNT
    np.testing.assert_array_equal(second.pictures, first.pictures)
    np.testing.assert_array_equal(second.sizes, first.sizes)
    assert (second.names, second.unreadable, second.key) == (first.names, (), first.key)


@pytest.mark.parametrize("change", [{"height": 13}, {"width": 17}, {"fit": "crop"}])
def test_other_settings_are_another_cache(load, reads, change):
    first, second = load(), load(**change)
    assert len(reads) == 2 * COUNT
    assert first.key != second.key


def test_changed_bytes_and_names_are_another_cache(folder, load, reads):
    first = load()
    status = (folder / "03.png").stat()
    shutil.copy(folder / "04.png", folder / "03.png")
    os.utime(folder / "03.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    second = load()
    np.testing.assert_array_equal(second.pictures[3], first.pictures[4])
    (folder / "29.png").rename(folder / "zero.png")
    assert load().names[-1] == "zero.png"
    assert len(reads) == 3 * COUNT


def test_another_version_of_the_reading_is_another_cache(load, reads, monkeypatch):
    load()
    monkeypatch.setattr(cache_module, "READING_VERSION", 1000)
    load()
    assert len(reads) == 2 * COUNT


def test_a_moved_folder_is_the_same_cache(folder, load, reads, tmp_path):
    load()
    moved = folder.rename(tmp_path / "moved")
    load_pictures(find_images(moved), cache_dir=tmp_path / "cache", **SETTINGS)
    assert len(reads) == COUNT


def test_progress_is_told_of_both_passes(load):
    listener = Listener()
    load(progress=listener)
    both = [("Checking images", COUNT), ("Reading images", COUNT)]
    assert (listener.pieces, listener.done, listener.finished) == (both, [COUNT, COUNT], 2)
    listener = Listener()
    load(progress=listener)
    assert (listener.pieces, listener.done, listener.finished) == (both[:1], [COUNT], 1)
    assert listener.messages == []


def test_unreadable_images_are_left_out_and_named_each_time(folder, load, reads):
    (folder / "07.png").write_bytes(b"")
    (folder / "11.png").write_text("no image")
    for _ in range(2):
        cache = load(max_unreadable=0.1)
        assert cache.unreadable == (
            ("07.png", "the file is empty"),
            ("11.png", "not an image in a format that can be read"),
        )
        assert len(cache.names) == len(cache.pictures) == len(cache.sizes) == COUNT - 2
        for name, picture in zip(cache.names, cache.pictures, strict=True):
            np.testing.assert_array_equal(picture, read_picture(folder / name, 12, 18)[0])
    assert len(reads) == COUNT


def test_files_that_are_there_under_several_names_are_counted(folder, load):
    assert load().repeated == 0
    for number in (1, 2, 5):
        shutil.copy(folder / "00.png", folder / f"{number:02}.png")
    shutil.copy(folder / "03.png", folder / "04.png")
    for number in (7, 11):
        (folder / f"{number:02}.png").write_bytes(b"")
    for _ in range(2):
        assert load(max_unreadable=0.1).repeated == 4


def test_too_many_unreadable_images_are_refused_and_nothing_is_lost(folder, load, reads):
    for number in range(4):
        (folder / f"0{number}.png").write_bytes(b"")
    message = (
        f"4 of {COUNT} images in {folder} cannot be read (00.png: the file is empty; "
        "01.png: the file is empty; 02.png: the file is empty; and 1 more): "
        "mend or remove them, or go on without them with --allow-unreadable"
    )
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            load(max_unreadable=0.13)
        assert str(caught.value) == message
    assert len(load(max_unreadable=0.134).names) == COUNT - 4
    assert len(reads) == COUNT


def test_a_set_of_nothing_readable_is_refused_even_if_allowed(folder, load, tmp_path):
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=f"{COUNT} of {COUNT} images .*: give files that are"):
        load(max_unreadable=1.0)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_image_that_vanishes_is_unreadable(folder, load):
    (folder / "05.png").unlink()
    (folder / "05.png").symlink_to(folder / "nowhere.png")
    assert load().unreadable == (("05.png", "No such file or directory"),)


@pytest.mark.parametrize("error", [AttributeError, MemoryError])
def test_a_failure_of_ours_leaves_no_image_out(load, monkeypatch, error):
    with monkeypatch.context() as patch:
        patch.setattr(reading, "image_to_rgb", Mock(side_effect=[error, *[None] * COUNT]))
        with pytest.raises(error):
            load(workers=1)
    assert load().unreadable == ()


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_failure_of_the_system_leaves_no_image_out(load, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(reading, "identify", fail)
        with pytest.raises(InputError, match=rf"png cannot .*{os.strerror(number)}.*: try again"):
            load()
    assert load().unreadable == ()


def remove_index(folder):
    (folder / "index.json").unlink()


def cut_index(folder):
    (folder / "index.json").write_text('{"names": ["00.p')


def strip_index(folder):
    (folder / "index.json").write_text('{"names": ["00.png"]}')


def list_index(folder):
    (folder / "index.json").write_text("[1, 2]")


def shorten_pictures(folder):
    os.truncate(folder / "pictures.uint8", 100)


def lengthen_pictures(folder):
    with (folder / "pictures.uint8").open("ab") as file:
        file.write(b"1")


def remove_pictures(folder):
    (folder / "pictures.uint8").unlink()


def forget_a_size(folder):
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**index, "sizes": index["sizes"][1:]}))


def empty_folder(folder):
    remove_index(folder)
    remove_pictures(folder)


@pytest.mark.parametrize(
    "damage",
    [
        remove_index,
        cut_index,
        strip_index,
        list_index,
        shorten_pictures,
        lengthen_pictures,
        remove_pictures,
        forget_a_size,
        empty_folder,
    ],
)
def test_a_damaged_cache_is_made_again(load, reads, tmp_path, damage):
    first = load()
    expected = np.array(first.pictures)
    damage(tmp_path / "cache" / first.key)
    np.testing.assert_array_equal(load().pictures, expected)
    assert len(reads) == 2 * COUNT
    load()
    assert len(reads) == 2 * COUNT
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.key]


def test_an_interrupted_run_leaves_nothing(load, tmp_path, monkeypatch):
    def interrupt(path, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "read_picture", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load()
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(load().names) == COUNT


def test_leftovers_of_a_killed_run_are_removed_when_stale(load, tmp_path):
    old, young = (tmp_path / "cache" / f".{age}.x.partial" for age in ("old", "young"))
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "pictures.uint8").write_bytes(b"123")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old / "pictures.uint8", (long_ago, long_ago))
    os.utime(old, (long_ago, long_ago))
    os.utime(young, (long_ago, long_ago))  # but its pictures are being written
    load()
    assert not old.exists()
    assert young.exists()


def test_two_makers_at_once_agree(folder, load, monkeypatch):
    together = threading.Barrier(2, timeout=30)
    fill = cache_module._fill

    def fill_together(*arguments):
        fill(*arguments)
        together.wait()

    monkeypatch.setattr(cache_module, "_fill", fill_together)
    found = []
    threads = [threading.Thread(target=lambda: found.append(load())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = found
    np.testing.assert_array_equal(first.pictures, second.pictures)
    np.testing.assert_array_equal(first.pictures[7], read_picture(folder / "07.png", 12, 18)[0])


class FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_sentence(load, tmp_path, monkeypatch):
    path_open = Path.open

    def full(self, mode="r", **options):
        return FullDisk() if "w" in mode else path_open(self, mode, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(
        InputError, match=r"cannot be written \(No space left on device\): make room"
    ):
        load()
    assert list((tmp_path / "cache").iterdir()) == []


def test_too_little_room_is_told_before_anything_is_read(load, reads, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=COUNT * 12 * 18 * 3 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="needs 0 MB and has room for 0 MB: make room"):
        load()
    assert reads == []


def test_a_cache_folder_that_is_a_file_is_one_sentence(load, reads, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("")
    with pytest.raises(InputError, match=r"^--cache .*cache is a file: expected a folder$"):
        load()
    monkeypatch.setenv("WARPMARKS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match=r"^WARPMARKS_CACHE .*cache is a file"):
        load(cache_dir=None)
    assert reads == []


def test_a_cache_folder_below_a_file_is_one_sentence(load, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written \(.*\): .* WARPMARKS_CACHE"):
        load(cache_dir=tmp_path / "file" / "cache")


def test_sizes_and_fits_are_checked_first(load, reads):
    with pytest.raises(InputError, match="'fill' is not known"):
        load(fit="fill")
    with pytest.raises(InputError, match="no pixels"):
        load(height=0)
    assert reads == []


def test_the_place_of_caches(monkeypatch, tmp_path):
    for name in ("WARPMARKS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    expected = {
        "linux": Path("/home/ada/.cache/warpmarks"),
        "darwin": Path("/home/ada/Library/Caches/warpmarks"),
        "win32": Path("/home/ada/AppData/Local/warpmarks"),
    }
    for platform, place in expected.items():
        monkeypatch.setattr("sys.platform", platform)
        assert default_cache_dir() == place
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch")
    assert default_cache_dir() == Path("/scratch/warpmarks")
    monkeypatch.setenv("WARPMARKS_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path


def test_the_environment_names_the_place(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("WARPMARKS_CACHE", str(tmp_path / "here"))
    cache = load_pictures(find_images(folder), **SETTINGS)
    assert (tmp_path / "here" / cache.key / "pictures.uint8").is_file()

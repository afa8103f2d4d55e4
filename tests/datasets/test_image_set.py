import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from listening import Listener
from warpmarks.datasets.image_set import ImageSet, find_images, find_listed
from warpmarks.errors import InputError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_folder_is_searched_with_its_folders(tmp_path):
    touch(tmp_path, "z.JPG", "b/a 1.png", "b/c/d.TiFf", "é,1.webp", "notes.txt", "b/data.h5", "jpg")
    images = find_images(str(tmp_path))
    assert images.root == tmp_path
    assert len(images) == 4
    assert images.names == ("b/a 1.png", "b/c/d.TiFf", "z.JPG", "é,1.webp")
    assert images.paths()[0] == tmp_path / "b" / "a 1.png"


def test_it_is_shown_without_its_names(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    assert repr(find_images(tmp_path)) == f"<ImageSet {tmp_path}: 2 images>"


def test_hidden_files_and_folders_are_skipped(tmp_path):
    touch(tmp_path, "a.jpg", ".b.jpg", ".thumbnails/c.jpg", "d/._e.jpg")
    assert find_images(tmp_path).names == ("a.jpg",)


def test_links_are_followed_once(tmp_path):
    touch(tmp_path, "set/b/far/down/a.jpg", "elsewhere/c.jpg")
    root = tmp_path / "set"
    (root / "a short way").symlink_to(root / "b" / "far" / "down")
    (root / "b" / "loop").symlink_to(root)
    (root / "other").symlink_to(tmp_path / "elsewhere")
    (root / "file.jpg").symlink_to(tmp_path / "elsewhere" / "c.jpg")
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert find_images(root).names == (
        "b/far/down/a.jpg",
        "file.jpg",
        "gone.jpg",
        "other/c.jpg",
    )


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ("run.json", ["config", "recipe", "images"]),
        ("content.json", ["ending", "advice", "sections"]),
        ("evaluation.json", ["detector", "set", "normaliser"]),
        ("label_curve.json", ["detector", "set", "labels"]),
        ("regressor.json", ["method", "num_landmarks", "names"]),
        ("drawing.json", ["drawing", "pictures"]),
    ],
)
def test_results_that_lie_among_the_images_are_skipped(tmp_path, record, keys):
    touch(tmp_path, "a.jpg", "b/c.jpg", "b/own/d.png", "b/own/pictures/e.png")
    (tmp_path / "b" / "own" / record).write_text(json.dumps(dict.fromkeys(keys, 1)))
    (tmp_path / "link").symlink_to(tmp_path / "b" / "own")
    assert find_images(tmp_path).names == ("a.jpg", "b/c.jpg")
    # Whoever asks for them has them, and others' files may be called so.
    assert find_images(tmp_path / "b" / "own").names == ("d.png", "pictures/e.png")
    for others in ('{"mine": 1}', "[]", "{"):
        (tmp_path / "b" / "own" / record).write_text(others)
        assert len(find_images(tmp_path).names) == 4


def test_pipes_are_no_images(tmp_path):
    touch(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    assert find_images(tmp_path).names == ("a.jpg",)


def test_only_the_images_folder_of_our_layout_counts(tmp_path):
    touch(tmp_path, "images/b/a.jpg", "pictures/overview.png", "cover.jpg")
    images = find_images(tmp_path)
    assert images.root == tmp_path / "images"
    assert images.names == ("b/a.jpg",)


def test_one_image_is_a_set_of_one(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    assert find_images(tmp_path / "b.jpg").names == ("b.jpg",)


def test_a_list_is_relative_to_itself(tmp_path):
    touch(tmp_path, "lists/b.jpg", "lists/sub/a 1.jpg", "far/c.jpg", "lists/#d.jpg")
    listing = tmp_path / "lists" / "all.txt"
    lines = ["# mine", "", " b.jpg ", "sub/a 1.jpg\r", str(listing.parent / "b.jpg"), "./#d.jpg"]
    lines += ["../far/c.jpg", str(tmp_path / "far" / "c.jpg")]
    listing.write_text("\n".join(lines))
    images = find_images(listing)
    assert (images.root, images.source) == (tmp_path / "lists", listing)
    assert find_images(tmp_path / "far").source == tmp_path / "far"
    part = images.subset([images.names[1]])
    assert (part.names, part.source) == (images.names[1:2], listing)
    # An image outside keeps the path that it is listed by first.
    assert images.names == ("#d.jpg", "../far/c.jpg", "b.jpg", "sub/a 1.jpg")
    assert all(path.is_file() for path in images.paths())


def test_names_do_not_hang_on_how_a_list_is_called(tmp_path, monkeypatch):
    touch(tmp_path, "set/a.jpg", "set/sub/b.jpg")
    (tmp_path / "set" / "all.txt").write_text(
        f"{tmp_path / 'set' / 'a.jpg'}\na.jpg\nsub/../a.jpg\n{tmp_path}/set/sub/b.jpg\n"
    )
    monkeypatch.chdir(tmp_path / "set" / "sub")
    for called in ("../all.txt", tmp_path / "set" / "all.txt", "../../set/all.txt"):
        assert find_images(called).names == ("a.jpg", "sub/b.jpg")


def test_a_way_back_from_a_link_is_where_the_link_leads(tmp_path):
    touch(tmp_path, "set/a.jpg", "far/away/b.jpg", "far/a.jpg")
    (tmp_path / "set" / "link").symlink_to(tmp_path / "far" / "away")
    (tmp_path / "set" / "all.txt").write_text("link/../a.jpg\na.jpg\n")
    images = find_images(tmp_path / "set" / "all.txt")
    assert images.names == ("a.jpg", "link/../a.jpg")
    assert {path.resolve() for path in images.paths()} == {
        tmp_path / "set" / "a.jpg",
        tmp_path / "far" / "a.jpg",
    }


def test_what_a_list_repeats_is_told(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    listing = tmp_path / "all.txt"
    listener = Listener()
    listing.write_text("a.jpg\nb.jpg\n")
    assert len(find_images(listing, progress=listener).names) == 2
    assert listener.messages == []
    listing.write_text("a.jpg\nb.jpg\n./b.jpg\n")
    assert find_images(listing, progress=listener).names == ("a.jpg", "b.jpg")
    listing.write_text("a.jpg\nb.jpg\na.jpg\na.jpg\n")
    find_images(listing, progress=listener)
    told = "an image that is listed already, such as"
    assert listener.messages == [
        f"{listing}: 1 line repeats {told} ./b.jpg: each image is taken once",
        f"{listing}: 2 lines repeat {told} a.jpg: each image is taken once",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="names there are text")
def test_names_that_no_table_can_have_are_left_out(tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    odd.touch()
    with pytest.raises(
        InputError, match=r"1 image in it has a name .* as caf\ufffd.jpg, and .* no"
    ):
        find_images(tmp_path)
    touch(tmp_path, "caf\u00e9.jpg")
    listing = tmp_path / "all.txt"
    listing.write_bytes(b"caf\xe9.jpg\ncaf\xc3\xa9.jpg\n")
    for source, home in ((tmp_path, tmp_path), (listing, listing)):
        listener = Listener()
        assert find_images(source, progress=listener).names == ("caf\u00e9.jpg",)
        assert listener.messages == [
            f"{home}: 1 image in it has a name that is not UTF-8, such as caf\ufffd.jpg, left out: "
            "rename what is to be used"
        ]


def test_a_list_that_is_no_file_is_relative_to_where_we_stand(tmp_path, monkeypatch):
    touch(tmp_path, "sub/a.jpg", "b.jpg")
    monkeypatch.chdir(tmp_path)
    images = find_listed(b"sub/a.jpg\n# no\nb.jpg\n")
    assert (images.root, images.names) == (Path(), ("b.jpg", "sub/a.jpg"))
    with pytest.raises(InputError, match=r"^-, line 2: c.jpg is not a file"):
        find_listed(b"b.jpg\nc.jpg")


def test_a_missing_line_is_named(tmp_path):
    touch(tmp_path, "a.jpg")
    (tmp_path / "all.txt").write_text("# mine\na.jpg\n\nb.jpg\n")
    with pytest.raises(InputError, match=r"all.txt, line 4: b.jpg is not a file"):
        find_images(tmp_path / "all.txt")


def test_a_line_that_no_file_can_be_called_is_named(tmp_path):
    (tmp_path / "all.txt").write_text("\n" + "a" * 5000 + "\n")
    with pytest.raises(InputError, match=r"all.txt, line 2: a{200}\.\.\. is not a file"):
        find_images(tmp_path / "all.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "lists no images"), ("# only this\n", "lists no images"), ("a\0b", "neither an image")],
)
def test_a_useless_list_is_refused(tmp_path, content, message):
    (tmp_path / "all.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        find_images(tmp_path / "all.txt")


@pytest.fixture
def split_set(tmp_path):
    touch(tmp_path, "images/b/a.jpg", "images/c.jpg", "images/d.jpg", "images/unlisted.jpg")
    (tmp_path / "split.csv").write_text("image,split\nd.jpg,train\nb/a.jpg,train\nc.jpg,val\n")
    return tmp_path


def test_a_split_has_the_images_that_its_table_names(split_set):
    images = find_images(split_set, split="train")
    assert images.root == split_set / "images"
    assert images.names == ("b/a.jpg", "d.jpg")
    assert find_images(split_set, split="val").names == ("c.jpg",)
    assert len(find_images(split_set).names) == 4


def test_an_unknown_split_names_the_known_ones(split_set):
    with pytest.raises(InputError, match="no split 'test': the splits there are train, val"):
        find_images(split_set, split="test")


def test_a_split_without_a_table_is_refused(tmp_path):
    touch(tmp_path, "images/a.jpg")
    with pytest.raises(
        InputError, match=r"split 'train' was asked for, but .*split.csv does not exist"
    ):
        find_images(tmp_path, split="train")


def test_a_split_that_names_a_missing_image_is_refused(split_set):
    (split_set / "images" / "d.jpg").unlink()
    with pytest.raises(InputError, match=r"split.csv lists d.jpg, but .*d.jpg does not exist"):
        find_images(split_set, split="train")


def test_a_missing_source_is_refused(tmp_path):
    with pytest.raises(InputError, match="none does not exist: give a folder"):
        find_images(tmp_path / "none")


def test_a_folder_without_images_is_refused(tmp_path):
    touch(tmp_path, "images/notes.txt", "a.jpg")
    with pytest.raises(InputError, match=r"images holds no images: expected files such as .jpg"):
        find_images(tmp_path)


def test_photographs_that_are_not_read_are_counted(tmp_path):
    touch(tmp_path, "a.heic", "b/c.HEIC", "d.nef", ".e.heic")
    with pytest.raises(
        InputError,
        match=r"holds no images that can be read, but 2 \.heic files, 1 \.nef file: convert",
    ):
        find_images(tmp_path)
    touch(tmp_path, "f.jpg")
    told = Listener()
    assert find_images(tmp_path, progress=told) == ImageSet(tmp_path, ("f.jpg",))
    unreadable = (
        f"{tmp_path} also holds 2 .heic files, 1 .nef file, left out as unreadable: convert to "
        "JPEG what is to be used"
    )
    assert told.messages == [unreadable]
    touch(tmp_path, "b/g.MP4", "h.mov", ".i.mov")
    find_images(tmp_path, progress=told)
    assert told.messages[1:] == [
        unreadable,
        f"{tmp_path} holds images: its 2 videos are left out",
    ]
    find_images(tmp_path / "f.jpg", progress=told)
    assert len(told.messages) == 3


@pytest.mark.parametrize("extension", ["tif", "TIFF", "gif"])
def test_further_pages_are_told_of(tmp_path, extension):
    pages = [Image.new("L", (7, 5), level) for level in (0, 90, 200)]
    pages[0].save(tmp_path / f"a.{extension}")
    (tmp_path / f"damaged.{extension}").write_bytes(b"II*\0 GIF89a")
    told = Listener()
    find_images(tmp_path, progress=told)
    assert told.messages == []
    pages[0].save(tmp_path / f"stack.{extension}", save_all=True, append_images=pages[1:])
    find_images(tmp_path, progress=told)
    (message,) = told.messages
    assert message.startswith(f"{tmp_path / f'stack.{extension}'} holds several pages, of which ")


def test_a_folder_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def refuse(folder):  # the tests may run as root, whom no permission stops
        if str(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(
        InputError, match=r"locked cannot be searched for images \(Permission denied\)"
    ):
        find_images(tmp_path)


def test_a_split_takes_in_its_parts(tmp_path):
    names = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    touch(tmp_path, *(f"images/{name}" for name in names))
    splits = ("test/common", "test/hard", "tests", "test")
    rows = [f"{name},{split}" for name, split in zip(names, splits, strict=True)]
    (tmp_path / "split.csv").write_text("\n".join(["image,split", *rows]))
    assert find_images(tmp_path, split="test").names == ("a.jpg", "b.jpg", "d.jpg")
    assert find_images(tmp_path, split="test/hard").names == ("b.jpg",)


@pytest.fixture
def project(tmp_path):
    """Of a set with a split; it has no images of its own."""
    touch(tmp_path, "set/images/a.jpg", "set/images/b/c.png", "work/project/landmarks.csv")
    (tmp_path / "set" / "split.csv").write_text("image,split\na.jpg,val\n")
    (tmp_path / "work" / "project" / "project.json").write_text('{"images": "../../set"}')
    return tmp_path / "work" / "project"


def test_a_project_stands_for_its_images(project):
    found = find_images(project)
    assert found.names == ("a.jpg", "b/c.png")
    assert found.root.resolve() == project.parents[1] / "set" / "images"
    assert find_images(project, split="val").names == ("a.jpg",)


def test_images_in_the_folder_come_before_what_a_project_says(project):
    touch(project, "own.jpg")
    assert find_images(project).names == ("own.jpg",)


def test_projects_of_projects_end(project):
    (project / "project.json").write_text('{"images": "../other"}')
    touch(project.parent, "other/project.json")
    (project.parent / "other" / "project.json").write_text('{"images": "../project"}')
    with pytest.raises(InputError, match="holds no images"):
        find_images(project)
    (project / "project.json").write_text('{"images": "../gone"}')
    with pytest.raises(InputError, match="gone, which does not exist: bring them there"):
        find_images(project)


def test_zero_bytes_between_names_are_told_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(InputError, match=r"^- has zero bytes between names, as find -print0"):
        find_listed(b"./a.jpg\0./b.jpg\0")
    with pytest.raises(InputError, match=r"^- is neither an image that can be read nor a text"):
        find_listed(b"\xff\xd8\0\0")

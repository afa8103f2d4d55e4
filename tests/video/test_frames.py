import os
import re
import stat
import time

import numpy as np
import pytest
from PIL import Image

from listening import Listener
from made_videos import ColourDetector, picture, place, spoil, without, write_video
from warpmarks.datasets.cache import load_pictures
from warpmarks.errors import InputError
from warpmarks.video import extracting
from warpmarks.video.choosing import evenly, most_different
from warpmarks.video.extracting import find_frames, find_videos


def numbers(images):
    return [int(name.split("/")[-1].removesuffix(".jpg")) for name in images.names]


def still_then_moving(index):
    """Thirty frames of rest, then ten in which the creature goes its way."""
    return picture(place(max(0, index - 30) * 4))


def test_frames_are_the_videos_own(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 30)
    images = find_frames([clip], frames=5, cache_dir=tmp_path / "cache")
    assert numbers(images) == [3, 9, 15, 21, 27]
    assert images.root.name.startswith("clip.mp4-")
    assert images.source == clip
    for number, path in zip(numbers(images), images.paths(), strict=True):
        assert ColourDetector()(path).landmarks == pytest.approx(place(number), abs=0.4)


def test_a_name_as_long_as_a_disk_takes_gives_frames(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 3).rename(tmp_path / f"{'猫' * 83}a.mp4")
    images = find_frames([clip], frames=2, cache_dir=tmp_path / "cache")
    assert numbers(images) == [0, 2]
    assert re.fullmatch("猫{66}-[0-9a-f]{16}", images.root.name)


def test_a_short_video_gives_all_its_frames(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 7)
    for choice in ("even", "difference"):
        images = find_frames([clip], frames=50, choice=choice, cache_dir=tmp_path / "cache")
        assert numbers(images) == list(range(7))


def test_by_difference_rest_gives_few_frames(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 40, draw=still_then_moving, options={"crf": "10"})
    even = numbers(find_frames([clip], frames=8, cache_dir=tmp_path / "cache"))
    different = numbers(
        find_frames([clip], frames=8, choice="difference", cache_dir=tmp_path / "cache")
    )
    assert sum(number > 30 for number in even) == 2
    assert sum(number > 30 for number in different) >= 6
    assert len(different) == 8


def test_the_most_different_are_the_farthest_from_all_before():
    line = np.array([[0.0], [1.0], [2.0], [4.0], [10.0]])
    assert most_different(list(line), 4) == [3, 4, 0, 2]
    assert most_different(list(np.repeat(line, 2, axis=0)), 9) == [6, 8, 0, 4, 2]


@pytest.mark.parametrize(("total", "count"), [(1000, 7), (8, 7), (7, 7), (3, 7)])
def test_even_numbers_are_spread_over_all(total, count):
    chosen = evenly(total, count)
    assert len(set(chosen)) == min(total, count)
    assert chosen == sorted(chosen)
    assert chosen[0] + 1 >= total - chosen[-1] - 1 >= 0
    assert np.ptp(np.diff(chosen)) <= 1


def test_several_videos_are_one_set(tmp_path):
    one = write_video(tmp_path / "one.mp4", 12)
    (tmp_path / "more" / ".hidden").mkdir(parents=True)
    two = write_video(tmp_path / "more" / "two.MKV", 12, codec="ffv1", pix_fmt="yuv444p")
    write_video(tmp_path / "more" / ".hidden" / "three.mp4", 3)
    images = find_frames([one, tmp_path / "more"], frames=3, cache_dir=tmp_path / "cache")
    assert [name.split("-")[0] for name in images.names] == ["one.mp4"] * 3 + ["two.MKV"] * 3
    assert all(path.is_file() for path in images.paths())
    assert find_videos(tmp_path / "more") == [two]


def test_frames_are_taken_once_and_known_by_the_videos_bytes(tmp_path, monkeypatch):
    clip, cache = write_video(tmp_path / "clip.mp4", 12), tmp_path / "cache"
    first = find_frames([clip], frames=4, cache_dir=cache)
    taken = []
    take = extracting._take
    monkeypatch.setattr(extracting, "_take", lambda *a: taken.append(a) or take(*a))
    assert find_frames([clip], frames=4, cache_dir=cache) == first
    assert not taken
    assert find_frames([clip], frames=5, cache_dir=cache) != first
    write_video(clip, 13)
    assert find_frames([clip], frames=4, cache_dir=cache).root != first.root
    assert len(taken) == 2


def test_frames_are_as_readable_as_any_other_folder_and_the_umask_is_left_alone(
    tmp_path, monkeypatch
):
    clip, cache = write_video(tmp_path / "clip.mp4", 7), tmp_path / "cache"
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.delattr(os, "umask")
            images = find_frames([clip], frames=2, cache_dir=cache)
    finally:
        os.umask(before)
    assert stat.S_IMODE(images.root.stat().st_mode) == 0o750


def test_the_pictures_are_cached_as_those_of_images(tmp_path):
    clip, cache = write_video(tmp_path / "clip.mp4", 12), tmp_path / "cache"
    images = find_frames([clip], frames=4, cache_dir=cache)
    pictures = load_pictures(images, height=24, width=40, cache_dir=cache)
    assert pictures.names == images.names
    assert pictures.sizes.tolist() == [[48, 80]] * 4
    again = load_pictures(
        find_frames([clip], frames=4, cache_dir=cache), height=24, width=40, cache_dir=cache
    )
    assert again.key == pictures.key


def test_a_cache_that_is_a_file_is_told(tmp_path):
    (tmp_path / "cache").touch()
    clip = write_video(tmp_path / "clip.mp4", 3)
    with pytest.raises(InputError, match=r"^--cache .*cache is a file: expected a folder$"):
        find_frames([clip], frames=2, cache_dir=tmp_path / "cache")


def test_a_broken_frame_is_left_out_and_told_of(tmp_path):
    clip = spoil(write_video(tmp_path / "clip.mp4", 12, options={"bf": "0"}), 9)
    listener = Listener()
    images = find_frames([clip], frames=12, cache_dir=tmp_path / "cache", progress=listener)
    assert numbers(images) == [*range(9), 10, 11]
    told = [f"{clip}: 1 of 12 frames cannot be decoded and were left out"]
    assert listener.messages == told
    again = Listener()
    assert find_frames([clip], frames=12, cache_dir=tmp_path / "cache", progress=again) == images
    assert again.messages == told


@pytest.mark.parametrize("choice", ["even", "difference"])
def test_frames_that_a_file_no_longer_holds_are_told_of(tmp_path, choice):
    clip = without(write_video(tmp_path / "clip.mkv", 60), range(20, 30))
    listener = Listener()
    find_frames([clip], frames=4, choice=choice, cache_dir=tmp_path / "c", progress=listener)
    assert listener.messages == [
        f"{clip}: about 10 frames are missing between 0.76 and 1.20 s: numbers after that are "
        "lower by as many"
    ]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("clip.mkv", None, " s, where its head announces 4.00 s"),
        (
            "clip.mp4",
            {"movflags": "faststart"},
            r"frames, where its head announces \d+ frames more",
        ),
    ],
)
def test_the_end_that_a_file_lost_is_told_of(tmp_path, name, options, sentence):
    clip = write_video(tmp_path / name, 100, container_options=options)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) * 6 // 10])
    listener = Listener()
    find_frames([clip], frames=4, cache_dir=tmp_path / "cache", progress=listener)
    *_, line = listener.messages
    assert line.startswith(f"{clip}: the file ends a")
    assert re.search(sentence + "$", line)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.avi", "clip.ts", "clip.h264"])
def test_of_a_whole_video_nothing_is_told(tmp_path, name):
    clip = write_video(tmp_path / name, 40)
    listener = Listener()
    find_frames([clip], frames=4, cache_dir=tmp_path / "cache", progress=listener)
    assert listener.messages == []


def test_an_interrupted_taking_leaves_nothing(tmp_path, monkeypatch):
    clip, cache = write_video(tmp_path / "clip.mp4", 12), tmp_path / "cache"

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            find_frames([clip], frames=4, cache_dir=cache)
    assert list((cache / "frames").iterdir()) == []
    assert len(find_frames([clip], frames=4, cache_dir=cache).names) == 4


def test_leftovers_of_a_killed_taking_are_removed_when_stale(tmp_path):
    clip, home = write_video(tmp_path / "clip.mp4", 12), tmp_path / "cache" / "frames"
    old, young = home / ".old.partial", home / ".young.partial"
    long_ago = time.time() - 2 * 24 * 3600
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "000003.jpg").write_bytes(b"123")
        os.utime(left, (long_ago, long_ago))
    os.utime(old / "000003.jpg", (long_ago, long_ago))
    images = find_frames([clip], frames=4, cache_dir=tmp_path / "cache")
    assert {folder.name for folder in home.iterdir()} == {young.name, images.root.name}


def test_no_folder_waits_while_frames_are_chosen(tmp_path, monkeypatch):
    """It would be taken for what a killed process has left."""
    clip, seen = write_video(tmp_path / "clip.mp4", 12), []
    choose = extracting.choose_frames

    def chosen(*arguments):
        seen.append(list((tmp_path / "cache" / "frames").iterdir()))
        return choose(*arguments)

    monkeypatch.setattr(extracting, "choose_frames", chosen)
    find_frames([clip], frames=4, cache_dir=tmp_path / "cache")
    assert seen == [[]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"frames": 0}, "--frames is 0: expected at least 1"),
        ({"choice": "odd"}, "--frame-choice is 'odd': expected even or difference"),
    ],
)
def test_wishes_that_cannot_be(tmp_path, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        find_frames([write_video(tmp_path / "clip.mp4", 2)], cache_dir=tmp_path, **arguments)

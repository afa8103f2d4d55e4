import numpy as np
import pytest

from made_videos import spoil, without, write_video
from warpmarks.video.missing import Timeline
from warpmarks.video.reading import Video


def told(path):
    video = Video(path)
    timeline = Timeline(video)
    for frame in video:
        timeline.note(frame)
    return timeline.lines()


def every(gaps):
    """Times in hundredths of a second, of 25 frames a second with frames left out after some."""
    return lambda index: 4 * (index + sum(left for after, left in gaps.items() if index > after))


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.avi", "clip.ts", "clip.h264"])
def test_of_a_whole_video_nothing_is_told(tmp_path, name):
    assert told(write_video(tmp_path / name, 40)) == []


def test_frames_that_are_passed_over_are_told_of(tmp_path):
    path = without(write_video(tmp_path / "clip.mkv", 60), range(20, 30))
    assert told(path) == [
        "about 10 frames are missing between 0.76 and 1.20 s: numbers after that are lower by as "
        "many"
    ]


def test_several_places_are_one_sentence(tmp_path):
    path = without(write_video(tmp_path / "clip.mkv", 80), [*range(20, 30), *range(50, 60)])
    assert told(path) == [
        "about 20 frames are missing in 2 places, the first between 0.76 and 1.20 s: numbers after "
        "that are lower by as many"
    ]


def test_frames_with_a_place_are_not_missing(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 40, options={"bf": "0"})
    assert told(spoil(path, 10)) == []


@pytest.mark.parametrize(
    ("name", "ticks"),
    [
        ("clip.mkv", lambda index: int(np.cumsum(1 + np.arange(40) * 7 % 11)[index])),
        ("clip.mp4", every({20: 15})),
    ],
)
def test_rates_that_vary_and_pauses_of_an_index_are_no_damage(tmp_path, name, ticks):
    assert told(write_video(tmp_path / name, 40, ticks=ticks)) == []


@pytest.mark.parametrize(("sound", "tag"), [(False, True), (True, True), (True, False)])
def test_a_file_that_was_cut_short_is_told_of(tmp_path, sound, tag):
    path = write_video(tmp_path / "clip.mkv", 100, sound=sound)
    content = path.read_bytes() if tag else path.read_bytes().replace(b"DURATION", b"SOMETHIN")
    path.write_bytes(content[: len(content) * 6 // 10])
    *_, line = told(path)
    assert line.startswith("the file ends at ")
    assert line.endswith(" s, where its head announces 4.00 s")


@pytest.mark.parametrize("tag", [b"DURATION", b"SOMETHIN"])
def test_sound_that_goes_on_is_no_cut(tmp_path, tag):
    path = write_video(tmp_path / "clip.mkv", 5, sound=True)
    path.write_bytes(path.read_bytes().replace(b"DURATION", tag))
    assert told(path) == []

import re
import tracemalloc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from made_videos import hide, spoil, without, write_video
from warpmarks.video.holes import Holes, apart, holes
from warpmarks.video.missing import Timeline
from warpmarks.video.reading import Video


def told(path):
    video = Video(path)
    timeline = Timeline(video)
    for frame in video:
        timeline.note(frame)
    lines, without_decoding = timeline.lines(), Timeline(video)
    without_decoding.note_stored(video.stored())
    assert len(without_decoding.lines()) == len(lines)
    return lines


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


@pytest.mark.parametrize("order", ["0", "3"])
def test_a_single_frame_that_was_passed_over_is_told_of(tmp_path, order):
    path = hide(write_video(tmp_path / "clip.mkv", 60, options={"bf": order}), {23})
    (line,) = told(path)
    where = "between 0.88 and 0.96 s" if order == "0" else "between 0.80 and 0.88 s"
    assert line == (f"about 1 frame is missing {where}: numbers after that are lower by as many")


def test_many_losses_do_not_hide_each_other(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 60, options={"bf": "0"})
    assert told(hide(path, range(3, 58, 4))) == [
        "about 14 frames are missing in 14 places, the first between 0.08 and 0.16 s: numbers "
        "after that are lower by as many"
    ]


def test_of_more_lost_than_left_is_told_how_many(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 60, options={"bf": "0"})
    lost = {number for number in range(1, 59) if number % 10 not in (0, 1)}
    assert told(hide(path, lost)) == [
        "about 47 frames are missing in 6 places, the first between 0.04 and 0.40 s: numbers "
        "after that are lower by as many"
    ]


def test_a_few_frames_lost_at_the_end_or_the_beginning_are_told_of(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 60, options={"bf": "0"})
    assert told(hide(path, {58, 59})) == [
        "the file ends at 2.32 s, where its head announces 2.40 s"
    ]
    path = write_video(tmp_path / "clip.mkv", 60, options={"bf": "0"})
    assert told(hide(path, range(10))) == [
        "about 10 frames are missing at its beginning: all numbers are lower by as many"
    ]


def test_a_time_that_damage_has_moved_misleads_nobody(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 60, options={"bf": "0"})
    timeline = Timeline(Video(path))
    for frame in Video(path):
        timeline.note(replace(frame, time=30.0) if frame.index == 33 else frame)
    assert timeline.lines() == []


def uneven(rng):
    """Between two frames 20 to 120 ms."""
    return rng.integers(2, 13, 150)


def dropping(rng):
    """A camera that leaves out a frame now and then, whose times tremble by 10 ms."""
    return 4 * rng.choice([1, 2], 150, p=[0.95, 0.05]) + np.diff(rng.integers(-1, 2, 151))


def on_change(rng):
    """A recorded screen: a frame where something moves."""
    return 4 * rng.integers(1, 6, 150)


@pytest.mark.parametrize("distances", [uneven, dropping, on_change])
@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm"])
def test_what_was_never_taken_is_not_missing(tmp_path, name, distances):
    times = np.cumsum(np.r_[0, np.maximum(1, distances(np.random.default_rng(0)))])
    codec = "libx264" if name == "clip.mkv" else "libvpx"
    path = write_video(tmp_path / name, 150, codec=codec, ticks=lambda index: int(times[index]))
    assert told(path) == []
    assert not holes(Video(path))


def test_an_attachment_is_no_hole_and_takes_no_memory(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 20)
    content = path.read_bytes()
    cluster = content.index(bytes.fromhex("1f43b675"))
    segment = content.index(bytes.fromhex("18538067")) + 4
    length = 2**24
    void = b"\xec\x01" + length.to_bytes(7, "big") + bytes(length)
    endless = b"\x01" + b"\xff" * 7
    path.write_bytes(
        content[:segment] + endless + content[segment + 8 : cluster] + void + content[cluster:]
    )
    tracemalloc.start()
    assert not holes(Video(path))
    assert tracemalloc.get_traced_memory()[1] < length / 2
    tracemalloc.stop()


def test_times_at_holes_are_found_among_many():
    rng = np.random.default_rng(0)
    begins = rng.uniform(0, 1000, 300)
    spans = np.stack([begins, begins + rng.uniform(0, 5, 300)], axis=1).tolist()
    found = Holes(apart(map(tuple, spans)))
    for first in rng.uniform(-5, 1005, 500):
        assert found.touch(first, first + 0.5) == any(
            begin < first + 0.5 and first < end for begin, end in spans
        )


def test_many_holes_are_not_gone_through_for_each_time():
    class Spans(tuple):
        def __iter__(self):
            raise AssertionError("each time looks at a few holes, not at all of them")

    many = Holes(Spans((2 * each, 2 * each + 1) for each in range(40_000)))
    assert not many.touch(70_001.2, 70_001.8)
    assert many.touch(70_001.2, 70_002.8)


@pytest.mark.parametrize("distances", [uneven, on_change])
def test_no_number_is_told_where_the_rate_varies(tmp_path, distances):
    times = np.cumsum(np.r_[0, distances(np.random.default_rng(0))])
    path = write_video(
        tmp_path / "clip.mkv", 150, ticks=lambda index: int(times[index]), options={"bf": "0"}
    )
    (line,) = told(hide(path, {60, 61, 62}))
    assert re.fullmatch(
        r"what it holds near \d\.\d\d s is damaged: frames may be missing, and numbers after that "
        "be lower by as many",
        line,
    )


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(60)])
def test_times_in_milliseconds_are_no_damage(tmp_path, rate):
    def start(_, stream):
        stream.codec_context.framerate, stream.codec_context.time_base = rate, 1 / rate

    path = write_video(tmp_path / "clip.mkv", 100, start=start, sound=True)
    assert told(path) == []
    assert not holes(Video(path))
    assert len(told(hide(path, {42}))) == 1


def test_a_last_frame_of_other_length_and_a_late_first_one_are_no_damage(tmp_path):
    path = write_video(
        tmp_path / "clip.mkv", 40, ticks=lambda index: 32 + 4 * index + 3 * (index == 39)
    )
    assert told(path) == []

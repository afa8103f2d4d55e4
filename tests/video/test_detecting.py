import subprocess
import sys
import threading

import numpy as np
import pytest

from made_videos import HEIGHT, WIDTH, ColourDetector, place, spoil, write_video
from warpmarks.video.detecting import detect_video

OFTEN_ENOUGH = 0.35  # pixels that coding and the detector are off


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_points_are_where_the_creature_is(tmp_path, batch_size):
    path = write_video(tmp_path / "clip.mp4")
    frames = list(detect_video(ColourDetector(), path, batch_size=batch_size))
    assert [frame.index for frame in frames] == list(range(30))
    for frame in frames:
        assert frame.points == pytest.approx(place(frame.index), abs=OFTEN_ENOUGH)
        assert frame.scores.tolist() == [0.5, 0.5]
        assert (frame.smoothed, frame.image) == (None, None)


def test_smoothed_points_stand_beside_the_raw_ones(tmp_path):
    path = write_video(tmp_path / "clip.mp4")
    raw = list(detect_video(ColourDetector(), path))
    for before, frame in zip(raw, detect_video(ColourDetector(), path, smooth=5), strict=True):
        np.testing.assert_array_equal(frame.points, before.points)
        assert frame.smoothed == pytest.approx(place(frame.index), abs=OFTEN_ENOUGH)
        assert (frame.smoothed != frame.points).all()


@pytest.mark.parametrize("smooth", [None, 5])
def test_a_broken_frame_comes_without_points(tmp_path, smooth):
    path = spoil(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), 19)
    frames = list(detect_video(ColourDetector(), path, batch_size=4, smooth=smooth, images=True))
    assert [frame.index for frame in frames] == list(range(30))
    (broken,) = [frame for frame in frames if frame.points is None]
    assert (broken.index, broken.scores, broken.smoothed, broken.image) == (19, None, None, None)
    assert "invalid data" in broken.reason
    for frame in frames:
        if frame is not broken:
            assert frame.points == pytest.approx(place(frame.index), abs=OFTEN_ENOUGH)


def test_images_are_the_upright_frames(tmp_path):
    path = write_video(
        tmp_path / "clip.mp4", 3, start=lambda _, stream: stream.set_display_rotation(90)
    )
    for frame in detect_video(ColourDetector(), path, images=True):
        assert frame.image.shape == (WIDTH, HEIGHT, 3)


def test_who_stops_early_leaves_no_thread(tmp_path):
    frames = detect_video(ColourDetector(), write_video(tmp_path / "clip.mp4"), batch_size=2)
    next(frames)
    assert "ahead" in {thread.name for thread in threading.enumerate()}
    frames.close()
    assert "ahead" not in {thread.name for thread in threading.enumerate()}


MEASURE = """
import sys
import psutil
from made_videos import ColourDetector
from warpmarks.video.detecting import detect_video
from warpmarks.video.overlay import overlay_writer
from warpmarks.video.points_csv import points_writer
from warpmarks.video.reading import Video
from pathlib import Path

folder, video = Path(sys.argv[1]), Video(sys.argv[2])
process, most = psutil.Process(), 0
with points_writer(folder / "p.csv", 2, scores=True, smoothed=True) as table:
    with overlay_writer(folder / "o.mp4", video, trails=5) as overlay:
        for frame in detect_video(ColourDetector(), video, smooth=7, images=True, batch_size=8):
            table.write(frame)
            overlay.write(frame)
            if frame.index > 60:
                most = max(most, process.memory_info().rss)
print(most)
"""


def test_memory_does_not_grow_with_the_length(tmp_path):
    """Of a film whose frames together would take thirty times what is allowed here."""

    def most_memory(frames):
        clip = write_video(
            tmp_path / f"{frames}.mp4",
            frames,
            size=(320, 240),
            options={"preset": "ultrafast", "bf": "0"},
            draw=still.__getitem__,
        )
        run = subprocess.run(
            [sys.executable, "-c", MEASURE, str(tmp_path), str(clip)],
            check=True,
            capture_output=True,
            text=True,
            env={**__import__("os").environ, "PYTHONPATH": ":".join(sys.path)},
        )
        return int(run.stdout)

    class Still(dict):
        def __missing__(self, index):
            self[index % 20] = image = np.roll(noise, 3 * (index % 20), axis=1)
            return image

    noise = np.zeros((240, 320, 3), dtype=np.uint8)
    noise[100:120, 100:120] = (230, 0, 0)
    noise[50:70, 200:220] = (0, 230, 0)
    still = Still()
    short, long = most_memory(100), most_memory(700)
    assert 600 * noise.nbytes > 130e6
    assert long - short < 12e6

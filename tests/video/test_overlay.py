from fractions import Fraction

import numpy as np
import pytest

from made_videos import ColourDetector, place, spoil, write_video
from warpmarks.errors import InputError
from warpmarks.plots.colours import landmark_colours
from warpmarks.video.detecting import FramePoints, detect_video
from warpmarks.video.drawing import draw_dots, draw_trails
from warpmarks.video.overlay import OverlayWriter, overlay_writer
from warpmarks.video.reading import Video

RED, BLUE = landmark_colours(2).astype(int)


def make_overlay(source, target, **options):
    video = Video(source)
    with overlay_writer(target, video, **options) as overlay:
        for frame in detect_video(ColourDetector(), video, images=True):
            overlay.write(frame)
    return Video(target)


def near(image, colour, tolerance=60):
    return np.abs(image.astype(int) - colour).max(axis=2) < tolerance


def middle_of(image, colour):
    rows, columns = np.nonzero(near(image, colour))
    return np.array([columns.mean(), rows.mean()])


def test_dots_are_drawn_where_the_points_are():
    image = np.full((40, 60, 3), 128, dtype=np.uint8)
    points = np.array([[20.25, 12.5], [41.0, 30.75], [np.nan, 3.0], [80.0, 10.0]])
    draw_dots(image, points, 8.0)
    for point, colour in zip(points[:2], landmark_colours(4)[:2].astype(int), strict=True):
        x, y = np.floor(point + 0.5).astype(int)
        assert image[y, x].tolist() == colour.tolist()
        assert middle_of(image, colour) == pytest.approx(point, abs=0.25)
    assert (image[:, 55:] == 128).all()  # nothing of what is missing or outside
    assert (image[:3, :3] == 128).all()
    assert image.max() > 240  # the halo
    assert image.max(axis=2).min() < 70  # the outline


def test_a_dot_at_the_edge_is_cut_off_there():
    image = np.full((20, 20, 3), 128, dtype=np.uint8)
    draw_dots(image, np.array([[0.0, 19.4], [19.4, -0.4]]), 9.0)
    assert image[19, 0].tolist() == RED.tolist()
    assert image[0, 19].tolist() == BLUE.tolist()
    assert (image[8:12, 8:12] == 128).all()


def test_a_trail_leads_from_where_the_points_were():
    image = np.full((40, 60, 3), 128, dtype=np.uint8)
    history = [np.array([[float(x), 20.0], [5.0, 5.0]]) for x in range(5, 50, 5)]
    draw_trails(image, history, 10.0)
    change = np.abs(image[20].astype(int) - RED).max(axis=1)
    assert change[44] < change[30] < change[15] < 128
    assert (image[:, 50:] == 128).all()
    assert (image[26:] == 128).all()
    broken = np.full((40, 60, 3), 128, dtype=np.uint8)
    draw_trails(broken, [*history[:4], None, *history[5:]], 10.0)
    assert (broken[20, 22:28] == 128).all()
    assert (broken[20, 32:38] != 128).any()


def test_the_written_video_has_the_dots_on_the_right_pixels_at_the_right_times(tmp_path):
    source = write_video(tmp_path / "clip.mp4", 12)
    frames = list(make_overlay(source, tmp_path / "overlay.mp4"))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(12) / 25, abs=1e-3)
    for frame in frames:
        for point, colour in zip(place(frame.index), (RED, BLUE), strict=True):
            x, y = np.round(point).astype(int)
            assert np.abs(frame.image[y, x].astype(int) - colour).max() < 90  # chroma is halved
    blue = [middle_of(frame.image, BLUE) for frame in frames]
    expected = [place(frame.index)[1] for frame in frames]
    assert np.array(blue) == pytest.approx(np.array(expected), abs=0.7)


def test_untouched_pixels_keep_their_colours(tmp_path):
    def draw(index):
        image = np.full((48, 80, 3), (200, 60, 120), dtype=np.uint8)
        image[:, :40] = (60, 170, 90)
        return image

    source = write_video(tmp_path / "clip.mkv", 3, codec="ffv1", pix_fmt="bgr0", draw=draw)
    video = Video(source)
    with overlay_writer(tmp_path / "overlay.mp4", video) as overlay:
        for frame in video:
            overlay.write(
                FramePoints(frame.index, frame.time, np.full((2, 2), np.nan), image=frame.image)
            )
    shown = next(iter(Video(tmp_path / "overlay.mp4"))).image.astype(int)
    assert shown[24, 60] == pytest.approx([200, 60, 120], abs=6)
    assert shown[24, 20] == pytest.approx([60, 170, 90], abs=6)


def test_an_odd_size_grows_by_a_repeated_edge(tmp_path):
    source = write_video(tmp_path / "clip.mkv", 4, size=(81, 47), codec="ffv1", pix_fmt="bgr0")
    frames = list(make_overlay(source, tmp_path / "overlay.mp4"))
    assert frames[0].image.shape == (48, 82, 3)
    for frame in frames:
        found = middle_of(frame.image, BLUE)
        assert found == pytest.approx(place(frame.index, 81, 47)[1], abs=0.7)


def test_a_variable_rate_is_kept(tmp_path):
    ticks = [0, 3, 50, 51, 60, 200]
    source = write_video(tmp_path / "clip.mp4", 6, ticks=ticks.__getitem__)
    times = [frame.time for frame in make_overlay(source, tmp_path / "overlay.mp4")]
    assert times == pytest.approx(np.array(ticks) / 100, abs=1e-3)


def test_a_turned_video_is_written_upright_with_the_shape_of_its_pixels(tmp_path):
    def start(container, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        stream.set_display_rotation(90)

    source = write_video(tmp_path / "clip.mp4", 4, start=start)
    written = make_overlay(source, tmp_path / "overlay.mp4")
    assert next(iter(written)).image.shape == (80, 48, 3)
    assert not written.orientation.transposed
    assert written.pixel_aspect == Fraction(2, 3)


def test_a_broken_frame_is_missing_and_the_others_keep_their_times(tmp_path):
    source = spoil(write_video(tmp_path / "clip.mp4", 12, options={"bf": "0"}), 4)
    frames = list(make_overlay(source, tmp_path / "overlay.mp4", trails=3))
    kept = [index for index in range(12) if index != 4]
    assert [frame.time for frame in frames] == pytest.approx(np.array(kept) / 25, abs=1e-3)


def test_a_failure_leaves_no_file(tmp_path, monkeypatch):
    source = write_video(tmp_path / "clip.mp4", 4)

    def stop(self, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(OverlayWriter, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        make_overlay(source, tmp_path / "overlay.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_name_that_is_no_videos(tmp_path):
    video = Video(write_video(tmp_path / "clip.mp4", 2))
    with (
        pytest.raises(InputError, match=r"ends in \.mp4, \.mkv or \.mov"),
        overlay_writer(tmp_path / "overlay.txt", video),
    ):
        pass

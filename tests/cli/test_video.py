import csv
import json
import os

import numpy as np
import pytest

from made_videos import HEIGHT, WIDTH, spoil, write_video
from warpmarks.detectors.detector import Detector
from warpmarks.formats.registry import read as read_points
from warpmarks.points import Normaliser, PointScheme
from warpmarks.regression.regressor import Regressor
from warpmarks.regression.storage import save_regressor
from warpmarks.video.detecting import detect_video
from warpmarks.video.reading import Video


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", 12, options={"bf": "0"})


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def numbers(rows):
    return np.array([[float(cell or "nan") for cell in row] for row in rows])


def test_points_scores_smoothed_points_and_overlay(warpmarks, trained_run, clip, tmp_path):
    output, overlay = tmp_path / "points.csv", tmp_path / "overlay.mp4"
    left = [tmp_path / f".{each.name}.0daaa3a1{each.suffix}" for each in (output, overlay)]
    for each in left:  # by a process that was killed
        each.touch()
        os.utime(each, (1e9, 1e9))
    code, out, err = warpmarks(
        *("detect", trained_run, clip, "--output", output, "--scores", "--smooth", 5),
        *("--overlay", overlay, "--trails", 3),
    )
    assert (code, err) == (0, "")
    assert out == (f"{output}: 3 landmarks on 12 frames\n{overlay}: the video with its points\n")
    header, *rows = read(output)
    assert ",".join(header) == (
        "frame,time,x1,y1,x2,y2,x3,y3,score1,score2,score3,"
        "smooth_x1,smooth_y1,smooth_x2,smooth_y2,smooth_x3,smooth_y3"
    )
    frames = list(detect_video(Detector.load(trained_run), clip, smooth=5))
    table = numbers(rows)
    assert table[:, 0].tolist() == list(range(12))
    assert table[:, 1] == pytest.approx(np.arange(12) / 25, abs=1e-5)
    assert table[:, 2:8] == pytest.approx(np.stack([f.points.ravel() for f in frames]), abs=1e-3)
    assert table[:, 8:11] == pytest.approx(np.stack([f.scores for f in frames]), abs=1e-3)
    assert table[:, 11:] == pytest.approx(np.stack([f.smoothed.ravel() for f in frames]), abs=1e-3)
    assert len(list(Video(overlay))) == 12
    assert not any(each.exists() for each in left)
    assert next(iter(Video(overlay))).image.shape == (HEIGHT, WIDTH, 3)


def test_the_detector_finds_in_a_video_what_it_finds_in_its_pictures(
    warpmarks, trained_run, clip, tmp_path
):
    output = tmp_path / "points.csv"
    assert warpmarks("detect", trained_run, clip, "--output", output, "--batch-size", 5)[0] == 0
    table = numbers(read(output)[1:])
    detector = Detector.load(trained_run)
    for frame in Video(clip):
        found = detector(frame.image).landmarks.ravel()
        assert table[frame.index, 2:] == pytest.approx(found, abs=1e-3)


def test_a_broken_frame_is_told_of_and_its_line_is_empty(warpmarks, trained_run, clip, tmp_path):
    spoil(clip, 9)
    output = tmp_path / "points.csv"
    code, out, err = warpmarks("detect", trained_run, clip, "--output", output, "--smooth", 5)
    assert (code, out) == (0, f"{output}: 3 landmarks on 11 frames\n")
    assert err.startswith(
        "1 frame could not be decoded, its line has no points, and those after it may show traces "
        "of it until the next key frame:\n  frame 9 at 0.36 s: invalid data"
    )
    rows = read(output)[1:]
    assert rows[9] == ["9", "0.360000"] + [""] * 12
    assert np.isfinite(numbers(rows[:9] + rows[10:])).all()


def test_the_missing_end_of_a_video_is_told_of(warpmarks, trained_run, tmp_path):
    clip = write_video(tmp_path / "clip.mkv", 60)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    code, _, err = warpmarks("detect", trained_run, clip, "--output", tmp_path / "points.csv")
    assert (code, err.count(f"{clip}: the file ends at ")) == (0, 1)
    assert err.endswith(" s, where its head announces 2.40 s\n")


def test_a_video_of_nothing_but_broken_frames_writes_no_file(
    warpmarks, trained_run, clip, tmp_path
):
    for number in range(12):
        spoil(clip, number)
    code, _, err = warpmarks("detect", trained_run, clip, "--output", tmp_path / "points.csv")
    assert (code, "no frame at its beginning can be decoded" in err) == (2, True)
    assert not (tmp_path / "points.csv").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--smooth", 4], "--smooth is 4: expected an odd number"),
        (["--overlay", "{}/o.txt"], "has no name of a video"),
        (["--overlay", "{}/no/o.mp4"], "--overlay {}/no/o.mp4: there is no folder"),
        (["--resume"], "--resume was given, but a video is read in one go"),
        (["--split", "train"], "--split train was given, but a video has no splits"),
        (["--trails", 5], "--trails 5 was given, but they are drawn into an overlay: name one"),
    ],
)
def test_wishes_that_cannot_be(warpmarks, trained_run, clip, tmp_path, flags, sentence):
    output = tmp_path / "points.csv"
    flags = [str(flag).format(tmp_path) for flag in flags]
    code, _, err = warpmarks("detect", trained_run, clip, "--output", output, *flags)
    assert (code, sentence.format(tmp_path) in err) == (2, True), err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@pytest.mark.parametrize("flags", [["--smooth", 5], ["--overlay", "{}/o.mp4"], ["--trails", 3]])
def test_flags_of_videos_are_refused_for_images(
    warpmarks, trained_run, image_folder, tmp_path, flags
):
    flags = [str(flag).format(tmp_path) for flag in flags]
    code, _, err = warpmarks(
        "detect", trained_run, image_folder, "--output", tmp_path / "l.csv", *flags
    )
    assert (code, f"{flags[0]} was given, but IMAGES is no video" in err) == (2, True)


def test_a_folder_of_videos_is_told_of(warpmarks, trained_run, clip, tmp_path):
    code, _, err = warpmarks("detect", trained_run, clip.parent, "--output", tmp_path / "l.csv")
    assert code == 2
    assert (
        f"{clip.parent} holds 1 video and no images: give detect one video at a time, such" in err
    )


def test_the_overlay_may_not_be_the_video_itself(warpmarks, trained_run, clip, tmp_path):
    before = clip.read_bytes()
    code, _, err = warpmarks(
        *("detect", trained_run, clip, "--output", tmp_path / "p.csv"),
        *("--overlay", clip, "--overwrite"),
    )
    assert (code, "is the video itself" in err) == (2, True)
    assert clip.read_bytes() == before


def test_pixels_that_are_not_square_are_told_of(warpmarks, trained_run, tmp_path):
    def start(container, stream):
        from fractions import Fraction

        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    clip = write_video(tmp_path / "clip.mp4", 3, start=start)
    code, _, err = warpmarks("detect", trained_run, clip, "--output", tmp_path / "points.csv")
    assert code == 0
    assert err == (
        f"{clip} has pixels of 16:11, which players stretch: points are in pixels as they are "
        "stored\n"
    )


def test_videos_are_trained_on_as_images(warpmarks, tiny, no_pictures, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_video(folder / "one.mp4", 20)
    two = write_video(tmp_path / "two.mp4", 12)
    run = tmp_path / "run"
    command = ["train", folder, two, "--run", run, *tiny, "--frames", 4]
    code, _, err = warpmarks(*command, "--steps", 2, "--frame-choice", "difference")
    assert code == 0, err
    record = json.loads((run / "run.json").read_text())
    assert record["images"]["count"] == 8
    code, _, err = warpmarks(
        *(*command, "--steps", 3, "--frame-choice", "difference", "--resume"),
    )
    assert code == 0, err
    code, _, err = warpmarks(*command, "--steps", 3, "--resume")
    assert (code, "these are not the 8 images" in err) == (2, True)
    assert "give the same videos, and --frames and --frame-choice as before, to go on" in err


def test_a_video_that_cannot_be_read_is_left_out_if_allowed(warpmarks, tiny, no_pictures, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_video(folder / "one.mp4", 20)
    (folder / "two.mp4").write_bytes(b"nothing")
    run = tmp_path / "run"
    command = ["train", folder, "--run", run, *tiny, "--frames", 8, "--steps", 1]
    code, _, err = warpmarks(*command)
    assert (code, f"{folder / 'two.mp4'} cannot be read as a video" in err) == (2, True)
    assert err.endswith("or take it out of the videos; or go on with --allow-unreadable\n")
    code, _, err = warpmarks(*command, "--allow-unreadable")
    assert code == 0, err
    assert err.count("it is left out") == 1
    assert json.loads((run / "run.json").read_text())["images"]["count"] == 8
    (folder / "one.mp4").write_bytes(b"nothing")
    code, _, err = warpmarks(*command, "--allow-unreadable", "--overwrite")
    assert (code, f"{folder / 'one.mp4'} cannot be read" in err) == (2, True)


def test_a_video_is_shown(warpmarks, trained_run, clip, tmp_path):
    output = tmp_path / "shown"
    code, _, err = warpmarks("show", trained_run, clip, "--output", output, "--frames", 6)
    assert code == 0, err
    assert (output / "report.html").is_file()


@pytest.mark.parametrize(
    ("sources", "flags", "sentence"),
    [
        (["images"], ["--frames", 3], "--frames was given, but"),
        (["images"], ["--frame-choice", "even"], "--frame-choice was given, but"),
        (["images", "clip.mp4"], [], "several IMAGES must be videos"),
        (["clip.mp4"], ["--split", "train"], "videos have no splits"),
        (["no.mp4"], [], "no.mp4 does not exist"),
        (["images", "nothing"], [], "images is no video and holds none: several IMAGES must be"),
        (["clip.mp4", "nothing"], [], "nothing does not exist: several IMAGES must be videos, and"),
        (["my", "own images"], [], "own images' exists: put quotes around it"),
    ],
)
def test_images_and_videos_that_do_not_go_together(
    warpmarks, tiny, clip, tmp_path, image_folder, sources, flags, sentence
):
    (tmp_path / "images").symlink_to(image_folder)
    (tmp_path / "my own images").symlink_to(image_folder)
    # The shell makes several of one path with blanks.
    first, *rest = sources
    paths = [tmp_path / first, *(rest if first == "my" else (tmp_path / one for one in rest))]
    code, _, err = warpmarks(
        "train", *paths, "--run", tmp_path / "run", "--steps", 1, *tiny, *flags
    )
    assert (code, sentence in err) == (2, True), err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_images_is_one_whatever_else_is_in_it(
    warpmarks, tiny, no_pictures, tmp_path, image_folder
):
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "pictures").symlink_to(image_folder)
    write_video(folder / "clip.mp4", 3)
    (folder / "a.nef").touch()
    code, _, err = warpmarks("train", folder, "--run", tmp_path / "run", "--steps", 1, *tiny)
    assert code == 0
    assert f"{folder} holds images: its 1 video is left out" in err
    assert f"{folder} also holds 1 .nef file, left out as unreadable" in err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["images"]["count"] == 12


def test_annotated_points_are_found_in_a_video_and_named(warpmarks, trained_run, clip, tmp_path):
    detector = Detector.load(trained_run)
    weights = np.zeros((4, 6))
    weights[0, 0] = weights[1, 1] = 1  # the first landmark
    weights[2, 2::2] = weights[3, 3::2] = 0.5  # between the other two
    scheme = PointScheme(("nose", "middle"), Normaliser("image", "image"))
    regressor = Regressor(weights, None, scheme, "linear", detector.digest, 9, np.zeros((2, 2)))
    save_regressor(regressor, tmp_path / "eyes")
    code, out, err = warpmarks(
        *("detect", trained_run, clip, "--output", tmp_path / "clip.csv"),
        *("--regressor", tmp_path / "eyes", "--smooth", 5, "--scores"),
    )
    assert code == 0, err
    assert f"{tmp_path / 'clip.csv'}: 2 points on 12 frames" in out
    table = read_points(tmp_path / "clip.csv")
    assert table.names == ("nose", "middle")
    assert table.images[11] == "clip.mp4#11"
    landmarks = np.stack([frame.points for frame in detect_video(detector, clip)])
    expected = np.stack([landmarks[:, 0], landmarks[:, 1:].mean(axis=1)], axis=1)
    np.testing.assert_allclose(table.points, expected, atol=1e-3)
    assert table.scores.shape == (12, 2)

import re

import pytest

import warpmarks
from made_videos import ColourDetector, write_video
from tiny_runs import train_tiny
from warpmarks.errors import InputError

pytestmark = pytest.mark.usefixtures("no_type_checks")


@pytest.mark.parametrize("given", [str, lambda path: path, lambda path: [str(path)]])
def test_one_video_stands_for_itself(tmp_path, given):
    write_video(tmp_path / "clip.mp4")
    found = warpmarks.find_frames(given(tmp_path / "clip.mp4"), frames=2, cache_dir=tmp_path)
    assert (len(found.names), found.source) == (2, tmp_path / "clip.mp4")


NO_PATH = {
    "no path at all": (warpmarks.find_images, "", "source is '': expected one path"),
    "no video at all": (warpmarks.find_frames, "", "a video is '': expected the path of a video"),
    "an empty name": (warpmarks.find_frames, [""], "a video is '': expected the path of a video"),
    "an empty list": (warpmarks.find_frames, [], "videos is empty: expected at least one path"),
    "a number": (warpmarks.find_frames, 3, "videos is of the type int: expected the path"),
    "numbers": (warpmarks.find_frames, [3], "a video is of the type int: expected the path"),
}


@pytest.mark.parametrize(("function", "given", "sentence"), NO_PATH.values(), ids=NO_PATH)
def test_what_is_no_path_is_told(function, given, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        function(given)


NO_NUMBER = {
    "batch_size is 0: expected at least 1": {"batch_size": 0},
    "batch_size is -3: expected at least 1": {"batch_size": -3},
    "batch_size is 2.5: expected a whole number": {"batch_size": 2.5},
    "smooth is '7': expected a whole number": {"smooth": "7"},
}


@pytest.mark.parametrize(("sentence", "given"), NO_NUMBER.items())
def test_detecting_in_a_video_takes_numbers_that_can_be(tmp_path, sentence, given):
    write_video(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match=re.escape(sentence)):
        warpmarks.detect_video(ColourDetector(), tmp_path / "clip.mp4", **given)


NO_CONDUCT = {
    "--steps is '3': expected a whole number": {"steps": "3"},
    "--steps is 2.5: expected a whole number": {"steps": 2.5},
    "minutes is '3': expected a number": {"minutes": "3"},
    "threads is True: expected a whole number": {"threads": True},
}


@pytest.mark.parametrize(("sentence", "given"), NO_CONDUCT.items())
def test_training_takes_numbers_that_can_be(image_folder, tmp_path, sentence, given):
    with pytest.raises(InputError, match=re.escape(sentence)):
        warpmarks.train(image_folder, tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_labels_are_drawn_by_their_number(annotated_folder):
    annotated = warpmarks.read_annotated(annotated_folder)
    with pytest.raises(InputError, match="labels is 'a': expected a whole number"):
        annotated.draw("a", 0)


@pytest.mark.parametrize(
    ("load", "given", "sentence"),
    [
        (warpmarks.Detector.load, None, "run is of the type NoneType: expected the path of a run"),
        (warpmarks.Detector.load, 3, "run is of the type int: expected the path of a run"),
        (warpmarks.ExportedDetector.load, None, "path is of the type NoneType: expected the path"),
        (warpmarks.load_regressor, None, "path is of the type NoneType: expected the path"),
        (warpmarks.load_recipe, None, "recipe is of the type NoneType: expected the name"),
    ],
)
def test_what_is_loaded_has_a_path(load, given, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        load(given)


def test_a_detector_tells_what_it_cannot_do(image_folder, tmp_path):
    train_tiny(image_folder, tmp_path / "run", steps=1)
    with pytest.raises(InputError, match="--device is meta, which torch cannot use here"):
        warpmarks.Detector.load(tmp_path / "run", device="meta")
    with pytest.raises(InputError, match="--device is None: expected auto, cpu or cuda"):
        warpmarks.Detector.load(tmp_path / "run", device=None)
    detector = warpmarks.Detector.load(tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="probability_maps was given no image"):
        detector.probability_maps([])

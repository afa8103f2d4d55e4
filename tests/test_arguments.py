import re

import pytest

import warpmarks
from made_videos import write_video
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

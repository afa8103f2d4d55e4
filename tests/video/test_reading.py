import struct
from fractions import Fraction

import numpy as np
import pytest

from made_videos import HEIGHT, WIDTH, ColourDetector, place, spoil, write_video
from warpmarks.errors import InputError
from warpmarks.video import decoding
from warpmarks.video.reading import Video


def middle_errors(video, turned=lambda points: points):
    """How far the colours of each frame are from where they were drawn, at most, in pixels."""
    frames = list(video)
    assert all(frame.image is not None for frame in frames)
    found = [ColourDetector()(frame.image).landmarks for frame in frames]
    return [
        np.linalg.norm(points - turned(place(frame.index)), axis=1).max()
        for frame, points in zip(frames, found, strict=True)
    ]


def test_frames_are_numbered_timed_and_in_colour(tmp_path):
    video = Video(write_video(tmp_path / "clip.mp4"))
    assert (video.rate, video.count, video.pixel_aspect) == (25, 30, 1)
    frames = list(video)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(30) / 25)
    assert {frame.image.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert max(middle_errors(video)) < 0.35
    head = np.round(place(0)[0]).astype(int)
    assert frames[0].image[head[1], head[0]].astype(int) == pytest.approx([230, 20, 20], abs=14)


@pytest.mark.parametrize(
    ("file", "codec", "pix_fmt"),
    [
        ("clip.avi", "mpeg4", "yuv420p"),
        ("clip.avi", "mjpeg", "yuvj420p"),
        ("clip.mkv", "ffv1", "yuv444p"),
        ("clip.webm", "libvpx", "yuv420p"),
        ("clip.mov", "libx264", "yuv420p10le"),
        ("clip.ts", "libx264", "yuv420p"),
        ("clip.h264", "libx264", "yuv420p"),
    ],
)
def test_other_containers_and_codings(tmp_path, file, codec, pix_fmt):
    options = {"libvpx": {"crf": "10", "b": "2M"}, "mpeg4": {"b": "2M"}, "mjpeg": {"b": "9M"}}
    video = Video(
        write_video(tmp_path / file, 20, codec=codec, pix_fmt=pix_fmt, options=options.get(codec))
    )
    frames = list(video)
    assert [frame.index for frame in frames] == list(range(20))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(np.full(19, 0.04), abs=2e-3)
    # Chroma of ten bits is half a pixel off on its way through RGB and back.
    assert max(middle_errors(video)) < (0.8 if pix_fmt.endswith("10le") else 0.5)
    stored = video.stored()
    assert len(stored) == 20
    chosen = list(video.only({3, 11, 19}, stored))
    assert [frame.index for frame in chosen] == [3, 11, 19]
    for frame in chosen:
        np.testing.assert_array_equal(frame.image, frames[frame.index].image)


def test_times_of_a_variable_rate(tmp_path):
    ticks = [0, 3, 50, 51, 60, 200]
    path = write_video(tmp_path / "clip.mp4", 6, ticks=ticks.__getitem__)
    assert [frame.time for frame in Video(path)] == pytest.approx(np.array(ticks) / 100, abs=1e-4)


def test_times_count_from_the_beginning_of_the_file(tmp_path):
    path = write_video(tmp_path / "clip.ts", 5)  # a transport stream begins at 1.4 s or so
    assert next(iter(Video(path))).time == pytest.approx(0, abs=1e-4)


def test_sound_is_passed_over(tmp_path):
    video = Video(write_video(tmp_path / "clip.mp4", 12, sound=True))
    assert [frame.index for frame in video] == list(range(12))
    assert max(middle_errors(video)) < 0.35


def test_odd_sizes(tmp_path):
    def draw(index):
        image = np.zeros((31, 45, 3), dtype=np.uint8)
        image[20, 44] = (0, 255, 0)
        return image

    path = write_video(
        tmp_path / "clip.mkv", 3, size=(45, 31), codec="ffv1", pix_fmt="bgr0", draw=draw
    )
    for frame in Video(path):
        assert frame.image.shape == (31, 45, 3)
        assert frame.image[20, 44].tolist() == [0, 255, 0]


def tkhd(path, a, b, c, d):
    """Write the matrix of a track as ISO 14496-12 has it: x' = ax + cy, y' = bx + dy."""
    content = bytearray(path.read_bytes())
    box = content.index(b"tkhd")
    matrix = content.index(struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30), box)
    entries = [round(65536 * entry) for entry in (a, b, 0, c, d, 0, 0, 0)]
    struct.pack_into(">9i", content, matrix, *entries, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize("quarter", range(4))
def test_frames_are_turned_as_the_file_says(tmp_path, quarter, mirrored):
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), quarter) @ np.diag([mirrored, 1])
    path = tkhd(write_video(tmp_path / "clip.mp4", 4), *turn.T.ravel())
    video = Video(path)
    size = np.abs(turn @ (WIDTH, HEIGHT))
    assert next(iter(video)).image.shape == (size[1], size[0], 3)
    assert video.size == tuple(size)
    centre = (np.array([WIDTH, HEIGHT]) - 1) / 2

    def turned(points):
        return (points - centre) @ turn.T + (size - 1) / 2

    frames = list(video)
    for frame in frames:
        for point, channel in zip(turned(place(frame.index)), (0, 1), strict=True):
            x, y = np.round(point).astype(int)
            assert frame.image[y, x, channel] > 180
            assert frame.image[y, x, 1 - channel] < 80


def test_a_slanted_video_is_refused(tmp_path):
    path = tkhd(write_video(tmp_path / "clip.mp4", 4), 0.8, 0.6, -0.6, 0.8)
    with pytest.raises(InputError, match=r"turned by .* expected a multiple of 90"):
        Video(path)


@pytest.mark.parametrize("turned", [False, True])
def test_pixels_that_are_not_square(tmp_path, turned):
    def start(container, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        stream.set_display_rotation(90 if turned else 0)

    video = Video(write_video(tmp_path / "clip.mp4", 4, start=start))
    assert video.pixel_aspect == (Fraction(11, 16) if turned else Fraction(16, 11))
    assert not video.has_square_pixels


@pytest.mark.parametrize("number", [4, 13, 29])
def test_a_broken_frame_has_its_place(tmp_path, number):
    path = write_video(tmp_path / "clip.mp4", options={"bf": "0"})
    frames = list(Video(spoil(path, number)))
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(30) / 25)
    broken = [frame for frame in frames if frame.image is None]
    assert [frame.index for frame in broken] == [number]
    assert "invalid data" in broken[0].reason
    assert [frame.index for frame in Video(path).only(set(range(30)), Video(path).stored())] == [
        index for index in range(30) if index != number
    ]


def test_without_its_key_frame_a_stretch_is_lost(tmp_path):
    path = spoil(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), 10)
    frames = list(Video(path))
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.index for frame in frames if frame.image is None] == list(range(10, 20))


def test_frames_between_others_keep_their_numbers_when_one_is_broken(tmp_path):
    path = write_video(tmp_path / "clip.mp4", options={"bf": "2", "b-adapt": "0"})
    stored = [frame.tick for frame in Video(path).stored()]
    assert stored != sorted(stored)  # otherwise there are none between others
    number = 5
    frames = list(Video(spoil(path, number)))
    broken = [frame.index for frame in frames if frame.image is None]
    assert sorted(stored).index(stored[number]) in broken
    assert [frame.tick for frame in frames] == sorted(stored)
    assert len(broken) == 1
    for frame in [*frames[:3], *frames[10:]]:  # stored before, or with the next key frame
        found = ColourDetector()(frame.image).landmarks
        assert found == pytest.approx(place(frame.index), abs=0.35)


def test_a_file_that_was_cut_short(tmp_path):
    path = write_video(
        tmp_path / "clip.mp4",
        start=lambda container, stream: container.options.update({"movflags": "faststart"}),
    )
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    path.write_bytes(
        content[: content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2]
    )
    frames = list(Video(path))
    assert 3 < len(frames) < 30
    assert frames[-1].image is None
    assert "announces 30 frames" in frames[-1].reason


def test_a_trimmed_film_is_whole(tmp_path):
    """A phone that trims leaves the frames and writes an edit list of what is to be shown."""
    path = write_video(tmp_path / "clip.mp4", 60)
    content = bytearray(path.read_bytes())
    edit = content.index(b"elst") + 12
    _, begin = struct.unpack_from(">Ii", content, edit)
    scale = struct.unpack_from(">I", content, content.index(b"mdhd") + 16)[0]
    struct.pack_into(">Ii", content, edit, 1000, begin + scale)  # from 1 s to 2 s
    path.write_bytes(content)
    video = Video(path)
    frames = list(video)
    assert [frame.reason for frame in frames] == [None] * 25
    assert [frame.time for frame in frames] == pytest.approx(np.arange(25) / 25)
    for frame in frames:
        assert ColourDetector()(frame.image).landmarks == pytest.approx(
            place(25 + frame.index), abs=0.35
        )
    assert video.stored_and_lost()[1] == 0
    (last,) = video.only({24}, video.stored())
    np.testing.assert_array_equal(last.image, frames[24].image)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "cannot be read as a video"), (b"Dear reader, " * 500, "cannot be read as a video")],
)
def test_a_file_that_is_no_video(tmp_path, content, sentence):
    (tmp_path / "letter.mp4").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        Video(tmp_path / "letter.mp4")


def test_sound_alone(tmp_path):
    import av

    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="no pictures, only sound"):
        Video(tmp_path / "song.mp4")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Video(tmp_path / "clip.mp4")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'warpmarks\[video\]'"):
        Video(tmp_path / "clip.mp4")


def test_a_frame_that_is_stored_after_the_key_frame_it_comes_before(tmp_path):
    opened = "open-gop=1:keyint=10:min-keyint=10:bframes=3:b-adapt=0:scenecut=0"
    video = Video(write_video(tmp_path / "clip.mp4", options={"x264-params": opened}))
    stored = video.stored()
    order = [sorted(frame.tick for frame in stored).index(frame.tick) for frame in stored]
    assert order[9:11] == [10, 9]
    assert [frame.is_key for frame in stored[9:11]] == [True, False]
    expected = list(video)
    (found,) = video.only({9}, stored)
    assert found.index == 9
    np.testing.assert_array_equal(found.image, expected[9].image)


def test_only_the_stretches_that_are_needed_are_decoded(tmp_path, monkeypatch):
    video = Video(write_video(tmp_path / "clip.mp4", 60))
    decoded = []
    send = decoding.Walk.send

    def counted(self, packet, converted):
        decoded.append(packet)
        yield from send(self, packet, converted)

    monkeypatch.setattr(decoding.Walk, "send", counted)
    assert [frame.index for frame in video.only({34}, video.stored())] == [34]
    assert sum(packet is not None for packet in decoded) <= 20

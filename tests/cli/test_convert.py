import json
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from warpmarks.cli import progress as cli_progress
from warpmarks.cli.convert import FormatName
from warpmarks.datasets.annotated import read_annotated
from warpmarks.errors import InputError
from warpmarks.formats.registry import FORMATS, read
from warpmarks.system.progress import SilentProgress

TPS = (
    "LM=3\n3 10\n12.5 4\n-1 -1\nIMAGE=a.png\nID=A1\nSCALE=0.25\n"
    "LM=3\n1 2\n3 4\n5 6\nIMAGE=b.png\nID=B1\n"
)


@pytest.fixture
def fish(tmp_path):
    """A TPS file and its images of 20 x 16 and 10 x 30."""
    for name, size in (("a.png", (20, 16)), ("b.png", (10, 30))):
        Image.new("L", size).save(tmp_path / name)
    (tmp_path / "fish.tps").write_text(TPS)
    return tmp_path / "fish.tps"


def test_the_flags_offer_every_format():
    assert [each.value for each in FormatName] == list(FORMATS)


def test_morphometrics_to_pose_tracking(warpmarks, fish, tmp_path):
    output = tmp_path / "CollectedData_Ana.csv"
    code, out, err = warpmarks(
        "convert", fish, output, "--names", "snout,eye,fin", "--scorer", "Ana"
    )
    assert (code, out) == (0, f"{output}: 3 points on 2 images\n")
    assert err == "DeepLabCut CSV does not keep: scales (1), identifiers and notes (2)\n"
    assert output.read_text() == (
        "scorer,Ana,Ana,Ana,Ana,Ana,Ana\n"
        "bodyparts,snout,snout,eye,eye,fin,fin\n"
        "coords,x,y,x,y,x,y\n"
        "a.png,3,6,12.5,12,,\n"
        "b.png,1,28,3,26,5,24\n"
    )


def test_a_project_knows_where_its_images_are_and_their_sizes(warpmarks, fish, tmp_path):
    photos, project = tmp_path / "photos", tmp_path / "work" / "points"
    for folder in (photos, project):
        folder.mkdir(parents=True)
    (tmp_path / "a.png").rename(photos / "a.png")
    (project / "landmarks.csv").write_text("image,x1,y1\na.png,3,6\n")
    (project / "project.json").write_text(
        '{"images": "../../photos", "sizes": {"a.png": [20, 16]}}', encoding="utf-8"
    )
    code, _, err = warpmarks("convert", project, tmp_path / "o.tps")
    assert (code, err) == (0, "")
    assert (tmp_path / "o.tps").read_text() == "LM=1\n3 10\nIMAGE=a.png\nID=0\n"
    (tmp_path / "in.tps").write_text("LM=1\n3 10\nIMAGE=a.png\n")
    flags = ["--to", "deeplabcut", "--images", project]
    warpmarks("convert", tmp_path / "in.tps", tmp_path / "p.csv", *flags)
    assert (tmp_path / "p.csv").read_text().endswith("\na.png,3,6\n")
    Image.new("L", (40, 32)).save(photos / "a.png")
    code, _, err = warpmarks("convert", project, tmp_path / "o.tps", "--overwrite")
    assert code == 2, "its points were placed on other pixels"
    assert "are of an image of 20 x 16, but" in err
    (photos / "a.png").unlink()
    photos.rmdir()
    code, _, err = warpmarks("convert", project, tmp_path / "o.tps", "--overwrite")
    assert (code, err) == (0, ""), "the sizes are enough"


def test_a_project_knows_which_points_cannot_be_seen(warpmarks, tmp_path):
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,x2,y2,x3,y3\na.png,3,6,4,5,,\n")
    (tmp_path / "project.json").write_text('{"not_visible": {"a.png": [1, 2]}}')
    code, _, err = warpmarks("convert", tmp_path, tmp_path / "o.json", "--to", "coco")
    assert (code, "without a place (1)" in err) == (0, True)
    content = json.loads((tmp_path / "o.json").read_text())
    assert content["annotations"][0]["keypoints"] == [3, 6, 2, 4, 5, 1, 0, 0, 0]
    (tmp_path / "project.json").write_text("[" * 100_000)
    code, _, err = warpmarks("convert", tmp_path, tmp_path / "p.json", "--to", "coco")
    assert (code, "project.json cannot be read as JSON" in err) == (2, True)


def test_points_by_name_in_another_order(warpmarks, fish, tmp_path):
    output = tmp_path / "c.json"
    arguments = ["--to", "coco", "--names", "snout,eye,fin", "--category", "perch"]
    code, out, _ = warpmarks("convert", fish, output, *arguments, "--points", "FIN, snout")
    assert (code, out) == (0, f"{output}: 2 points on 2 images\n")
    content = json.loads(output.read_text())
    assert content["categories"][0]["keypoints"] == ["FIN", "snout"]
    assert content["categories"][0]["name"] == "perch"
    assert content["annotations"][1]["keypoints"] == [5, 24, 2, 1, 28, 2]


def test_names_with_commas_come_from_a_file(warpmarks, fish, tmp_path):
    (tmp_path / "points.json").write_text('{"names": ["fin, left", "eye", "tip"]}')
    (tmp_path / "set").mkdir()
    code, _, _ = warpmarks(
        "convert", fish, tmp_path / "set", "--to", "warpmarks", "--names", tmp_path / "points.json"
    )
    assert code == 0
    assert read(tmp_path / "set").names == ("fin, left", "eye", "tip")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"mirror": []}', 'points.json has no list of names: expected {"names"'),
        ('["fin"]', "points.json has 'list': expected an object with names"),
        ("[" * 100_000, "points.json cannot be read as JSON"),
    ],
)
def test_a_file_without_names_is_told_of(warpmarks, fish, tmp_path, text, told):
    names = tmp_path / "points.json"
    names.write_text(text)
    code, _, err = warpmarks("convert", fish, tmp_path / "o.xml", "--names", names)
    assert (code, told in err, err.count("\n")) == (2, True, 1)


def test_a_file_of_names_that_is_not_there_is_told_of(warpmarks, fish, tmp_path):
    code, _, err = warpmarks("convert", fish, tmp_path / "o.xml", "--names", tmp_path / "n.json")
    assert (code, "n.json does not exist: give a points.json with names" in err) == (2, True)


@pytest.mark.parametrize(
    ("colours", "told"),
    [
        (["#2D7DFF", "#1edceb", "#e61e2d"], ""),  # the annotator's own, of points that moved
        (
            ["#e61e2d", "#123456", "#ABCDEF"],
            "COCO keypoints does not keep: colours of points (2)\n",
        ),
    ],
)
def test_colours_that_somebody_chose_are_kept_or_told_of(warpmarks, tmp_path, colours, told):
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,x2,y2,x3,y3\na.png,1,2,3,4,5,6\n")
    (tmp_path / "points.json").write_text(
        json.dumps({"names": ["snout", "eye", "fin"], "colours": colours})
    )
    command = ["convert", tmp_path / "landmarks.csv"]
    code, _, err = warpmarks(*command, tmp_path / "c.json", "--to", "coco")
    assert (code, err) == (0, told)
    code, _, err = warpmarks(*command, tmp_path / "set", "--to", "warpmarks")
    assert (code, "colours" in err) == (0, False)
    assert read(tmp_path / "set").colours == tuple(colours)


def test_what_errors_are_divided_by_is_kept_or_told_of(warpmarks, tmp_path):
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,x2,y2,x3,y3\na.png,1,2,3,4,5,6\n")
    scheme = {"names": ["snout", "eye", "fin"], "normaliser": "eye:fin"}
    (tmp_path / "points.json").write_text(json.dumps(scheme))

    def converted(name, *arguments):
        code, _, err = warpmarks("convert", tmp_path / "landmarks.csv", tmp_path / name, *arguments)
        assert code == 0
        return err

    ours = ["--to", "warpmarks"]
    assert converted("one", *ours, "--points", "fin,eye", "--names", "snout,eye,fin") == ""
    assert read(tmp_path / "one").normaliser == "eye:fin"
    assert converted("two", *ours, "--names", "a,b,c") == ""
    assert read(tmp_path / "two").normaliser == "b:c"
    told = "the normaliser 'eye:fin' is dropped: it cannot be told by the points of B\n"
    assert converted("three", *ours, "--points", "snout,eye") == told
    told = "DeepLabCut CSV does not keep: what errors are divided by (eye:fin)\n"
    assert converted("four.csv", "--to", "deeplabcut") == told


def test_a_way_around_every_format_leads_back(warpmarks, fish, tmp_path):
    """Our half pixels and flips cancel out only if each is right in both directions."""
    steps = [
        ("1.json", "coco"),
        ("2.json", "label-studio"),
        ("3", "yolo"),
        ("4.csv", "lightning-pose"),
        ("5", "pts"),
        ("6", "warpmarks"),
        ("7.csv", "deeplabcut"),
        ("8.tps", "tps"),
    ]
    source = fish
    for name, format in steps:
        code, _, err = warpmarks(
            "convert", source, tmp_path / name, "--to", format, "--images", tmp_path
        )
        assert code == 0, err
        source = tmp_path / name
    end = read(source, images=tmp_path)
    start = read(fish)
    np.testing.assert_allclose(end.points, start.points, atol=1e-3)
    assert end.images == start.images


def test_images_in_another_folder(warpmarks, fish, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / name).rename(tmp_path / "photos" / name)
    code, _, err = warpmarks("convert", fish, tmp_path / "o.xml")
    assert code == 2
    assert err.startswith(f"error: {fish}, line 1: to turn y over, warpmarks needs the size of")
    assert err.endswith("name the folder of the images with --images\n")
    code, _, _ = warpmarks("convert", fish, tmp_path / "o.xml", "--images", tmp_path / "photos")
    assert code == 0


def test_images_that_are_not_in_the_folder_that_was_named_are_told_of(warpmarks, fish, tmp_path):
    source, photos = tmp_path / "c.json", tmp_path / "photos"
    assert warpmarks("convert", fish, source, "--to", "coco")[0] == 0
    photos.mkdir()
    (tmp_path / "a.png").rename(photos / "a.png")
    (tmp_path / "b.png").rename(photos / "B.png")
    target = tmp_path / "set"
    code, _, err = warpmarks("convert", source, target, "--to", "warpmarks", "--images", photos)
    assert (code, err) == (
        0,
        f"1 image is not in {photos}, where fit would look: b.png (there is B.png, which differs "
        "in upper and lower case)\nwarpmarks CSV does not keep: boxes (2)\n",
    )


def test_where_fit_looks_for_the_pictures_is_told(warpmarks, fish, tmp_path):
    target = tmp_path / "set"
    arguments = ["convert", fish, target, "--to", "warpmarks", "--overwrite", "--images", tmp_path]
    told = f"put the pictures into {target / 'images'}, where fit looks for them\n"
    assert told in warpmarks(*arguments)[2]
    with pytest.raises(InputError, match=r"that its landmarks\.csv names into .*images"):
        read_annotated(target)
    (target / "images").mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(tmp_path / name, target / "images" / name)
    assert told not in warpmarks(*arguments)[2]


def test_photographs_that_exif_turns_are_told_of(warpmarks, fish, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored 20 x 16, upright 16 x 20
    Image.new("L", (20, 16)).save(tmp_path / "a.png", exif=exif)
    code, _, err = warpmarks("convert", fish, tmp_path / "1", "--to", "warpmarks")
    assert code == 0
    assert "1 photograph is turned by EXIF, such as a.png: its points are taken to be" in err
    assert "on the upright picture; if A counts on the stored one, give" in err
    assert read(tmp_path / "1").points[0, 0].tolist() == [3, 10]
    code, _, err = warpmarks("convert", fish, tmp_path / "2", "--to", "warpmarks", "--as-stored")
    assert (code, "a.png: its points were turned upright with it" in err) == (0, True)
    assert read(tmp_path / "2").points[0, 0].tolist() == [16 - 1 - (16 - 10), 3]


def test_photographs_whose_points_are_known_to_be_upright_are_not_told_of(
    warpmarks, fish, tmp_path
):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.png", "b.png"):
        Image.new("L", (20, 16)).save(tmp_path / name, exif=exif)
    for target in ("c.json", "set"):
        flags = ["--to", "coco" if target == "c.json" else "warpmarks"]
        _, _, err = warpmarks("convert", fish, tmp_path / target, *flags)
        assert "2 photographs are turned by EXIF, such as a.png: their points are taken" in err
        flags = ["--to", "tps", "--images", tmp_path]
        code, _, err = warpmarks("convert", tmp_path / target, tmp_path / f"{target}.tps", *flags)
        assert (code, "EXIF" in err) == (0, False), err
    flags = ["--to", "warpmarks", "--as-stored"]
    code, _, err = warpmarks("convert", tmp_path / "c.json", tmp_path / "new", *flags)
    assert (code, err.endswith("on the upright picture, so leave --as-stored away\n")) == (2, True)


def test_images_of_a_set_are_called_by_their_paths_in_its_images(warpmarks, fish, tmp_path):
    photos = tmp_path / "one" / "images"
    photos.mkdir(parents=True)
    (tmp_path / "a.png").rename(photos / "a.png")
    (photos / "deep").mkdir()
    (tmp_path / "b.png").rename(photos / "deep" / "b.png")
    text = TPS.replace("IMAGE=a", "IMAGE=images/a").replace("IMAGE=b", "IMAGE=images/deep/b")
    fish.write_text(text)
    flags = ["--to", "warpmarks", "--images", tmp_path / "one"]
    assert warpmarks("convert", fish, tmp_path / "two", *flags)[0] == 0
    assert read(tmp_path / "two").images == ("a.png", "deep/b.png")


def test_an_existing_target_is_kept_without_overwrite(warpmarks, fish, tmp_path):
    target = tmp_path / "o.xml"
    target.write_text("precious")
    code, _, err = warpmarks("convert", fish, target)
    assert (code, target.read_text()) == (2, "precious")
    assert err == (f"error: {target} exists: choose another name or replace it with --overwrite\n")
    assert warpmarks("convert", fish, target, "--overwrite")[0] == 0
    assert "<dataset>" in target.read_text()


@pytest.mark.parametrize(
    ("format", "mine"),
    [("warpmarks", "points.json"), ("yolo", "data.yaml"), ("pts", "deep/x.pts")],
)
def test_a_folder_with_images_is_written_into_but_files_are_kept(
    warpmarks, fish, tmp_path, format, mine
):
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    assert warpmarks("convert", fish, folder, "--to", format)[0] == 0
    other = tmp_path / "other" / mine
    other.parent.mkdir(parents=True)
    other.write_text("precious")
    code, _, err = warpmarks("convert", fish, tmp_path / "other", "--to", format)
    assert (code, other.read_text()) == (2, "precious")
    assert f"{other} exists" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["o.json"], "could be coco or label-studio: name the format with --to"),
        (["o.xml", "--points", "1,4"], "--points: there is no point '4': expected one of '1',"),
        (["o.xml", "--names", "a,b"], "--names names 2 points, but there are 3"),
        (["o.xml", "--names", "a,b,a"], "same name"),
        (["o.xml", "--from", "coco"], "fish.tps is damaged"),
        (
            ["o.xml", "--images", "nowhere"],
            "--images nowhere does not exist",
        ),
        (["no/such/o.xml"], "there is no folder"),
        ([".", "--to", "coco"], "is a folder: expected the name of a file"),
        (["o.csv", "--to", "warpmarks"], "our points have two files"),
        (["o.pts"], "is one file, but there are 2 images"),
    ],
)
def test_what_cannot_be_converted(warpmarks, fish, tmp_path, arguments, sentence):
    before = sorted(tmp_path.rglob("*"))
    code, out, err = warpmarks("convert", fish, tmp_path / arguments[0], *arguments[1:])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert sentence in err
    assert sorted(tmp_path.rglob("*")) == before


def test_progress_is_told_while_files_are_read_and_written(warpmarks, fish, tmp_path, monkeypatch):
    told = []

    class Listener(SilentProgress):
        def start(self, description, total, done=0):
            told.append([description, total, 0])

        def advance(self, amount=1):
            told[-1][2] += amount

    monkeypatch.setattr(cli_progress, "terminal_progress", lambda: nullcontext(Listener()))
    assert warpmarks("convert", fish, tmp_path / "set", "--to", "yolo")[0] == 0
    assert told == [
        ["Reading specimens", 2, 2],
        ["Comparing images", 2, 2],
        ["Looking for images", 2, 2],
        ["Writing labels", 2, 2],
    ]
    del told[:]
    source = tmp_path / "set"
    assert warpmarks("convert", source, tmp_path / "p", "--to", "pts", "--images", tmp_path)[0] == 0
    assert told == [
        ["Reading labels", 2, 2],
        ["Reading sizes of images", 2, 2],
        ["Comparing images", 2, 2],
        ["Writing points", 2, 2],
        ["Checking points", 2, 2],
    ]
    del told[:]
    assert warpmarks("convert", tmp_path / "p", tmp_path / "o.xml")[0] == 0
    assert told == [["Reading points", 2, 2], ["Looking for images", 2, 2]]


def test_points_far_outside_of_their_images_are_told_of(warpmarks, fish, tmp_path):
    table = tmp_path / "landmarks.csv"
    table.write_text(
        "image,x1,y1,x2,y2\na.png,1,2,24.9,-3.9\nb.png,99999,3,,\nno.png,99999,3,1,-1e6\n"
    )
    arguments = ["--to", "warpmarks", "--overwrite", "--images", tmp_path]
    code, _, err = warpmarks("convert", table, tmp_path / "set", *arguments)
    assert (code, err) == (
        0,
        f"1 image is not in {tmp_path}, where fit would look: no.png\n"
        "1 point is far outside of its image, which fit and evaluate refuse; the first is '1' of "
        "'b.png' at (99999, 3), where the image has 10 x 30 pixels\n",
    )
    table.write_text("image,x1,y1,x2,y2\na.png,1,2,25.1,3\nb.png,1,3,-3,99\n")
    _, _, err = warpmarks("convert", table, tmp_path / "set", *arguments)
    assert err.startswith("2 points are far outside of their images, ")
    assert "'2' of 'a.png' at (25.1, 3), where the image has 20 x 16 pixels" in err
    assert warpmarks("convert", table, tmp_path / "set", *arguments[:3])[2] == ""


def test_smoothed_points_are_told_of(warpmarks, tmp_path):
    (tmp_path / "clip.csv").write_text(
        "frame,time,x1,y1,x2,y2,smooth_x1,smooth_y1,smooth_x2,smooth_y2\n"
        "0,0,1,2,3,4,1,2,3,4\n1,0.04,1,2,3,4,1,2,,\n"
    )
    arguments = ["--to", "deeplabcut", "--overwrite"]
    _, _, err = warpmarks("convert", tmp_path / "clip.csv", tmp_path / "o.csv", *arguments)
    assert err == "DeepLabCut CSV does not keep: smoothed points (3)\n"
    arguments += ["--points", "2"]
    _, _, err = warpmarks("convert", tmp_path / "clip.csv", tmp_path / "o.csv", *arguments)
    assert err == "DeepLabCut CSV does not keep: smoothed points (1)\n"


def test_marks_of_a_project_are_kept_or_told_of(warpmarks, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "landmarks.csv").write_text("image,x1,y1,x2,y2\na.png,1,2,3,4\n")
    marks = {"not_visible": {"a.png": [1], "b.png": [0]}, "accepted": {"a.png": [0]}}
    (project / "project.json").write_text(json.dumps({"images": "../images"} | marks))
    _, out, err = warpmarks("convert", project, tmp_path / "o.json", "--to", "coco")
    assert "marks of points that were accepted as suggested (1)" in err
    assert "2 points on 2 images" in out
    told = json.loads((tmp_path / "o.json").read_text())["annotations"]
    assert [one["keypoints"][2::3] for one in told] == [[2, 1]]


def test_sleap_without_sleap_io(warpmarks, fish, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sleap_io", None)
    code, _, err = warpmarks("convert", fish, tmp_path / "o.slp")
    assert code == 2
    assert "pip install 'warpmarks[sleap]'" in err


def test_what_detect_writes_is_converted_with_its_scores(warpmarks, fish, tmp_path):
    (tmp_path / "landmarks.csv").write_text(
        "image,x1,y1,x2,y2,score1,score2\na.png,1.500,2.000,3.000,4.000,0.500,0.250\n"
    )
    output = tmp_path / "p.csv"
    code, _, _ = warpmarks("convert", tmp_path / "landmarks.csv", output, "--to", "deeplabcut")
    assert code == 0
    assert output.read_text().splitlines()[2:] == [
        "coords,x,y,likelihood,x,y,likelihood",
        "a.png,1.5,2,0.5,3,4,0.25",
    ]


@pytest.fixture
def film(tmp_path):
    """Points on three frames of a video of 80 x 48."""
    pytest.importorskip("av")
    from made_videos import write_video

    lines = ["frame,time,x1,y1", "0,0.00,1.5,2.0", "1,0.04,,", "2,0.08,5.0,6.0"]
    (tmp_path / "points.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "points.csv", write_video(tmp_path / "film.mkv", 3)


@pytest.mark.parametrize("format", ["tps", "label-studio", "coco"])
def test_sizes_of_frames_are_taken_from_their_video(warpmarks, film, tmp_path, format):
    source, video = film
    target = tmp_path / f"o.{'tps' if format == 'tps' else 'json'}"
    code, _, err = warpmarks("convert", source, target, "--to", format, "--images", video)
    assert code == 0, err
    if format == "tps":
        assert target.read_text().startswith("LM=1\n1.5 46\nIMAGE=film.mkv#0\n")
    else:
        assert read(target).sizes[0].tolist() == [80, 48]


@pytest.mark.parametrize("format", ["yolo", "pts"])
def test_each_frame_has_a_file_of_its_own(warpmarks, film, tmp_path, format):
    source, video = film
    target = tmp_path / format
    code, _, err = warpmarks("convert", source, target, "--to", format, "--images", video)
    assert code == 0, err
    ending = "txt" if format == "yolo" else "pts"
    files = [path.name for path in target.rglob(f"*.{ending}") if path.name != "images.txt"]
    assert sorted(files) == [f"film.mkv#{number}.{ending}" for number in range(3)]
    code, out, err = warpmarks("convert", target, tmp_path / "o.tps", "--images", video)
    assert (code, out) == (0, f"{tmp_path / 'o.tps'}: 1 point on 3 images\n"), err
    if format == "pts":
        assert read(target).images == ("film.mkv#0", "film.mkv#1", "film.mkv#2")


def test_another_video_than_that_of_the_points_is_refused(warpmarks, film, tmp_path):
    from made_videos import write_video

    source, _ = film
    shorter = write_video(tmp_path / "shorter.mp4", 2)
    slower = write_video(tmp_path / "slower.mp4", 5, ticks=lambda index: 7 * index)
    for video, sentence in [
        (shorter, f"{source} has points on frame 2, but {shorter} has only 2 frames, from 0: name"),
        (slower, f"{source} has points on a frame at 0.080 s, where {slower} has none: it is"),
    ]:
        code, _, err = warpmarks("convert", source, tmp_path / "o.xml", "--images", video)
        assert (code, sentence in err) == (2, True), err
    beside = source.rename(tmp_path / "slower.csv")
    code, _, err = warpmarks("convert", beside, tmp_path / "o.xml")
    assert (code, "it is another video" in err) == (2, True)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.avi", "clip.ts", "clip.h264"])
def test_times_of_a_table_are_those_of_its_video(warpmarks, tmp_path, name):
    pytest.importorskip("av")
    from made_videos import write_video
    from warpmarks.video.reading import Video

    video = write_video(tmp_path / name, 30)
    lines = [f"{frame.index},{frame.time:.6f},9,8" for frame in Video(video)]
    (tmp_path / "p.csv").write_text("\n".join(["frame,time,x1,y1", *lines]) + "\n")
    command = ("convert", tmp_path / "p.csv", tmp_path / "o.json", "--images", video)
    code, _, err = warpmarks(*command, "--to", "coco")
    assert code == 0, err


def test_a_video_that_cannot_be_read_matters_where_its_size_is_needed(warpmarks, film, tmp_path):
    source, video = film
    video.write_bytes(b"nothing")
    command = ["convert", source, tmp_path / "o.json", "--to"]
    code, _, err = warpmarks(*command, "label-studio", "--images", video)
    assert (code, "film.mkv cannot be read as a video" in err) == (2, True)
    assert warpmarks(*command, "coco", "--images", video)[0] == 0


@pytest.mark.parametrize(
    ("name", "what"), [("no.mp4", "the video or the folder"), ("no", "the folder")]
)
def test_images_that_are_not_there(warpmarks, fish, tmp_path, name, what):
    place = tmp_path / name
    code, _, err = warpmarks("convert", fish, tmp_path / "o.xml", "--images", place)
    assert code == 2
    assert err == f"error: --images {place} does not exist: name {what} of the images\n"


def test_a_source_that_is_not_there_is_told_first(warpmarks, tmp_path):
    source = tmp_path / "nothing.csv"
    code, _, err = warpmarks("convert", source, tmp_path / "o.csv")
    assert code == 2
    assert err == (f"error: {source} does not exist: give a file or folder with points on images\n")


def test_points_at_the_corner_are_counted(warpmarks, tmp_path):
    table = tmp_path / "landmarks.csv"
    table.write_text("image,x1,y1,x2,y2\na.png,0,0,20,31\nb.png,0,0,,\nc.png,0,7,4,0\n")
    command = ["convert", table, tmp_path / "x.csv", "--to", "deeplabcut"]
    code, _, err = warpmarks(*command)
    assert (code, "2 points lie exactly at (0, 0), as other tools write" in err) == (0, True)

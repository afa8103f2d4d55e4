"""Our files as the other tools' own code reads them."""

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pandas
import pytest
import sleap_io
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from point_tables import fish, make_images
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles, images_beside
from warpmarks.formats.registry import read, write


@pytest.fixture
def images(tmp_path):
    return make_images(fish(), tmp_path / "images")


def scored():
    return replace(fish(), scores=np.array([[0.5, 0.25, np.nan], [1, 0, 0.125]]))


def test_deeplabcut_reads_our_labels(tmp_path):
    write(tmp_path / "CollectedData_Ana.csv", "deeplabcut", fish())
    frame = pandas.read_csv(tmp_path / "CollectedData_Ana.csv", header=[0, 1, 2], index_col=0)
    assert list(frame.index) == ["tank/one.png", "two.png"]
    assert frame.columns.names == ["scorer", "bodyparts", "coords"]
    assert frame["Ana", "left fin", "x"].tolist() == [20.5, 39]
    assert frame["Ana", "tail, tip", "y"].tolist()[1] == 40
    assert np.isnan(frame["Ana", "tail, tip", "x"].iloc[0])
    assert all(np.issubdtype(kind, np.number) for kind in frame.dtypes)


def test_deeplabcut_reads_our_predictions(tmp_path):
    write(tmp_path / "p.csv", "deeplabcut", scored())
    frame = pandas.read_csv(tmp_path / "p.csv", header=[0, 1, 2], index_col=0)
    assert frame.columns.get_level_values("coords")[:3].tolist() == ["x", "y", "likelihood"]
    assert frame["Ana", "left fin", "likelihood"].tolist() == [0.25, 0]


@pytest.mark.parametrize("levels", [1, 3])
def test_we_read_what_pandas_writes_for_deeplabcut(tmp_path, levels):
    columns = pandas.MultiIndex.from_product(
        [["Ana"], ["nose", "tail"], ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    paths = ["labeled-data/film/img001.png", "labeled-data/film/img002.png"]
    index = paths if levels == 1 else pandas.MultiIndex.from_tuples([p.split("/") for p in paths])
    cells = [[1.5, 2.5, np.nan, np.nan], [3, 4, 5, 6]]
    pandas.DataFrame(cells, columns=columns, index=index).to_csv(tmp_path / "c.csv")
    table = read(tmp_path / "c.csv")
    assert (table.names, table.images, table.scorer) == (("nose", "tail"), tuple(paths), "Ana")
    np.testing.assert_array_equal(table.points.reshape(2, 4), cells)


@pytest.mark.parametrize("animal", ["m1", "m2"])
def test_we_read_the_only_animal_that_has_points(tmp_path, animal):
    """A project of DeepLabCut names all of its animals, and ``single``, in each file."""
    columns = pandas.MultiIndex.from_tuples(
        [
            ("Ana", individual, part, coordinate)
            for individual, parts in {"m1": "ab", "m2": "ab", "single": "c"}.items()
            for part in parts
            for coordinate in "xy"
        ],
        names=["scorer", "individuals", "bodyparts", "coords"],
    )
    paths = ["labeled-data/film/img001.png", "labeled-data/film/img002.png"]
    frame = pandas.DataFrame(np.nan, columns=columns, index=paths)
    frame.loc[paths[1], ("Ana", animal)] = [3, 4, 5, 6]
    frame.to_csv(tmp_path / "c.csv")
    table = read(tmp_path / "c.csv")
    assert (table.names, table.images, table.scorer) == (("a", "b"), tuple(paths), "Ana")
    np.testing.assert_array_equal(table.points[1], [[3, 4], [5, 6]])
    assert np.isnan(table.points[0]).all()


def test_lightning_pose_finds_its_columns(tmp_path):
    write(tmp_path / "l.csv", "lightning-pose", fish())
    frame = pandas.read_csv(tmp_path / "l.csv", header=[0, 1, 2], index_col=0)
    seen = frame.loc[:, frame.columns.get_level_values("coords") == "visible"].to_numpy()
    np.testing.assert_array_equal(seen, [[2, 1, 0], [2, 2, 2]])


def test_pycocotools_reads_our_coco(tmp_path, images, capsys):
    write(tmp_path / "c.json", "coco", fish(), ImageFiles((images,)))
    found = COCO(str(tmp_path / "c.json"))
    (category,) = found.loadCats(found.getCatIds(catNms=["fish"]))
    assert category["keypoints"] == ["snout", "left fin", "tail, tip"]
    assert category["skeleton"] == [[1, 2], [2, 3]]
    (annotation,) = found.loadAnns(found.getAnnIds(imgIds=[1]))
    assert annotation["keypoints"] == [4, 7, 2, 20.5, 3.25, 1, 0, 0, 0]
    assert annotation["num_keypoints"] == 2
    assert annotation["bbox"] == [2, 1, 30, 20]
    assert found.loadImgs([1])[0]["height"] == 32


def test_pycocotools_scores_our_points_as_perfect_against_themselves(tmp_path, images, capsys):
    write(tmp_path / "c.json", "coco", fish(), ImageFiles((images,)))
    truth = COCO(str(tmp_path / "c.json"))
    results = [
        {key: annotation[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 1.0}
        for annotation in truth.dataset["annotations"]
    ]
    scoring = COCOeval(truth, truth.loadRes(results), "keypoints")
    scoring.params.kpt_oks_sigmas = np.full(3, 0.05)
    scoring.evaluate()
    similarities = [similarity for each in scoring.ious.values() for similarity in np.ravel(each)]
    assert len(similarities) == 2
    np.testing.assert_allclose(similarities, 1)


def test_an_xml_parser_reads_our_dlib_file(tmp_path):
    odd = replace(fish(), names=("<script>", "a & b", '"quoted" ümläut 🐟'))
    write(tmp_path / "d.xml", "dlib", odd)
    root = ET.parse(tmp_path / "d.xml").getroot()
    parts = {part.get("name"): (part.get("x"), part.get("y")) for part in root.iter("part")}
    assert parts["<script>"] == ("0", "0")
    assert parts['"quoted" ümläut 🐟'] == ("10", "40")
    assert root.find("images/image/box/label").text == "fish"


def test_label_studios_arithmetic_leads_to_the_same_pixels(tmp_path, images):
    write(tmp_path / "l.json", "label-studio", scored(), ImageFiles((images,)))
    first, second = json.loads((tmp_path / "l.json").read_text())
    assert first["data"]["image"] == "/data/local-files/?d=tank/one.png"
    (prediction,) = first["predictions"]
    assert prediction["score"] == 0.375
    item = prediction["result"][1]
    assert item["value"]["keypointlabels"] == ["left fin"]
    # The share of the way from the left edge of the image to its right one.
    assert item["value"]["x"] / 100 * item["original_width"] == pytest.approx(20.5 + 0.5, abs=1e-5)
    assert item["value"]["y"] / 100 * item["original_height"] == pytest.approx(3.25 + 0.5, abs=1e-5)
    assert len(second["predictions"][0]["result"]) == 3


def test_a_spreadsheet_reads_our_csv(tmp_path):
    write(tmp_path / "set", "warpmarks", scored())
    with (tmp_path / "set" / "landmarks.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1][:7] == ["tank/one.png", "4.000", "7.000", "20.500", "3.250", "", ""]
    assert rows[1][7:] == ["0.500", "0.250", ""]
    assert json.loads((tmp_path / "set" / "points.json").read_text()) == {
        "names": ["snout", "left fin", "tail, tip"],
        "mirror": [["left fin", "tail, tip"]],
    }


def test_sleap_io_reads_our_files(tmp_path, images):
    files = ImageFiles((images,))
    write(tmp_path / "s.slp", "sleap", fish(), files)
    labels = sleap_io.load_slp(str(tmp_path / "s.slp"), open_videos=False)
    assert labels.skeletons[0].node_names == ["snout", "left fin", "tail, tip"]
    first = labels.labeled_frames[0].instances[0]
    np.testing.assert_array_equal(first.numpy(invisible_as_nan=False)[:2, 0], [4, 20.5])
    assert first.points["visible"].tolist() == [True, False, False]
    write(images / "c.json", "coco", fish(), files)
    coco = sleap_io.load_coco(str(images / "c.json"), dataset_root=str(images))
    np.testing.assert_array_equal(coco.labeled_frames[1].instances[0].numpy(), fish().points[1])


def test_sleap_io_finds_the_images_of_our_file_from_anywhere(tmp_path, images, monkeypatch):
    write(tmp_path / "s.slp", "sleap", scored(), ImageFiles((images,)))
    monkeypatch.chdir("/")
    labels = sleap_io.load_slp(str(tmp_path / "s.slp"))
    assert all(video.exists() for video in labels.videos)
    assert [frame.image.shape[:2] for frame in labels.labeled_frames] == [(32, 48), (50, 40)]
    found = labels.labeled_frames[0].instances[0]
    assert isinstance(found, sleap_io.PredictedInstance)
    np.testing.assert_array_equal(found.points["score"], [0.5, 0.25, 0])
    assert read(tmp_path / "s.slp", images=images).images == ("tank/one.png", "two.png")


def test_sleap_io_reads_our_deeplabcut_file_beside_its_images(images):
    write(images / "CollectedData_Ana.csv", "deeplabcut", fish())
    labels = sleap_io.load_dlc(str(images / "CollectedData_Ana.csv"), config=False)
    by_image = {
        frame.video.filename[frame.frame_idx].split("/")[-1]: frame.instances[0]
        for frame in labels.labeled_frames
    }
    for row, name in enumerate(("one.png", "two.png")):
        nodes = by_image[name].skeleton.node_names
        order = [nodes.index(point) for point in fish().names]
        np.testing.assert_array_equal(by_image[name].numpy()[order], fish().points[row])


def test_pycocotools_takes_our_scored_points_as_results(tmp_path, images, capsys):
    write(tmp_path / "truth.json", "coco", fish(), ImageFiles((images,)))
    write(tmp_path / "found.json", "coco", scored(), ImageFiles((images,)))
    truth = COCO(str(tmp_path / "truth.json"))
    results = truth.loadRes(json.loads((tmp_path / "found.json").read_text())["annotations"])
    assert [each["score"] for each in results.loadAnns(results.getAnnIds())] == [0.375, 0.375]
    assert results.loadAnns([1])[0]["keypoint_scores"] == [0.5, 0.25, None]


FRAMES = (
    "frame,time,x1,y1,x2,y2,score1,score2,smooth_x1,smooth_y1,smooth_x2,smooth_y2\n"
    "0,0.000000,1.500,2.000,3.000,4.000,0.500,0.750,9.0,9.0,9.0,9.0\n"
    "1,0.040000,,,,,,,,,,\n"
    "2,0.080000,5.000,6.000,7.000,8.250,0.250,1.000,9.0,9.0,9.0,9.0\n"
)


@pytest.fixture
def video_points(tmp_path):
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "points.csv").write_text(FRAMES)
    return tmp_path / "points.csv"


def test_points_on_frames_become_deeplabcuts_analysis_of_a_video(tmp_path, video_points):
    table = read(video_points, images=tmp_path / "clip.mp4")
    assert table.images == ("clip.mp4#0", "clip.mp4#1", "clip.mp4#2")
    assert not table.placed[1].any()
    write(tmp_path / "dlc.csv", "deeplabcut", table)
    frame = pandas.read_csv(tmp_path / "dlc.csv", header=[0, 1, 2], index_col=0)
    assert frame.index.tolist() == [0, 1, 2]
    assert frame["warpmarks", "2", "likelihood"].tolist()[::2] == [0.75, 1]
    assert frame["warpmarks", "2", "y"].tolist()[::2] == [4, 8.25]
    assert frame.iloc[1].isna().all()
    again = read(tmp_path / "dlc.csv", images=tmp_path / "clip.mp4")
    assert again.images == table.images
    np.testing.assert_array_equal(again.points, table.points)
    np.testing.assert_array_equal(again.scores, table.scores)


def test_points_on_frames_become_sleaps_predictions_in_a_video(tmp_path, video_points):
    video_points.rename(tmp_path / "clip.csv")  # beside the video of that name, it is that video's
    table = read(tmp_path / "clip.csv")
    write(tmp_path / "clip.slp", "sleap", table, images_beside(tmp_path / "clip.csv"))
    labels = sleap_io.load_slp(str(tmp_path / "clip.slp"), open_videos=False)
    assert [video.filename for video in labels.videos] == [str(tmp_path / "clip.mp4")]
    found = {frame.frame_idx: frame.instances for frame in labels.labeled_frames}
    assert sorted(found) == [0, 1, 2]
    np.testing.assert_array_equal(found[2][0].numpy(), [[5, 6], [7, 8.25]])
    np.testing.assert_array_equal(found[2][0].points["score"], [0.25, 1])
    assert found[1] == []
    assert read(tmp_path / "clip.slp").images == table.images


def test_points_on_frames_of_an_unknown_video_are_called_by_their_numbers(video_points):
    assert read(video_points).images == ("0", "1", "2")


@pytest.mark.parametrize("missing", ["NA", "NaN", " "])
def test_points_on_frames_as_r_and_pandas_write_them(tmp_path, video_points, missing):
    table = read(video_points, images=tmp_path / "clip.mp4")
    quoted = FRAMES.replace("frame,time,x1", '"frame","time","x1"')
    video_points.write_text(quoted.replace(",,,,,,,,,,", f",{missing}" * 10))
    again = read(video_points, images=tmp_path / "clip.mp4")
    np.testing.assert_array_equal(again.points, table.points)
    np.testing.assert_array_equal(again.scores, table.scores)
    np.testing.assert_array_equal(again.smoothed, table.smoothed)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("x2,y2,score", "y2,x2,score", r"has the columns frame,time,x1,y1,y2.*: expected a CSV"),
        ("5.000,6.000", "5.000,six", "line 4: 'six' is not a number"),
        ("2,0.080000", "0,0.080000", "has the image 'clip.mp4#0' twice"),
        ("1,0.04", "1.5,0.04", "line 3: '1.5' is not a whole number"),
        (",1.000,9.0", ",9.0", "line 4: 11 columns, where the header has 12"),
    ],
)
def test_a_damaged_file_of_frames(tmp_path, video_points, old, new, sentence):
    video_points.write_text(FRAMES.replace(old, new))
    with pytest.raises(InputError, match=sentence):
        read(video_points, images=tmp_path / "clip.mp4")


def test_likelihoods_a_little_above_one_are_one(tmp_path):
    header = "scorer,A,A,A\nbodyparts,a,a,a\ncoords,x,y,likelihood\n"
    (tmp_path / "a.csv").write_text(f"{header}i.png,1,2,1.05\nj.png,1,2,0.5\n")
    assert read(tmp_path / "a.csv").scores.tolist() == [[1], [0.5]]


def test_we_read_what_sleap_io_writes(tmp_path, images):
    skeleton = sleap_io.Skeleton(nodes=["a", "b"], edges=[("a", "b")], name="fly")
    video = sleap_io.Video(filename="film.mp4", open_backend=False)
    user = sleap_io.Instance.from_numpy(np.array([[1, 2], [np.nan, np.nan]]), skeleton=skeleton)
    guess = sleap_io.PredictedInstance.from_numpy(
        np.array([[5, 6], [7, 8]]), skeleton=skeleton, point_scores=np.array([0.5, 1.05])
    )
    frames = [
        sleap_io.LabeledFrame(video=video, frame_idx=7, instances=[guess, user]),
        sleap_io.LabeledFrame(video=video, frame_idx=9, instances=[guess]),
    ]
    sleap_io.Labels(frames).save(str(tmp_path / "w.slp"), embed=False, verbose=False)
    table = read(tmp_path / "w.slp")
    assert table.images == ("film.mp4#7", "film.mp4#9")
    np.testing.assert_array_equal(table.points[0], [[1, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(table.points[1], [[5, 6], [7, 8]])
    np.testing.assert_array_equal(table.scores[1], [0.5, 1])  # of a peak a little above 1
    assert (table.skeleton, table.category) == (((0, 1),), "fly")
    guess.points["score"][0] = 7
    sleap_io.Labels(frames).save(str(tmp_path / "w.slp"), embed=False, verbose=False)
    with pytest.raises(
        InputError, match=r"the score of 'a' on 'film.mp4#9' is 7: .* with sleap-io$"
    ):
        read(tmp_path / "w.slp")

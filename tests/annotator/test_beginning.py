import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from annotator_requests import open_session
from warpmarks.annotator.annotations import Placed
from warpmarks.annotator.beginning import begin_from
from warpmarks.annotator.new_scheme import starting_scheme
from warpmarks.annotator.project_images import open_images
from warpmarks.annotator.store import Project
from warpmarks.cli import main
from warpmarks.errors import InputError
from warpmarks.system.progress import SilentProgress

NAMES = ["left eye", "right eye", "tail"]


@pytest.fixture
def coco(tmp_path):
    """Three points on two of the images, one hidden, one not labelled, and on one that is gone."""

    def annotation(image, keypoints, **more):
        return {"id": image, "image_id": image, "category_id": 1, "keypoints": keypoints, **more}

    content = {
        "images": [
            {"id": 1, "file_name": "/home/ana/01.png"},
            {"id": 2, "file_name": "04.png"},
            {"id": 3, "file_name": "gone.png"},
        ],
        "annotations": [
            annotation(1, [3, 4.5, 2, 20, 9, 1, 0, 0, 0]),
            annotation(2, [5, 6, 2, 7, 8, 2, 9, 10, 2], keypoint_scores=[None, None, 0.5]),
            annotation(3, [1, 1, 2, 1, 1, 2, 1, 1, 2]),
        ],
        "categories": [{"id": 1, "name": "cat", "keypoints": NAMES}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    return tmp_path / "c.json"


def begun(path: Path, images: Path, **flags: str):
    return begin_from(path, open_images(images), SilentProgress(), **flags)


def test_a_table_becomes_points_that_people_placed(coco, image_folder):
    before = coco.read_bytes()
    begin = begun(coco, image_folder)
    assert coco.read_bytes() == before
    assert begin.scheme.names == tuple(NAMES)
    assert (begin.scheme.mirror, begin.scheme.normaliser) == (((0, 1),), (0, 1))
    assert begin.labels["01.png"] == (Placed(3, 4.5), Placed(20, 9, visible=False), None)
    assert begin.labels["04.png"] == (Placed(5, 6), Placed(7, 8), None)
    assert "gone.png" in begin.labels
    (notice,) = begin.notices
    assert "1 point of" in notice
    assert "has a score, as a program gives, and is left out" in notice
    named = begun(coco, image_folder, points="l, r, t")
    assert named.scheme.names == ("l", "r", "t")


def test_a_project_that_was_begun_with_a_table_is_like_any_other(
    coco, image_folder, tiny_run, tmp_path
):
    begin = begun(coco, image_folder)
    folder = tmp_path / "project"
    Project(folder, image_folder, begin.scheme, begin.labels).close()
    session = open_session(tiny_run, image_folder, folder)
    session.check_labelled_images("IMAGES")
    assert session.state()["notices"] == [
        "1 labelled image is not in IMAGES, such as gone.png: the points there are kept, but not "
        "shown"
    ]
    assert not session.state()["can_undo"]
    assert session.project.annotations.labels == begin.labels
    session.put_labels(4, [None, None, {"x": 1, "y": 2, "visible": True}], 0)
    session.undo()
    session.stop()
    (folder / "landmarks.csv").unlink()
    again = Project(folder, image_folder)
    assert again.annotations.labels == begin.labels, "the history has them all"
    again.close()


def test_what_a_project_does_not_keep_of_a_table_is_told(image_folder, tmp_path):
    specimen = "LM=1\n1 2\nCURVES=1\nPOINTS=2\n1 2\n3 4\nIMAGE=01.png\nID=7\nSCALE=0.5\n"
    (tmp_path / "t.tps").write_text(specimen)
    assert begun(tmp_path / "t.tps", image_folder).notices == (
        f"a project does not keep of {tmp_path / 't.tps'}: curves and outlines (1), scales (1), "
        "identifiers and notes (1)",
    )


@pytest.mark.parametrize(
    ("normaliser", "told"), [("box", []), ("a:b", []), ("a+b:c", ["divided by (a+b:c)"])]
)
def test_what_errors_are_divided_by_is_kept_of_a_set_or_told_of(
    image_folder, tmp_path, normaliser, told
):
    """A project knows two points only, or the box."""
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,x2,y2,x3,y3\n01.png,1,2,3,4,5,6\n")
    scheme = {"names": ["a", "b", "c"], "normaliser": normaliser}
    (tmp_path / "points.json").write_text(json.dumps(scheme))
    notices = begun(tmp_path, image_folder).notices
    assert [notice.rpartition("errors are ")[2] for notice in notices] == told


def test_a_project_begins_with_the_marks_of_another(image_folder, tmp_path):
    scheme, labels = (
        starting_scheme("a,b"),
        {
            "01.png": (Placed(3, 4.5, accepted=True), Placed(5, 6, visible=False)),
            "02.png": (None, Placed(None, None, visible=False)),
        },
    )
    Project(tmp_path / "one", image_folder, scheme, labels).close()
    assert begun(tmp_path / "one", image_folder).labels == labels


def test_a_project_begins_with_the_colours_of_another_and_of_its_chosen_points(
    image_folder, tmp_path
):
    scheme = replace(starting_scheme("a,b"), colours=("#123456", "#abcdef"))
    labels = {"01.png": (Placed(3, 4.5), Placed(5, 6))}
    Project(tmp_path / "one", image_folder, scheme, labels).close()
    assert begun(tmp_path / "one", image_folder).scheme == scheme
    main(["convert", str(tmp_path / "one"), str(tmp_path / "b"), "--to=warpmarks", "--points=b"])
    assert begun(tmp_path / "b", image_folder).scheme.colours == ("#abcdef",)


def test_chosen_colours_that_other_points_are_given_for_are_told_of(image_folder, tmp_path):
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,x2,y2\n01.png,1,2,3,4\n")
    scheme = {"names": ["a", "b"], "colours": ["#123456", "#abcdef"]}
    (tmp_path / "points.json").write_text(json.dumps(scheme))
    assert begun(tmp_path, image_folder).notices == ()
    (notice,) = begun(tmp_path, image_folder, points="c,d").notices
    assert notice == f"a project does not keep of {tmp_path}: colours of points (2)"


def test_names_beside_a_table_that_are_not_as_many_are_told_of(image_folder, tmp_path):
    (tmp_path / "fins.csv").write_text("image,x1,y1\n01.png,1,2\n")
    (tmp_path / "fins.names.json").write_text('{"names": ["a", "b"]}')
    told = r"fins.names.json names 2 points, but the table beside it has 1: name each of them once"
    with pytest.raises(InputError, match=told):
        begun(tmp_path / "fins.csv", image_folder)


def test_tables_that_no_project_begins_with(coco, image_folder, tmp_path):
    with pytest.raises(InputError, match=r"--points names 2 points, but .*c.json has 3: name each"):
        begun(coco, image_folder, points="a,b")
    (tmp_path / "t.tps").write_text("LM=1\n1 2\nIMAGE=other.png\n")
    with pytest.raises(InputError, match=r"which is not in .*: correct IMAGES, or bring the image"):
        begun(tmp_path / "t.tps", image_folder)
    (tmp_path / "landmarks.csv").write_text("image,x1,y1,score1\n01.png,1,2,0.5\n")
    with pytest.raises(InputError, match="has points with scores only, which a program found"):
        begun(tmp_path / "landmarks.csv", image_folder)
    (tmp_path / "landmarks.csv").write_text("image,x1,y1\nelse.png,1,2\n")
    with pytest.raises(InputError, match=r"has points on else.png and others, none of which is in"):
        begun(tmp_path / "landmarks.csv", image_folder)


def test_names_of_images_may_have_line_breaks(image_folder, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(image_folder / "01.png", images / "o\rne.png")
    (tmp_path / "landmarks.csv").write_text('image,x1,y1\n"o\rne.png",1,2\n', newline="")
    assert list(begun(tmp_path / "landmarks.csv", images).labels) == ["o\rne.png"]

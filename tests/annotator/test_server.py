import io
import json
import os
import shutil
import threading
import time
import zipfile
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from annotator_requests import WRITES, browser, open_session, placed, put
from warpmarks.annotator.annotations import Placed, Scheme, labels_to_json
from warpmarks.annotator.locating import CACHE
from warpmarks.datasets.layout import read_landmarks
from warpmarks.datasets.reading import open_image
from warpmarks.formats.registry import FORMATS, read
from warpmarks.points import Normaliser, PointScheme
from warpmarks.regression.examples import Examples
from warpmarks.regression.fitting import fit_regressor
from warpmarks.regression.storage import load_regressor


def locate_all(session):
    session.start()
    session.locations.wait()


def test_a_label_on_one_image_puts_points_on_every_image(client, session):
    before = client.get("/api/project").json()
    assert [point["name"] for point in before["scheme"]["points"]] == ["a", "b"]
    assert [(image["width"], image["height"]) for image in before["images"]] == [(36, 28)] * 12
    assert client.get("/api/images/3").json()["predicted"] == [None, None]
    saved = put(client, 3, 0, (10, 12), (20.1234, 9)).json()
    assert saved["version"] == 1
    locate_all(session)
    told = client.get("/api/predictions").json()
    assert told["fitted_on"] == 1
    assert all(len(points) == 4 for points in told["images"]["points"])
    assert told["images"]["placed"][3] == [10, 12, 20.123, 9]
    assert told["images"]["placed"][4] is None
    assert told["images"]["doubt"][3] is None
    others = [doubt for doubt in told["images"]["doubt"] if doubt is not None]
    assert (len(others), max(others)) == (11, 1.0)
    listed = client.get("/api/project").json()["images"]
    assert (listed[3]["labelled"], listed[3]["complete"]) == (2, True)
    assert (listed[4]["labelled"], listed[4]["complete"]) == (0, False)


def test_predictions_are_those_of_a_fit_to_the_labels(client, session):
    locate_all(session)
    points = {2: ((10, 12), (20, 9)), 5: ((14, 15), (25, 11)), 9: ((12, 9), None)}
    for image, places in points.items():
        put(client, image, 0, *places)
    rows = np.array(sorted(points))
    annotations = np.full((3, 2, 2), np.nan)
    for row, image in enumerate(sorted(points)):
        for point, place in enumerate(points[image]):
            if place is not None:
                annotations[row, point] = place
    locations, sizes = session.locations, session.images.sizes
    names = tuple(session.images.names[row] for row in rows)
    landmarks, scores = locations.landmarks[rows], locations.scores[rows]
    examples = Examples(names, landmarks, scores, annotations, sizes[rows])
    fit = fit_regressor(examples, PointScheme(("a", "b"), Normaliser("image", "image")))
    expected = fit.regressor.predict(locations.landmarks, sizes)
    told = np.array(client.get("/api/predictions").json()["images"]["points"])
    np.testing.assert_allclose(told, expected.reshape(12, 4), atol=0.0501)
    one = client.get("/api/images/7").json()
    np.testing.assert_allclose(one["predicted"], expected[7], atol=0.0006)
    influence = fit.regressor.influences()
    np.testing.assert_allclose(one["scores"], influence @ locations.scores[7], atol=0.0006)
    panel = client.get("/api/progress").json()
    assert panel["points"][0]["error_px"] == pytest.approx(
        np.nanmean(fit.leave_one_out[:, 0]), abs=0.001
    )
    assert [point["labelled"] for point in panel["points"]] == [3, 2]
    assert panel["history"][-1] == {"labels": 3, **panel["all"]}


def test_points_are_no_newer_than_their_version_says(client, session, monkeypatch):
    put(client, 3, 0, (10, 12), (20, 9))
    session.locations.ensure(5)
    predict_all = session.fit._predict_all

    def while_another_is_found(*given):
        found = predict_all(*given)
        session.locations.ensure(7)
        return found

    monkeypatch.setattr(session.fit, "_predict_all", while_another_is_found)
    told = session.predictions()
    assert [row for row, points in enumerate(told["images"]["points"]) if points] == [3, 5]
    assert told["version"] < session.version
    told = session.predictions()
    assert [row for row, points in enumerate(told["images"]["points"]) if points] == [3, 5, 7]
    assert told["version"] == session.version


def test_errors_are_computed_anew_only_where_labels_have_changed(client, session, monkeypatch):
    put(client, 3, 0, (10, 12), (20, 9))
    computed = []
    monkeypatch.setattr(
        "warpmarks.annotator.session.progress_of",
        lambda examples, fitted, scheme: computed.append(examples.names) or {"all": None},
    )
    session.progress()
    session.locations.ensure(5)
    session.progress()
    assert len(computed) == 1
    put(client, 5, 0, (10, 12), (20, 9))
    session.progress()
    assert len(computed) == 2


@pytest.mark.parametrize(("most", "mirrored_too"), [(10, True), (9, False)])
def test_labels_are_fitted_in_the_mirror_too_where_the_run_knows_it(
    tiny_run, image_folder, tmp_path, monkeypatch, most, mirrored_too
):
    monkeypatch.setattr("warpmarks.annotator.current_fit.MIRRORED_WORK", most)
    scheme = Scheme(("left", "middle", "right"), ("#e61e2d", "#2d7dff", "#12b886"), ((0, 2),))
    session = open_session(tiny_run, image_folder, tmp_path / "project", scheme)
    detector = session.detector
    detector.record = detector.record.model_copy(update={"mirror": 0.5})
    locate_all(session)
    placed = {3: ((10, 12), (14, 15), (20, 9)), 7: ((14, 15), (18, 16), (25, 11))}
    opened = session.version
    mirrored = []
    with browser(session, tiny_run) as client:
        for image, points in placed.items():
            put(client, image, 0, *points)
            pixels = np.asarray(open_image(image_folder / session.images.names[image]))
            mirrored.append(detector(pixels[:, ::-1].copy()))
        told = client.get("/api/images/5").json()["predicted"]
    assert session.version > opened
    session.stop()

    again = open_session(tiny_run, image_folder, tmp_path / "project", None)
    again.detector.record = detector.record
    locate_all(again)
    np.testing.assert_array_equal(
        again.annotations_and_predictions()[1].points,
        session.annotations_and_predictions()[1].points,
    )
    again.stop()

    rows, names = np.array([3, 7]), (session.images.names[3], session.images.names[7])
    located, sizes = session.locations, session.images.sizes
    annotations = np.array(list(placed.values()), dtype=float)
    examples = Examples(
        names, located.landmarks[rows], located.scores[rows], annotations, sizes[rows]
    )
    other_side = annotations.copy()
    other_side[..., 0] = sizes[rows][:, :1] - 1 - annotations[..., 0]
    in_mirror = Examples(
        names,
        np.stack([one.landmarks for one in mirrored]),
        np.stack([one.scores for one in mirrored]),
        other_side,
        sizes[rows],
    )
    points = PointScheme(("a", "b", "c"), Normaliser("image", "image"), ((0, 2),))
    plain, both = (
        fit_regressor(examples, points, mirrored=seen).regressor.predict(
            located.landmarks[[5]], sizes[[5]]
        )[0]
        for seen in (None, in_mirror)
    )
    np.testing.assert_allclose(told, both if mirrored_too else plain, atol=0.0006)
    assert np.abs(both - plain).max() > 0.01


def located_with_mirrors(session):
    """Locate all as a detector that knows the mirror; what is taken from mirror images, in turn."""
    session.detector.record = session.detector.record.model_copy(update={"mirror": 0.5})
    locate_all(session)
    taken = []
    plain = session.fit._in_mirror
    session.fit._in_mirror = lambda *given: taken.append(plain(*given)) or taken[-1]
    return taken


def test_without_pairs_the_mirror_waits_until_every_point_is_placed(
    tiny_run, image_folder, tmp_path
):
    """The partner of a point may be the one that is placed nowhere yet."""
    session = open_session(tiny_run, image_folder, tmp_path / "project")
    taken = located_with_mirrors(session)
    with browser(session, tiny_run) as client:
        put(client, 3, 0, (10, 12), None)
        put(client, 7, 0, (14, 15), None)
        assert taken[-1] is None
        current = client.get("/api/images/7").json()["version"]
        assert put(client, 7, current, (14, 15), (20, 9)).status_code == 200
        assert np.isfinite(taken[-1].annotations).all(axis=-1).tolist() == [
            [True, False],
            [True, True],
        ]
        assert put(client, 9, 0, (12, 9), (22, 8)).status_code == 200
        session.locations.mirrored.clear()
        assert client.post("/api/undo", json={}, headers=WRITES).status_code == 200
        assert client.post("/api/redo", json={}, headers=WRITES).status_code == 200
        assert list(session.locations.mirrored) == [9]
    session.stop()


def test_a_picture_under_two_names_is_one_in_the_mirror(
    tiny_run, image_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("warpmarks.evaluation.fit_on_images.FEW", 2)
    pictures = tmp_path / "pictures"
    shutil.copytree(image_folder, pictures)
    session = open_session(tiny_run, pictures, tmp_path / "project")
    shutil.copy(pictures / session.images.names[3], pictures / session.images.names[4])
    taken = located_with_mirrors(session)
    with browser(session, tiny_run) as client:
        for image in (3, 4, 7):
            put(client, image, 0, (10, 12), (20, 9))
        assert 7 in session.locations.mirrored
        assert len(taken[-1]) == 3
        del session.locations.mirrored[3]
        put(client, 7, 1, (11, 12), (20, 9))
    assert np.isfinite(taken[-1].annotations).all()
    np.testing.assert_array_equal(taken[-1].landmarks[0], taken[-1].landmarks[1])
    np.testing.assert_array_equal(taken[-1].landmarks[0], session.locations.mirrored[4].landmarks)
    session.stop()


def test_an_image_that_is_gone_is_not_looked_at_in_the_mirror_and_the_others_are(
    tiny_run, image_folder, tmp_path
):
    pictures = tmp_path / "pictures"
    shutil.copytree(image_folder, pictures)
    session = open_session(tiny_run, pictures, tmp_path / "project")
    (pictures / session.images.names[4]).unlink()
    Image.new("RGB", (9, 9)).save(pictures / session.images.names[6])
    for index in (2, 4, 6):
        session.locations.ensure_mirrored(index)
    assert session.locations.mirrored[2] is not None
    assert session.locations.mirrored[4] is session.locations.mirrored[6] is None
    session.stop()


def test_a_point_that_is_placed_nowhere_is_not_predicted_and_the_others_are(client):
    put(client, 0, 0, (10, 12), None)
    told = client.get("/api/images/0").json()
    assert told["predicted"][1] is None
    assert told["predicted"][0] is not None
    answer = client.post("/api/regressor", json={"name": "half"}, headers=WRITES)
    assert answer.status_code == 400
    assert "the point b is placed on no image" in answer.json()["error"]


def test_a_point_that_cannot_be_seen_has_a_place_or_none(client, session):
    hidden = {"x": None, "y": None, "visible": False}
    guessed = {"x": 4.5, "y": 5.0, "visible": False}
    body = {"base_version": 0, "points": [hidden, guessed]}
    assert client.put("/api/images/0/points", json=body, headers=WRITES).status_code == 200
    assert client.get("/api/images/0").json()["points"] == [hidden, guessed]
    assert client.get("/api/project").json()["images"][0]["complete"] is True
    assert client.get("/api/shapes").json()["excluded"] == 1
    again = session.project.annotations
    session.stop()
    folder = session.project.path
    reopened = open_session_of(session, folder)
    assert reopened.project.annotations == again
    reopened.stop()


def open_session_of(session, folder):
    from warpmarks.annotator.session import Session
    from warpmarks.annotator.store import Project

    return Session(Project(folder, session.images.root), session.images, session.detector)


def test_a_tab_that_is_behind_overwrites_nothing_and_sees_what_is_there(client):
    put(client, 1, 0, (10, 12), (20, 9))
    behind = put(client, 1, 0, (1, 1), (2, 2))
    assert behind.status_code == 409
    current = behind.json()["changed"]["current"]
    assert current["points"][0] == {"x": 10.0, "y": 12.0, "visible": True}
    assert put(client, 1, current["version"], (1, 1), (2, 2)).status_code == 200


def test_a_tab_that_is_behind_hears_which_points_are_which(client):
    base = client.get("/api/images/1").json()["version"]

    def was():
        return put(client, 1, base, (1, 1), (2, 2)).json()["changed"]["was"]

    def define(*points: dict):
        body = {"base_version": client.get("/api/version").json()["version"], "points": points}
        assert client.put("/api/scheme", json=body, headers=WRITES).status_code == 200

    colour = {"colour": "#ff0000"}
    define({"name": "nose", "was": 1} | colour, {"name": "a", "was": 0} | colour)
    assert was() == [1, 0]
    define({"name": "tail"} | colour, {"name": "tip", "was": 0} | colour)
    assert was() == [None, 1]
    client.post("/api/undo", json={}, headers=WRITES)
    assert was() == [1, None], "what was away for a while is another point"
    client.post("/api/redo", json={}, headers=WRITES)
    assert was() == [None, 1]


def test_a_tab_that_is_behind_is_told_of_one_moment(client, session, monkeypatch):
    put(client, 1, 0, (10, 12), (20, 9))
    only = {"points": [{"name": "nose", "colour": "#ff0000"}], "mirror": [], "normaliser": None}
    image, version = session.image, session.version
    other = threading.Thread(
        target=lambda: session.put_scheme(only, [1], version, drop_labels=True)
    )

    def image_before_another_tab_defines_the_points(index):
        told = image(index)
        other.start()
        other.join(0.5)
        return told

    monkeypatch.setattr(session, "image", image_before_another_tab_defines_the_points)
    changed = put(client, 1, 0, (1, 1), (2, 2)).json()["changed"]
    other.join()
    assert len(changed["current"]["points"]) == len(changed["was"]) == 2


def test_undo_and_redo_outlive_a_restart(client, session, tiny_run):
    put(client, 1, 0, (10, 12), (20, 9))
    put(client, 1, 1, (11, 12), (20, 9))
    folder = session.project.path
    session.stop()
    again = open_session_of(session, folder)
    with browser(again, tiny_run) as tab:
        undone = tab.post("/api/undo", json={}, headers=WRITES).json()
        assert (undone["image_id"], undone["what"]) == (1, "a on 01.png")
        assert (undone["can_undo"], undone["can_redo"]) == (True, True)
        assert tab.get("/api/images/1").json()["points"][0]["x"] == 10
        assert tab.post("/api/redo", json={}, headers=WRITES).json()["image_id"] == 1
        assert tab.get("/api/images/1").json()["points"][0]["x"] == 11
        nothing = tab.post("/api/redo", json={}, headers=WRITES).json()
        assert (nothing["image_id"], nothing["what"]) == (None, "nothing to redo")
    again.stop()


def test_the_points_are_defined_on_the_page(tiny_run, image_folder, tmp_path):
    session = open_session(tiny_run, image_folder, tmp_path / "project", None)
    with browser(session, tiny_run) as client:
        start = client.get("/api/project").json()
        assert start["scheme"] == {"points": [], "mirror": [], "normaliser": None}
        assert client.get("/api/progress").json()["points"] == []
        assert client.get("/api/predictions").json()["fitted_on"] == 0
        assert client.get("/api/shapes").json()["count"] == 0
        points = [{"name": "left", "colour": "#FF0000"}, {"name": "right", "colour": "#00ff00"}]
        body = {"base_version": start["version"], "points": points, "mirror": [[0, 1]]}
        assert client.put("/api/scheme", json=body, headers=WRITES).status_code == 200
        again = client.put("/api/scheme", json=body | {"mirror": []}, headers=WRITES)
        assert (again.status_code, "changed elsewhere" in again.json()["error"]) == (409, True)
        put(client, 0, client.get("/api/images/0").json()["version"], (3, 4), (9, 5))
        now = client.get("/api/project").json()
        assert now["scheme"]["points"][0] == {"name": "left", "colour": "#ff0000"}
        fewer = {"base_version": now["version"], "points": [points[1] | {"was": 1}]}
        refused = client.put("/api/scheme", json=fewer, headers=WRITES)
        assert (refused.status_code, "left is labelled" in refused.json()["error"]) == (409, True)
        dropped = client.put("/api/scheme", json=fewer | {"drop_labels": True}, headers=WRITES)
        assert dropped.status_code == 200
        assert client.get("/api/images/0").json()["points"] == [
            {"x": 9.0, "y": 5.0, "visible": True}
        ]
        assert put(client, 0, 0, (3, 4), (9, 5)).status_code == 409
    session.stop()


def inside(place, image):
    return all(
        -0.5 <= part <= side - 0.5
        for part, side in zip(place, (image["width"], image["height"]), strict=True)
    )


PLACED = {0: ((10.5, 12), (20, 9.25)), 5: ((14, 15), None)}


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "sleap"])
@pytest.mark.parametrize("what", ["labels", "labels+predictions"])
def test_exports_are_read_back(client, session, tmp_path, name, what):
    locate_all(session)
    for image, points in PLACED.items():
        put(client, image, 0, *points)
    body = {"format": name, "what": what}
    answer = client.post("/api/export", json=body, headers=WRITES)
    assert answer.status_code == 200, answer.text
    file = answer.headers["content-disposition"].split('filename="')[1].rstrip('"')
    target = tmp_path / file
    if file.endswith(".zip"):
        target = tmp_path / "unpacked"
        zipfile.ZipFile(io.BytesIO(answer.content)).extractall(target)
    else:
        target.write_bytes(answer.content)
    table = read(target, name, session.images.root)
    assert len(table.images) == (2 if what == "labels" else 12)
    if FORMATS[name].keeps.__contains__("names of points"):
        assert table.names == ("a", "b")
    if name == "warpmarks":
        assert table.colours == session.scheme.colours
    tolerance = 0.51 if "fractions of pixels" not in FORMATS[name].keeps else 0.01
    told = client.get("/api/images/5").json()
    for image, points in PLACED.items():
        row = [each.split(".")[0] for each in table.images].index(f"{image:02}")
        for point, place in enumerate(points):
            found = table.points[row, point]
            if place is not None:
                np.testing.assert_allclose(found, place, atol=tolerance)
            elif what == "labels":
                # DeepLabCut and others tell of a missing point in ways of their own.
                assert not np.isfinite(found).all()
            elif name == "yolo" and not inside(told["predicted"][point], told):
                # Ultralytics skips an image with such a point, so it is not written.
                assert not np.isfinite(found).all()
            else:
                np.testing.assert_allclose(found, told["predicted"][point], atol=tolerance)


def export_all(client, tmp_path, name):
    body = {"format": name, "what": "labels+predictions"}
    answer = client.post("/api/export", json=body, headers=WRITES)
    assert answer.status_code == 200, answer.text
    target = tmp_path / answer.headers["content-disposition"].split('filename="')[1].rstrip('"')
    target.write_bytes(answer.content)
    return target


def test_placed_points_are_annotations_in_label_studio(client, session, tmp_path):
    locate_all(session)
    for image, points in PLACED.items():
        put(client, image, 0, *points)
    tasks = json.loads(export_all(client, tmp_path, "label-studio").read_text())
    assert [len(task.get("annotations", [])) for task in tasks] == [1] + [0] * 11
    assert not any("score" in item for item in tasks[0]["annotations"][0]["result"])
    assert all(task["predictions"][0]["score"] is not None for task in tasks[1:])
    partly = tasks[5]["predictions"][0]["result"]
    assert ["score" in item for item in partly] == [False, True]


def test_placed_points_are_instances_in_sleap(client, session, tmp_path):
    sleap_io = pytest.importorskip("sleap_io", reason="sleap-io is not installed")
    locate_all(session)
    for image, points in PLACED.items():
        put(client, image, 0, *points)
    frames = sleap_io.load_slp(
        str(export_all(client, tmp_path, "sleap")), open_videos=False
    ).labeled_frames
    users = [len(frame.user_instances) for frame in frames]
    predicted = [len(frame.predicted_instances) for frame in frames]
    assert (users, predicted) == ([1] + [0] * 11, [0] + [1] * 11)
    scores = frames[5].predicted_instances[0].points["score"]
    assert scores[0] == 1
    assert scores[1] < 1


def test_placed_points_have_no_score_to_lose(client, session, tmp_path):
    locate_all(session)
    put(client, 0, 0, *PLACED[0])
    body = {"format": "dlib", "what": "labels+predictions"}
    answer = client.post("/api/export", json=body, headers=WRITES)
    assert "scores (22)" in unquote(answer.headers["x-warpmarks-notes"])


def test_what_a_format_drops_is_told(client):
    put(client, 0, 0, (10.5, 12), (20, 9))
    answer = client.post("/api/export", json={"format": "dlib"}, headers=WRITES)
    told = unquote(answer.headers["x-warpmarks-notes"])
    assert ("fractions of pixels" in told, "colours" in told) == (True, False)
    points = [
        {"name": "a", "colour": "#123456", "was": 0},
        {"name": "b", "colour": "#2d7dff", "was": 1},
    ]
    body = {"base_version": client.get("/api/version").json()["version"], "points": points}
    assert client.put("/api/scheme", json=body, headers=WRITES).status_code == 200
    answer = client.post("/api/export", json={"format": "dlib"}, headers=WRITES)
    assert "colours of points (1)" in unquote(answer.headers["x-warpmarks-notes"])
    answer = client.post("/api/export", json={"format": "word"}, headers=WRITES)
    assert (answer.status_code, "expected one of coco" in answer.json()["error"]) == (400, True)


def test_nothing_labelled_is_nothing_to_export(client):
    answer = client.post("/api/export", json={"format": "coco"}, headers=WRITES)
    assert (answer.status_code, "nothing to export" in answer.json()["error"]) == (400, True)


def test_the_regressor_of_the_run_is_what_the_page_shows(client, session, tiny_run):
    put(client, 0, 0, (10, 12), (20, 9))
    put(client, 5, 0, (14, 15), (25, 11))
    shown = client.get("/api/images/7").json()
    name = f"eyes {time.time_ns()}"
    answer = client.post("/api/regressor", json={"name": name}, headers=WRITES)
    assert answer.status_code == 200
    regressor = load_regressor(answer.json()["path"])
    assert regressor.scheme.names == ("a", "b")
    regressor.check_detector(session.detector.digest, name=name)
    landmarks = np.array([shown["landmarks"]])
    predicted = regressor.predict(landmarks, np.array([[36.0, 28.0]]))[0]
    np.testing.assert_allclose(predicted, shown["predicted"], atol=0.02)
    again = client.post("/api/regressor", json={"name": name}, headers=WRITES)
    assert again.status_code == 409
    for wrong in ("../up", "a/b", "..", "", ".hidden", "x" * 200, "two\nlines", "\0"):
        answer = client.post("/api/regressor", json={"name": wrong}, headers=WRITES)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("give the regressor a short name such as points")


def test_polling_costs_nothing_while_nothing_changes(client, session):
    locate_all(session)
    put(client, 0, 0, (10, 12), (20, 9))
    etag = client.get("/api/predictions").headers["etag"]
    again = client.get("/api/predictions", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    put(client, 0, 1, (10, 13), (20, 9))
    again = client.get("/api/predictions", headers={"if-none-match": etag})
    assert again.status_code == 200
    assert again.headers["etag"] != etag


@pytest.mark.parametrize("path", ["/api/predictions", "/api/images/0/file?width=20"])
def test_what_another_server_said_at_this_address_is_asked_for_anew(client, session, path):
    locate_all(session)
    put(client, 0, 0, (10, 12), (20, 9))
    first = client.get(path)
    assert "no-cache" in first.headers["cache-control"]
    known = {"if-none-match": first.headers["etag"]}
    assert client.get(path, headers=known).status_code == 304
    with browser(session, Path("run")) as later:  # the same project: only the server is another
        again = later.get(path, headers=known)
    assert (again.status_code, again.content) == (200, first.content)


def test_suggestions_leave_out_what_is_labelled_or_set_aside(client, session):
    locate_all(session)
    first = client.get("/api/suggestion").json()
    assert "to begin with" in first["reason"]
    put(client, first["id"], 0, (10, 12), (20, 9))
    seen = {first["id"]}
    for _ in range(11):
        told = client.get("/api/suggestion", params={"not": ",".join(map(str, seen))}).json()
        assert told["id"] not in seen
        seen.add(told["id"])
    assert seen == set(range(12))
    everything = ",".join(map(str, seen))
    assert client.get("/api/suggestion", params={"not": everything}).json()["id"] is None


def test_an_image_that_lacks_points_is_not_labelled(client, session):
    locate_all(session)
    for number in range(12):
        put(client, number, 0, (10, 12), None if number == 7 else (20, 9))
    told = client.get("/api/suggestion").json()
    assert (told["id"], told["reason"]) == (7, "Some of its points are still to be placed.")
    told = client.get("/api/suggestion", params={"not": "7"}).json()
    assert (told["id"], told["reason"]) == (None, "1 image still lacks points, and no others do.")
    version = client.get("/api/images/7").json()["version"]
    points = [*client.get("/api/images/7").json()["points"]]
    points[1] = {"x": None, "y": None, "visible": False}
    body = {"base_version": version, "points": points}
    assert client.put("/api/images/7/points", json=body, headers=WRITES).status_code == 200
    told = client.get("/api/suggestion").json()
    assert (told["id"], told["reason"].startswith("Every image is labelled")) == (None, True)


def test_the_first_suggestion_waits_for_landmarks_and_not_for_long(client, session, monkeypatch):
    monkeypatch.setattr("warpmarks.annotator.session.PATIENCE", 0.2)
    find, free = session.locations._find, threading.Event()
    monkeypatch.setattr(session.locations, "_find", lambda batch: free.wait() and find(batch))
    session.start()
    assert client.get("/api/suggestion").json()["reason"].startswith("It is the next one")
    monkeypatch.setattr("warpmarks.annotator.session.PATIENCE", 60)
    threading.Timer(0.2, free.set).start()
    assert "to begin with" in client.get("/api/suggestion").json()["reason"]


@pytest.fixture
def one_broken(tiny_run, image_folder, tmp_path):
    """A project of three images, of which the first is a JPEG that breaks off."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("01.png", "02.png"):
        shutil.copy(image_folder / name, folder / name)
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole, "JPEG")
    (folder / "00.jpg").write_bytes(whole.getvalue()[:700])
    session = open_session(tiny_run, folder, tmp_path / "project")
    assert session.images.names[0] == "00.jpg"
    yield session
    session.stop()


def test_an_image_that_breaks_off_is_named_and_never_suggested(one_broken, tiny_run):
    with browser(one_broken, tiny_run) as client:
        assert client.get("/api/version").json()["notices"] == []
        # Nobody has looked at it yet: it would be the first without points.
        assert client.get("/api/suggestion").json()["id"] in {1, 2}
        locate_all(one_broken)
        told = client.get("/api/project").json()
        assert [bool(image["trouble"]) for image in told["images"]] == [True, False, False]
        assert told["notices"] == [
            f"1 image could not be read and is left out: 00.jpg ({told['images'][0]['trouble']})"
        ]
        assert client.get("/api/suggestion", params={"not": "1,2"}).json()["id"] is None
        one_broken.locations.trouble[2] = "the file is not there any more"
        notice = client.get("/api/version").json()["notices"][0]
        assert notice.startswith("2 images could not be read and are left out, such as 00.jpg (")


def test_the_terminal_is_told_of_an_image_that_breaks_off(one_broken):
    told = []
    one_broken.start(told.extend)
    one_broken.locations.wait()
    assert told == [("00.jpg", one_broken.locations.trouble[0])]


def test_no_point_is_placed_on_an_image_that_breaks_off(one_broken, tiny_run):
    with browser(one_broken, tiny_run) as client:
        refused = put(client, 0, 0, (3, 4), None)
        assert refused.status_code == 400
        assert refused.json()["error"].startswith("00.jpg could not be read (")
        assert one_broken.project.annotations.labels == {}
        assert put(client, 1, 0, (3, 4), (5, 6)).status_code == 200
        one_broken.locations.trouble[1] = "the file is not there any more"
        assert put(client, 1, 1, (3, 5), (5, 6)).status_code == 400
        assert put(client, 1, 1, None, (5, 6)).status_code == 200


def test_files_are_not_read_for_a_fit(client, session, monkeypatch):
    locate_all(session)
    monkeypatch.setattr("warpmarks.annotator.locating.file_digest", None)
    put(client, 3, 0, (10, 12), (20, 9))
    assert client.get("/api/predictions").json()["fitted_on"] == 1
    session.stop()
    again = open_session_of(session, session.project.path)
    assert again.predictions()["fitted_on"] == 1
    again.stop()


def test_landmarks_are_kept_until_an_image_changes(client, session, tmp_path, monkeypatch):
    locate_all(session)
    assert (session.project.path / CACHE).is_file()
    known = session.locations.landmarks.copy()
    session.stop()
    again = open_session_of(session, session.project.path)
    assert again.locations.done == 12
    np.testing.assert_array_equal(again.locations.landmarks, known)
    again.stop()
    (session.project.path / CACHE).write_bytes(b"PK damaged")
    damaged = open_session_of(session, session.project.path)
    assert damaged.locations.done == 0
    damaged.locations._stamps[3] += 1  # another time of change
    locate_all(damaged)
    np.testing.assert_allclose(damaged.locations.landmarks, known, atol=1e-3)
    damaged.stop()
    changed = open_session_of(session, session.project.path)
    assert [bool(one) for one in changed.locations.located].index(False) == 3
    assert changed.locations.done == 11
    changed.stop()


@pytest.fixture
def replaced(tiny_run, image_folder, tmp_path):
    """A folder of six images of 36 x 28 of a project with labels on two, the second halved."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(6):
        shutil.copy(image_folder / f"{number:02}.png", folder)
    first = open_session(tiny_run, folder, tmp_path / "project")
    with browser(first, tiny_run) as client:
        for image in range(2):
            put(client, image, 0, (4, 9), (20, 13))
    first.stop()
    original = (folder / "01.png").read_bytes()
    Image.open(folder / "01.png").resize((18, 14)).save(folder / "01.png")
    return folder, original


def test_labels_of_an_image_of_another_size_are_set_aside_until_they_are_placed_anew(
    replaced, tiny_run, tmp_path
):
    folder, original = replaced
    session = open_session(tiny_run, folder, tmp_path / "project")
    session.check_labelled_images(str(folder))
    (notice,) = session.state()["notices"]
    assert "01.png (the first had 36 x 28, now 18 x 14)" in notice
    assert "place the points anew" in notice
    locate_all(session)
    with browser(session, tiny_run) as client:
        assert client.get("/api/predictions").json()["fitted_on"] == 1
        assert client.get("/api/shapes").json()["count"] == 1
        assert client.get("/api/images/1").json()["points"] == [None, None]
        table = read_landmarks(tmp_path / "project" / "landmarks.csv")
        assert table.points[1].tolist() == [[4, 9], [20, 13]], "they are kept"
        assert put(client, 1, session.project.version_of("01.png"), (2, 4), None).is_success
        assert client.get("/api/predictions").json()["fitted_on"] == 2
        client.post("/api/undo", json={}, headers=WRITES)
        assert client.get("/api/images/1").json()["points"] == [None, None]
    session.stop()
    (folder / "01.png").write_bytes(original)
    again = open_session(tiny_run, folder, tmp_path / "project")
    again.check_labelled_images(str(folder))
    assert again.state()["notices"] == []
    assert again.image(1)["points"] == labels_to_json((Placed(4, 9), Placed(20, 13)))
    again.stop()


def test_a_project_that_does_not_know_sizes_takes_the_present_ones(replaced, tiny_run, tmp_path):
    folder, original = replaced
    record = tmp_path / "project" / "project.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sizes": {}}))
    history = tmp_path / "project" / "history.jsonl"
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    for line in lines:
        line.pop("size")
    history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    session = open_session(tiny_run, folder, tmp_path / "project")
    session.check_labelled_images(str(folder))
    assert session.state()["notices"] == []
    assert session.image(1)["points"][0]["x"] == 4
    session.stop()
    assert json.loads(record.read_text())["sizes"] == {"00.png": [36, 28], "01.png": [18, 14]}
    (folder / "01.png").write_bytes(original)
    session = open_session(tiny_run, folder, tmp_path / "project")
    assert session.image(1)["points"] == [None, None]
    session.stop()


def test_points_far_outside_of_their_image_are_of_another_size(replaced, tiny_run, tmp_path):
    folder, _ = replaced
    table = tmp_path / "project" / "landmarks.csv"
    table.write_text(table.read_text().replace("01.png,4.000,9.000", "01.png,4.000,90.000"))
    session = open_session(tiny_run, folder, tmp_path / "project")
    session.check_labelled_images(str(folder))
    assert "01.png (the first has points far outside, now 18 x 14)" in session.state()["notices"][1]
    assert session.image(1)["points"] == [None, None]
    with browser(session, tiny_run) as client:
        assert put(client, 1, session.project.version_of("01.png"), (2, 4), None).is_success
    assert session.image(1)["points"][0]["x"] == 2
    session.stop()


def test_a_table_that_another_program_wrote_is_of_the_images_as_they_are(
    replaced, tiny_run, tmp_path
):
    folder, _ = replaced
    table = tmp_path / "project" / "landmarks.csv"
    table.write_text(table.read_text().replace("01.png,4.000,9.000", "01.png,2.000,4.500"))
    session = open_session(tiny_run, folder, tmp_path / "project")
    session.check_labelled_images(str(folder))
    assert session.image(1)["points"][0] == {"x": 2.0, "y": 4.5, "visible": True}
    session.stop()


def test_a_file_that_is_there_twice_does_not_tell_of_itself(tiny_run, image_folder, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("00.png", "again.png"):
        (images / name).write_bytes((image_folder / "00.png").read_bytes())
    (images / "other.png").write_bytes((image_folder / "01.png").read_bytes())
    session = open_session(tiny_run, images, tmp_path / "project")
    try:
        locate_all(session)
        with browser(session, tiny_run) as client:
            for image in (0, 1):
                put(client, image, 0, (10, 12), (20, 9))
            assert client.get("/api/progress").json()["all"]["error_px"] is None
            put(client, 2, 0, (15, 12), (20, 14))
            assert client.get("/api/progress").json()["all"]["error_px"] > 1
    finally:
        session.stop()


def test_where_the_detector_fails_people_label_by_hand(session, client, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("CUDA out of memory.\nTried to allocate")

    for name in ("detect_images", "__call__", "in_mirror"):
        monkeypatch.setattr(type(session.detector), name, fail)
    told = []
    session.locations.tell = told.append
    session.start()
    session.locations.wait()
    state = client.get("/api/project").json()
    assert state["locating"] == {"done": 0, "total": 0}
    assert state["notices"] == told
    assert "(CUDA out of memory. Tried to allocate): label by hand" in told[0]
    assert session.suggestion(set()).index is not None
    placed = [{"x": 3, "y": 4, "visible": True}, None]
    assert session.put_labels(1, placed, 0)["version"] == 1
    assert session.image(1)["points"][0] == placed[0]
    assert len(told) == 1


def marks(session, image):
    return [placed and placed.accepted for placed in session.annotations.of(f"{image:02}.png")]


def suggested(client, image):
    return [
        None if point is None else np.round(np.clip(point, -0.5, (35.5, 27.5)), 2).tolist()
        for point in client.get(f"/api/images/{image}").json()["predicted"]
    ]


def test_a_point_within_a_fiftieth_of_a_pixel_of_its_suggestion_is_accepted(client, session):
    put(client, 1, 0, (16, 14), (20, 12))
    put(client, 3, 0, (16, 14), (20, 12))
    a, b = client.get("/api/images/5").json()["predicted"]
    assert min(*a, *b) > 0
    assert max(*a, *b) < 27
    put(client, 5, 0, (a[0] + 0.014, a[1] - 0.013), (b[0] + 0.02, b[1] + 0.012))
    assert marks(session, 1) == [False, False]
    assert marks(session, 5) == [True, False]
    told = client.get("/api/images/5").json()["points"]
    assert [point.get("accepted") for point in told] == [True, None]


def test_a_point_keeps_its_mark_while_it_stays_and_loses_it_when_it_is_moved(
    client, session, tiny_run
):
    put(client, 1, 0, (10, 12), (20, 9))
    a, b = suggested(client, 5)
    version = put(client, 5, 0, a, b).json()["version"]
    sent = client.get("/api/images/5").json()["points"]
    sent[0] = {**sent[0], "visible": False}
    body = {"base_version": version, "points": sent}
    answer = client.put("/api/images/5/points", json=body, headers=WRITES)
    assert marks(session, 5) == [True, True]
    put(client, 5, answer.json()["version"], a, (b[0], b[1] + 1))
    assert marks(session, 5) == [True, False]
    folder = session.project.path
    session.stop()
    again = open_session_of(session, folder)
    with browser(again, tiny_run) as tab:
        assert marks(again, 5) == [True, False]
        tab.post("/api/undo", json={}, headers=WRITES)
        assert marks(again, 5) == [True, True]
        for _ in range(2):
            tab.post("/api/undo", json={}, headers=WRITES)
        assert marks(again, 5) == [None, None]
        for _ in range(3):
            tab.post("/api/redo", json={}, headers=WRITES)
        assert marks(again, 5) == [True, False]
    again.stop()


def test_what_was_suggested_before_a_click_is_accepted_after_it_too(client, session):
    put(client, 1, 0, (10, 12), (20, 9))
    put(client, 3, 0, (11, 13), (24, 9))
    a, b = suggested(client, 5)
    by_hand = (a[0] + 4, a[1] - 3)
    version = put(client, 5, 0, by_hand, None).json()["version"]  # on its way as Enter is pressed
    put(client, 5, version, by_hand, b)
    assert marks(session, 5) == [False, True]


def test_a_point_by_hand_that_is_moved_onto_its_prediction_is_not_accepted(client, session):
    put(client, 1, 0, (16, 14), (20, 12))
    put(client, 3, 0, (13, 15), (22, 10))
    a, _ = suggested(client, 3)
    assert a != [13, 15]
    put(client, 3, 2, a, (22, 10))
    assert marks(session, 3) == [False, False]
    assert session.annotations.of("03.png")[0] == Placed(*a)


def test_accepted_points_are_not_measured(client, session):
    put(client, 1, 0, (10, 12), (20, 9))
    version = put(client, 2, 0, *suggested(client, 2)).json()["version"]
    told = client.get("/api/progress").json()["sentence"]
    assert told.endswith("2 of 4 points were accepted as suggested and are not measured.")
    put(client, 2, version, None, None)
    put(client, 3, 0, (14, 10), (25, 11))
    before = client.get("/api/progress").json()
    assert "accepted" not in before["sentence"]
    for image in (5, 6, 7, 8):
        put(client, image, 0, *suggested(client, image))
    after = client.get("/api/progress").json()
    assert [point["labelled"] for point in after["points"]] == [2, 2]
    assert after["labelled_images"] == 6
    told = "8 of 12 points were accepted as suggested and are not measured: the error is that of"
    assert told in after["sentence"]
    errors = session._known().fitted.errors
    assert np.isfinite(errors).tolist() == [[True, True]] * 2 + [[False, False]] * 4
    assert after["all"]["error_px"] == pytest.approx(errors[:2].mean(), abs=0.001)


def test_points_by_hand_on_one_image_give_no_error(client):
    put(client, 1, 0, (10, 12), (20, 9))
    for image in (5, 6, 7):
        put(client, image, 0, *suggested(client, image))
    told = client.get("/api/progress").json()
    assert told["all"] == {"error_px": None, "error_percent": None}
    assert told["history"] == []
    assert "by hand on two images" in told["sentence"]


def test_points_are_saved_only_on_the_image_that_the_page_means(client, session):
    body = {"base_version": 0, "points": placed((10, 12), (20, 9))}
    named = [session.images.names[index] for index in (2, 3)]
    answers = [
        client.put("/api/images/3/points", json=body | {"image": name}, headers=WRITES)
        for name in named
    ]
    assert [answer.status_code for answer in answers] == [404, 200]
    assert named[1] in answers[0].json()["error"]
    assert list(session.annotations.labels) == [named[1]]


def test_a_page_learns_that_other_files_are_served(tiny_run, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (60, 40)).save(folder / f"{index}.png")

    def told():
        opened = open_session(tiny_run, folder, tmp_path / "project")
        files = opened.state()["files"]
        opened.stop()
        return files

    first = told()
    assert told() == first
    os.utime(folder / "1.png", (1, 1))  # another picture of the same size
    replaced = told()
    (folder / "0.png").unlink()
    assert len({first, replaced, told()}) == 3

import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import other_tree
from warpmarks.annotator.annotations import (
    Annotations,
    Placed,
    Scheme,
    check_scheme,
    places,
    rounded,
)
from warpmarks.annotator.store import Conflict, Project
from warpmarks.datasets.layout import landmark_row, read_landmarks, write_landmarks
from warpmarks.datasets.scheme_file import read_scheme
from warpmarks.errors import InputError

COLOURS = ("#e61e2d", "#2d7dff", "#ffd600")
SCHEME = Scheme(("left eye", "right eye", "nose"), COLOURS, ((0, 1),), (0, 1))
STRANGE = ["a.png", "b/<script>alert(1)</script>.png", "line\nbreak.png", "\U0001f41f.png"]
STRANGE += ["n" * 300, os.fsdecode(b"bytes\xff.png"), 'quote".png', "comma,semi;.png", "=1+1.png"]


def labels(*points: tuple[float, float] | None) -> tuple[Placed | None, ...]:
    return tuple(None if point is None else Placed(*point) for point in points)


def reopened(project: Project) -> Project:
    project.close()
    return Project(project.path, project.path.parent)


@pytest.fixture
def project(tmp_path):
    opened = Project(tmp_path / "project", tmp_path, SCHEME)
    yield opened
    opened.close()


def test_what_is_saved_is_plain_and_read_by_the_other_commands(project):
    project.set_labels("b/2.png", labels((1.5, 2.25), None, (30.1234, 4)), 0, "two points")
    table = read_landmarks(project.path / "landmarks.csv")
    assert table.images == ("b/2.png",)
    assert table.points[0].tolist()[0] == [1.5, 2.25]
    assert (project.path / "landmarks.csv").read_text().splitlines()[
        1
    ] == "b/2.png,1.500,2.250,,,30.123,4.000"
    scheme = read_scheme(project.path / "points.json", 3)
    assert scheme.names == SCHEME.names
    assert (scheme.mirror, scheme.normaliser.first, scheme.normaliser.second) == (
        ((0, 1),),
        (0,),
        (1,),
    )
    record = json.loads((project.path / "project.json").read_text())
    assert record["images"] == ".."


PLACES = st.integers(-5_000, 90_000).map(lambda value: value / 1000)
POINTS = st.one_of(
    st.none(),
    st.tuples(PLACES, PLACES, st.booleans(), st.booleans()),
    st.just((None, None, False, False)),
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("labels"),
            st.sampled_from(STRANGE),
            st.lists(POINTS, min_size=3, max_size=3),
        ),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
        st.tuples(st.just("reopen")),
    ),
    max_size=12,
)


@settings(max_examples=12, deadline=None)
@given(CHANGES)
def test_any_changes_are_there_after_reopening_and_undo_as_a_stack(tmp_path_factory, changes):
    project = Project(tmp_path_factory.mktemp("changes") / "p", ".", SCHEME)
    done, undone = [project.annotations], []  # the oracle: a list of states
    for change in changes:
        if change[0] == "labels":
            points = tuple(
                None
                if point is None
                else rounded(point[0], point[1], visible=point[2], accepted=point[3])
                for point in change[2]
            )
            before = project.annotations
            project.set_labels(change[1], points, project.version_of(change[1]), "points")
            if project.annotations != before:
                done.append(before.with_labels(change[1], points))
                undone.clear()
        elif change[0] == "undo":
            assert (project.undo() is None) == (len(done) == 1)
            if len(done) > 1:
                undone.append(done.pop())
        elif change[0] == "redo":
            assert (project.redo() is None) == (not undone)
            if undone:
                done.append(undone.pop())
        else:
            versions = {image: project.version_of(image) for image in STRANGE}
            project = reopened(project)
            assert versions == {image: project.version_of(image) for image in STRANGE}
        assert project.annotations == done[-1]
        assert (project.can_undo, project.can_redo) == (len(done) > 1, bool(undone))
    project = reopened(project)
    assert project.annotations == done[-1]
    project.close()


def test_a_change_from_an_old_version_overwrites_nothing(project):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one tab")
    with pytest.raises(Conflict, match="changed elsewhere"):
        project.set_labels("a.png", labels((9, 9), None, None), 0, "the other tab")
    assert project.annotations.of("a.png") == labels((1, 1), None, None)
    project.set_labels("b.png", labels((9, 9), None, None), 0, "another image is no conflict")
    project.undo()
    with pytest.raises(Conflict):
        project.set_labels("b.png", labels((3, 3), None, None), 2, "made before the undo")


def test_points_are_renamed_moved_and_added_with_their_labels(project):
    project.set_labels("a.png", labels((1, 2), (3, 4), (5, 6)), 0, "three")
    changed = Scheme(("snout", "tail", "left eye"), COLOURS)
    with pytest.raises(Conflict, match="right eye is labelled on 1 image"):
        project.set_scheme(changed, (2, None, 0), project.version)
    project.set_scheme(changed, (2, None, 0), project.version, drop_labels=True)
    assert project.annotations.of("a.png") == labels((5, 6), None, (1, 2))
    other = reopened(project)
    assert other.annotations.scheme == changed
    assert other.annotations.of("a.png") == labels((5, 6), None, (1, 2))
    other.undo()
    assert other.annotations == Annotations(SCHEME, {"a.png": labels((1, 2), (3, 4), (5, 6))})
    other.close()


def test_a_change_of_the_points_keeps_no_labels_but_those_that_go_away(project):
    for number in range(20):
        project.set_labels(f"{number}.png", labels((1, number), (3, 4), None), 0, "two")
    hidden = (None, None, Placed(None, None, visible=False))
    project.set_labels("alone.png", hidden, 0, "one")
    whole, before = project.annotations, (project.path / "history.jsonl").stat().st_size
    renamed = Scheme(("eye to the left", "right eye", "nose"), COLOURS, ((0, 1),), (0, 1))
    project.set_scheme(renamed, (0, 1, 2), project.version)
    assert (project.path / "history.jsonl").stat().st_size - before < 1000
    named = project.annotations
    project.set_scheme(
        Scheme(("right", "left"), COLOURS[:2]), (1, 0), project.version, drop_labels=True
    )
    line = (project.path / "history.jsonl").read_text().splitlines()[-1]
    gone = {"x": None, "y": None, "visible": False}
    assert json.loads(line)["gone"] == {"alone.png": {"2": gone}}
    fewer = project.annotations
    assert "alone.png" not in fewer.labels
    other = reopened(project)
    for expected in (named, whole):
        other.undo()
        assert other.annotations == expected
    other = reopened(other)
    for expected in (named, fewer):
        other.redo()
        assert other.annotations == expected
    other.close()


def test_points_that_were_changed_twice_and_back_are_found_again_from_the_history(project):
    project.set_labels("a.png", labels((1, 2), (3, 4), (5, 6)), 0, "three")
    swapped = Scheme(("right eye", "left eye", "nose"), COLOURS)
    names = ("project.json", "landmarks.csv", "points.json")
    kept = [{name: (project.path / name).read_bytes() for name in names}]

    def keep() -> None:
        kept.append({name: (project.path / name).read_bytes() for name in names})

    project.set_scheme(swapped, (1, 0, 2), project.version)
    keep()
    project.set_labels("b.png", labels((7, 8), None, (9, 9)), project.version, "two")
    keep()
    project.undo()
    project.undo()
    project.redo()
    keep()
    expected = project.annotations
    project.close()
    # A table as old as its record or newer: all that a full disk could leave behind.
    for record, table in combinations_with_replacement(kept, 2):
        for name in names:
            (project.path / name).write_bytes((record if name == "project.json" else table)[name])
        other = Project(project.path, ".")
        assert other.annotations == expected
        assert not other.notices
        other.close()


def test_an_older_tab_cannot_change_points_that_were_changed_since(project):
    project.set_scheme(Scheme(("one",), COLOURS[:1]), (0,), 0)
    with pytest.raises(Conflict, match="changed elsewhere"):
        project.set_scheme(Scheme(("other",), COLOURS[:1]), (0,), 0)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (Scheme(("a", "A "), COLOURS[:2]), "same name"),
        (Scheme(("caf\u00e9", "cafe\u0301"), COLOURS[:2]), "same name"),
        (Scheme((" ",), COLOURS[:1]), "empty name"),
        (Scheme(("a",), ("red",)), "colour"),
        (Scheme(("a", "b"), COLOURS[:2], ((0, 0),)), "two mirror pairs or with itself"),
        (Scheme(("a", "b", "c"), COLOURS, ((0, 1), (1, 2))), "two mirror pairs"),
        (Scheme(("a", "b"), COLOURS[:2], (), (1, 1)), "itself is 0"),
        (Scheme(("a", "b"), COLOURS[:2], (), (0, 2)), "not there"),
        (Scheme(("x" * 1001,), COLOURS[:1]), "letters"),
        (Scheme(("a:b", "1", "c"), COLOURS, (), (0, 1)), "the point 'a:b' cannot be told by its"),
    ],
)
def test_a_wrong_scheme_is_refused(scheme, message):
    with pytest.raises(InputError, match=message):
        check_scheme(scheme, source="the points")


@pytest.mark.parametrize("names", [("2", "1", "x"), ("a:b", "c+d", "1-2"), ("1", "3", "2")])
def test_the_normaliser_is_read_back_whatever_points_are_called(tmp_path, names):
    project = Project(tmp_path / "p", tmp_path, Scheme(names, COLOURS, (), (0, 2)))
    project.close()
    read = read_scheme(project.path / "points.json", 3).normaliser
    assert (read.first, read.second) == ((0,), (2,))


def test_a_line_that_was_cut_off_never_was_and_the_rest_goes_on(project):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")
    before = project.annotations
    project.close()
    with (project.path / "history.jsonl").open("ab") as file:
        file.write(b'{"kind": "labels", "image": "a.png", "after": [{"x"')
    other = Project(project.path, ".")
    assert other.annotations == before
    other.set_labels("a.png", labels((2, 2), None, None), 1, "two")
    other = reopened(other)
    assert (other.version, other.undo()["what"]) == (2, "two")
    other.close()


def test_a_change_of_which_only_the_line_was_written_is_made(project):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")
    names = ("project.json", "landmarks.csv", "points.json")
    kept = {name: (project.path / name).read_bytes() for name in names}
    project.set_scheme(Scheme(("only",), COLOURS[:1]), (0,), 1)
    project.set_labels("b.png", labels((7, 8)), 2, "on the new points")
    expected = project.annotations
    project.close()
    # Killed in between: some files are of the time before, the table is, or is not.
    for stale in (1, 2, 3):
        copy = Path(shutil.copytree(project.path, project.path.with_name(f"copy{stale}")))
        for name in names[:stale]:
            (copy / name).write_bytes(kept[name])
        other = Project(copy, ".")
        assert other.annotations == expected
        assert not other.notices
        other.close()


def test_a_table_that_another_program_changed_is_taken_and_undo_begins_there(project):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")
    project.close()
    path = project.path / "landmarks.csv"
    path.write_text(path.read_text().replace("1.000,1.000", "5.000,6.000"))
    other = Project(project.path, ".")
    assert other.annotations.of("a.png") == labels((5, 6), None, None)
    assert not other.can_undo
    assert "changed by another program" in other.notices[0]
    assert not reopened(other).notices


@pytest.mark.parametrize("cut", [False, True], ids=["from the beginning", "from a cut"])
def test_a_lost_table_is_written_anew_from_the_history(project, cut):
    path = project.path / "landmarks.csv"
    project.set_labels("a.png", labels((1, 1), None, (2, 3)), 0, "one")
    if cut:
        project.close()
        path.write_text(path.read_text().replace("1.000,1.000", "5.000,6.000"))
        project = reopened(project)
    fewer = Scheme(("left eye", "nose"), COLOURS[:2])
    project.set_scheme(fewer, (0, 2), project.version, drop_labels=True)
    project.set_labels("b.png", labels((4, 4), None), project.version_of("b.png"), "two")
    project.undo()
    project.set_labels("c.png", labels(None, (7, 8)), project.version_of("c.png"), "three")
    expected, table, version = project.annotations, path.read_bytes(), project.version
    project.close()
    path.unlink()
    other = Project(project.path, ".")
    assert "written anew from history.jsonl" in other.notices[0]
    assert (other.annotations, other.version) == (expected, version)
    assert (path.read_bytes(), other.can_undo) == (table, True)
    assert not reopened(other).notices


def test_a_lost_table_is_missed_where_the_history_is_lost_too(project):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")
    project.close()
    for name in ("landmarks.csv", "history.jsonl"):
        (project.path / name).unlink()
    with pytest.raises(InputError, match=r"landmarks\.csv cannot be read"):
        Project(project.path, ".")


def test_the_table_is_that_of_the_other_commands_at_each_change(project, tmp_path):
    hidden = Placed(None, None, visible=False)
    changes = [(image, labels((n, 2.0005), None, (-0.25, 7))) for n, image in enumerate(STRANGE)]
    changes += [(STRANGE[3], labels(None, (5, 5), None)), (STRANGE[1], labels(None, None, None))]
    changes += [("hidden.png", (None, hidden, Placed(2, 3, visible=False)))]
    changes += [("nowhere.png", (None, hidden, None))]
    for image, changed in changes:
        project.set_labels(image, changed, project.version_of(image), "points")
        known = project.annotations.labels
        names = [name for name in sorted(known) if any(p and p.somewhere for p in known[name])]
        points = np.array([places(known[name]) for name in names])
        write_landmarks(tmp_path / "expected.csv", names, points)
        expected = (tmp_path / "expected.csv").read_bytes()
        assert (project.path / "landmarks.csv").read_bytes() == expected
    record = json.loads((project.path / "project.json").read_text())
    assert record["not_visible"] == {"hidden.png": [1, 2], "nowhere.png": [1]}


def test_a_click_makes_one_line_of_the_table_and_reads_none(project, monkeypatch):
    for number in range(5):
        project.set_labels(f"{number}.png", labels((1, 1), None, None), 0, "one")
    made = []
    monkeypatch.setattr(
        "warpmarks.annotator.point_files.landmark_row",
        lambda name, values: made.append(name) or landmark_row(name, values),
    )
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    project.set_labels("3.png", labels((2, 2), None, None), 4, "one")
    project.set_scheme(Scheme(("a", "b", "c"), COLOURS), (0, 1, 2), project.version)
    assert made == ["3.png"]


def test_a_damaged_record_or_table_is_told_of(project):
    project.close()
    record = json.loads((project.path / "project.json").read_text())
    (project.path / "project.json").write_text(json.dumps(record | {"format": 9}))
    with pytest.raises(InputError, match="later warpmarks"):
        Project(project.path, ".")
    (project.path / "project.json").write_text(json.dumps(record | {"format": 1}))
    with pytest.raises(InputError, match=r"earlier .*: begin a new project .* --from .*landmarks"):
        Project(project.path, ".")
    (project.path / "project.json").write_text(json.dumps({"points": []}))
    with pytest.raises(InputError, match="is damaged"):
        Project(project.path, ".")
    (project.path / "project.json").write_text(json.dumps(record))
    (project.path / "landmarks.csv").write_text("image,x1,y1\n")
    with pytest.raises(InputError, match=r"has 1 point, but project\.json beside it names 3"):
        Project(project.path, ".")
    (project.path / "history.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="line 1 is damaged"):
        Project(project.path, ".")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"normaliser": "x"}, "normaliser: expected a list"),
        ({"normaliser": [1.5, 1]}, r"normaliser\.0: expected a whole number"),
        ({"mirror": [[1.5, 1]]}, r"mirror\.0\.0: expected a whole number"),
        ({"changes": float("inf")}, "changes: expected a whole number"),
        ({"not_visible": {"a.png": ["x"]}}, r"not_visible\.a\.png\.0: expected a whole number"),
    ],
)
def test_a_record_with_something_else_in_it_is_refused(project, changes, reason):
    project.close()
    path = project.path / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(InputError, match=rf"project.json is damaged \({reason}\): bring it back"):
        Project(project.path, ".")


@pytest.mark.parametrize(
    "changes",
    [
        {"before": None},
        {"image": []},
        {"image": "\ud800.png"},
        {"after": [{"x": "1", "y": 1, "visible": True}, None, None]},
        {"after": [{"x": None, "y": 1, "visible": True}, None, None]},
    ],
)
def test_a_line_of_the_history_with_something_else_in_it_is_refused(project, changes):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")
    project.close()
    path = project.path / "history.jsonl"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes) + "\n")
    with pytest.raises(InputError, match=r"history\.jsonl, line 1 is damaged"):
        Project(project.path, ".")


def test_a_change_of_other_points_is_refused_when_it_is_taken_back(project):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")
    project.close()
    path = project.path / "history.jsonl"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"before": [None]}) + "\n")
    other = Project(project.path, ".")
    with pytest.raises(InputError, match=r"history\.jsonl is damaged: .*of other points than"):
        other.undo()
    assert other.annotations.of("a.png") == labels((1, 1), None, None)
    other.close()


def use(project: Project) -> None:
    while project.undo():
        project.labelled_in_order()
    while project.redo():
        places(project.annotations.of("a.png"))
    with suppress(Conflict):
        unsaid = labels(*[None] * project.annotations.scheme.count)
        project.set_labels("b.png", unsaid, project.version_of("b.png"), "cleared")


@pytest.mark.parametrize("name", ["project.json", "history.jsonl"])
def test_a_project_with_something_else_in_it_is_used_or_refused(project, monkeypatch, name):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    project.set_labels("a.png", labels((1, 1), None, (2, 3)), 0, "one")
    project.set_labels("b.png", labels((1, 4), (2, 2), None), 0, "two")
    only = Scheme(("nose", "chin"), COLOURS[:2])
    project.set_scheme(only, (2, None), 2, drop_labels=True)
    project.undo()
    project.close()
    kept = {path: path.read_bytes() for path in project.path.iterdir() if path.is_file()}
    draw = random.Random(f"mutants of {name}")
    refused = 0
    for _ in range(150):
        for path, content in kept.items():
            path.write_bytes(content)
        text = (project.path / name).read_text()
        lines = [
            json.loads(line)
            for line in ([text] if name == "project.json" else text.split("\n")[:-1])
        ]
        changed = draw.randrange(len(lines))
        lines[changed] = other_tree(lines[changed], draw)
        (project.path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        try:
            other = Project(project.path, ".")
            try:
                use(other)
            finally:
                other.close()
        except InputError:
            refused += 1
    assert 0 < refused < 150


def test_a_folder_with_other_things_or_an_open_project_is_refused(tmp_path, project):
    with pytest.raises(InputError, match="is open in another"):
        Project(project.path, ".")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(InputError, match="is no annotation project"):
        Project(tmp_path / "photos", ".")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["a.png"]


def test_a_full_disk_changes_nothing(project, monkeypatch):
    project.set_labels("a.png", labels((1, 1), None, None), 0, "one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left"):
            project.set_labels("a.png", labels((2, 2), None, None), 1, "two")
    assert project.annotations.of("a.png") == labels((1, 1), None, None)
    other = reopened(project)
    assert other.annotations.of("a.png") == labels((1, 1), None, None)
    other.close()


CLICKER = """
import sys
from warpmarks.annotator.annotations import Placed
from warpmarks.annotator.store import Project
project = Project(sys.argv[1], ".")
click = project.version
while True:
    click += 1
    image = f"{click % 7}.png"
    labels = (Placed(float(click), 1.0), None, None)
    project.set_labels(image, labels, project.version_of(image), "x")
    print(click, flush=True)
"""


def test_a_kill_at_any_moment_loses_no_more_than_that_click(project):
    project.close()
    told = 0
    for attempt in range(4):
        clicker = subprocess.Popen(
            [sys.executable, "-c", CLICKER, str(project.path)], stdout=subprocess.PIPE, text=True
        )
        assert clicker.stdout is not None
        first = clicker.stdout.readline()
        time.sleep(0.02 * attempt)
        clicker.kill()
        rest = clicker.stdout.read().split()
        clicker.wait()
        clicker.stdout.close()
        told = int(rest[-1] if rest else first)
        opened = Project(project.path, ".")
        # The click under way may have been saved, or not.
        assert opened.version in {told, told + 1}
        newest = opened.annotations.of(f"{opened.version % 7}.png")
        assert newest[0] == Placed(float(opened.version), 1.0)
        assert not opened.notices
        left = {path.name for path in project.path.iterdir()}
        assert left == {".lock", "history.jsonl", "landmarks.csv", "points.json", "project.json"}
        opened.close()
    assert told > 4

import json

import pytest

from warpmarks.evaluation.place import key_of, place_in


def evaluated(folder, annotations, record="evaluation.json"):
    folder.mkdir(parents=True)
    (folder / record).write_text(json.dumps({"annotations": key_of(annotations)}))


@pytest.mark.parametrize("record", ["evaluation.json", "label_curve.json"])
def test_sets_of_one_name_in_different_places_keep_their_evaluations(tmp_path, record):
    sets = [tmp_path / place / "val" / "landmarks.csv" for place in "abc"]
    names = []
    for annotations in sets:
        folder = place_in(tmp_path / "run", "val fit: train", annotations)
        evaluated(folder, annotations, record)
        names.append(folder.name)
    assert names == ["val-fit-train", "val-fit-train-2", "val-fit-train-3"]
    again = [place_in(tmp_path / "run", "val fit: train", annotations) for annotations in sets]
    assert [folder.name for folder in again] == names


@pytest.mark.parametrize("contents", ["{", "[]", '{"set": "val"}', '{"annotations": 3}'])
def test_a_damaged_or_older_evaluation_is_replaced(tmp_path, contents):
    folder = tmp_path / "run" / "evaluations" / "val"
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(contents)
    assert place_in(tmp_path / "run", "val", tmp_path / "landmarks.csv") == folder


def test_the_key_tells_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    file = tmp_path / "x" / ".." / "landmarks.csv"
    assert key_of(file) == key_of(tmp_path / "landmarks.csv") != key_of(tmp_path / "x")
    assert len(key_of(file)) == 12

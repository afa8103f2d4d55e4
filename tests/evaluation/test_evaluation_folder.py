import json

import pytest

from warpmarks.evaluation.evaluation_folder import key_of, place_in


def evaluated(run, name, annotations, record="evaluation.json"):
    key = key_of(name, annotations)
    folder = place_in(run, name, key)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / record).write_text(json.dumps({"key": key}))
    return folder.name


@pytest.mark.parametrize("record", ["evaluation.json", "label_curve.json"])
def test_sets_of_one_name_in_different_places_keep_their_evaluations(tmp_path, record):
    sets = [tmp_path / place / "val" / "landmarks.csv" for place in "abc"]
    for _ in range(2):
        names = [evaluated(tmp_path / "run", "val fit: train", one, record) for one in sets]
        assert names == ["val-fit-train", "val-fit-train-2", "val-fit-train-3"]


def test_names_that_make_one_folder_keep_their_evaluations(tmp_path):
    run, mine, other = tmp_path / "run", tmp_path / "a.csv", tmp_path / "b.csv"
    assert evaluated(run, "val eyes", mine) == "val-eyes"
    assert evaluated(run, "val eyes", other) == "val-eyes-2"
    assert evaluated(run, "val eyes-2", other) == "val-eyes-2-2"
    assert evaluated(run, "val eyes", other) == "val-eyes-2"


@pytest.mark.parametrize("contents", ["{", "[]", '{"set": "val"}', '{"key": 3}'])
def test_a_damaged_or_older_evaluation_is_replaced(tmp_path, contents):
    folder = tmp_path / "run" / "evaluations" / "val"
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(contents)
    assert place_in(tmp_path / "run", "val", "k") == folder


def test_the_key_tells_no_path(tmp_path):
    (tmp_path / "x").mkdir()
    key = key_of("val", tmp_path / "x" / ".." / "landmarks.csv")
    assert key == key_of("val", tmp_path / "landmarks.csv") != key_of("val", tmp_path / "x")
    assert len(key) == 12

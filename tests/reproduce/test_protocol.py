import pytest

from warpmarks.errors import InputError
from warpmarks.reproduce.protocol import load_protocol, parse_protocol, protocol_names
from warpmarks.reproduce.sources import FLAGS, flags_of

# As the paper prints them, read off its pages again and not from the protocols.
PRINTED = {
    "table1": [7.95, 7.15, 6.67, 6.32, 5.76, 5.33],
    "table2": [7.95, 9.73, 15.84, 6.67],
    "table3": [11.6, 8.97, 10.94, 7.65, 7.23, 10.53, 14.79, 12.94, 24.19, 23.85, 24.40],
    "table4": [7.15, 8.06, 8.49, 9.25, 10.82],
    "table5": [9.22, 7.69, 7.58, 6.40, 6.32, 5.76, 5.71, 5.65, 5.54, 4.94, 9.30, 7.97],
}


def test_every_table_and_figure_is_there():
    names = protocol_names()
    assert names[:10] == [*(f"table{n}" for n in range(1, 6)), *(f"fig{n}" for n in range(3, 8))]
    assert set(names[10:]) == {"own", "aflw5"}
    assert all(load_protocol(name).name == name for name in names)


@pytest.mark.parametrize("name", PRINTED)
def test_the_papers_numbers(name):
    printed = [row.paper for row in load_protocol(name).rows if row.paper is not None]
    assert printed == PRINTED[name]


def test_what_the_rows_of_the_tables_are_made_of():
    rows = {row.name: row for row in load_protocol("table1").rows}
    row = rows["50 landmarks, regressor on CelebA"]
    assert (row.run, row.fit, row.paper) == ("celeba-50", "celeba/train", 5.33)
    third = load_protocol("table3")
    assert [run.landmarks for run in third.runs.values()] == [50, 51, 51]
    assert third.runs["aflw-51"].begin == "celeba-51-tight"
    assert {row.labels for row in load_protocol("table4").rows} >= {None, 1, 5, 10, 20}
    assert {row.labels for row in third.rows if row.supervised} == {2, 20}
    fifth = load_protocol("table5")
    assert [row.run for row in fifth.rows if row.run] == ["celeba-50", "300w-50"]
    assert fifth.runs["300w-50"].begin == "celeba-50"


def test_flags_of_a_protocol():
    assert flags_of(load_protocol("table3").parts()) == (("celeba", "aflw"), ("mafl", "mtfl"))
    assert flags_of(load_protocol("own").parts()) == (("set",), ())
    assert set(FLAGS) >= {"celeba", "mafl", "aflw", "300w", "cats", "zappos", "set"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("rows: [{name: a, run: other, fit: own/train}]", "there is no run other"),
        ("rows: [{name: a, run: own-5}]", "run and fit go together"),
        ("rows: [{name: a, mean_shape: own}]", "expected SET/SPLIT"),
        ("rows: [{name: a, mean_shape: celebs/train}]", "expected SET/SPLIT"),
        ("rows: [{name: a}]", "has the paper's number"),
        ("rows: [{name: a, paper: 1}, {name: a, paper: 2}]", "the same name"),
        ("rows: [{name: a, supervised: own/train, mean_shape: own/train}]", "one of run"),
        ("rows: [{name: a, papers: 1}]", "rows.0.papers"),
        ("pictures: [{kind: examples, run: own-5}]", "examples takes images, run"),
        ("draws: 0", "draws"),
    ],
)
def test_a_protocol_that_does_not_hold_together_is_refused(change, sentence):
    text = f"""
reproduces: Nothing
title: nothing
score: own/val
runs:
  own-5: {{images: own/train, landmarks: 5}}
{change}
"""
    with pytest.raises(InputError, match=f"^protocol bad: .*{sentence}"):
        parse_protocol(text, "bad")


def test_a_run_begins_from_one_above_it():
    text = """
reproduces: Nothing
title: nothing
runs:
  b: {from: a, images: own/train, landmarks: 5}
  a: {images: own/train, landmarks: 5}
"""
    with pytest.raises(InputError, match="the run b begins from a, which is not above it"):
        parse_protocol(text, "bad")


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(InputError, match="there is no experiment 'table6': expected one of table1"):
        load_protocol("table6")

import math

import numpy as np
import pytest

from made_up_copies import made_up
from warpmarks.recipe_reading import load_recipe, recipe_names
from warpmarks.reproduce.notes import make_notes
from warpmarks.reproduce.pictures import label_series
from warpmarks.reproduce.plan import Training, make_plan
from warpmarks.reproduce.protocol import load_protocol
from warpmarks.reproduce.record import markdown, row_cells, used_columns
from warpmarks.reproduce.settings import Settings, choose_settings
from warpmarks.reproduce.table import make_rows
from warpmarks.training.schedule import Budget

PROTOCOL = load_protocol("table4")
COPIES = {"celeba": made_up("celeba", train=500), "mafl": made_up("mafl", train=90, test=40)}
SETTINGS = Settings(load_recipe("default"), budget=Budget(minutes=7), seeds=(0, 1))
PLAN = make_plan(PROTOCOL, SETTINGS, COPIES)


def cell(*errors, fitted_on=90, interval=None):
    return {
        "errors_percent": list(errors),
        "interval_percent": interval,
        "fitted_on": fitted_on,
        "methods": ["linear"],
    }


def rows(**cells):
    """Rows of table 4 from cells of its rows, one for each seed."""
    found = {}
    for name, of_seeds in cells.items():
        keys = PLAN.cells[name.replace("_", " ").replace("30 landmarks ", "30 landmarks, ")]
        found |= dict(zip(keys, of_seeds, strict=False))
    return {row.name: row for row in make_rows(PROTOCOL, PLAN, found)}


def test_means_and_spreads_over_draws_and_seeds():
    made = rows(**{"30_landmarks_5_labels": [cell(8, 10, 12), cell(11, 12, 16)]})
    row = made["30 landmarks, 5 labels"]
    assert row.error == pytest.approx((10 + 13) / 2)
    assert row.over_draws == pytest.approx((2 + math.sqrt(7)) / 2)
    assert row.over_seeds == pytest.approx(3 / math.sqrt(2))
    assert (row.draws, row.seeds, row.wanted, row.interval) == (3, 2, 2, None)
    assert row_cells(row) == ("30 landmarks, 5 labels", "9.25", "11.50", "2.32", "2.12", "")


def test_one_figure_has_an_interval_and_half_a_row_says_so():
    made = rows(
        mean_shape=[cell(18.5, interval=[17, 20])], **{"30_landmarks_all_labels": [cell(7)]}
    )
    shape = made["mean shape"]
    assert (shape.interval, shape.seeds, shape.wanted) == ((17, 20), 1, 1)
    assert math.isnan(shape.over_draws)
    assert row_cells(shape) == ("mean shape", "", "18.50", "", "", "17.00 to 20.00")
    assert row_cells(made["30 landmarks, all labels"])[2] == "7.00 (1 of 2 seeds)"
    assert row_cells(made["30 landmarks, 20 labels"])[1:3] == ("8.06", "…")


def test_numbers_of_others_and_missing_rows():
    protocol = load_protocol("table5")
    copies = {
        "celeba": made_up("celeba", absent="CelebA was not given: say where it is by --celeba"),
        "300w": made_up("300w", points=68, train=60, test=20),
    }
    plan = make_plan(protocol, SETTINGS, copies)
    made = make_rows(protocol, plan, {})
    assert row_cells(made[0])[:3] == ("DRMF", "9.22", "quoted")
    fine_tuned = next(row for row in made if row.name == "50 landmarks, fine-tuned")
    assert row_cells(fine_tuned)[:3] == ("50 landmarks, fine-tuned", "7.97", "missing")
    notes = make_notes(protocol, SETTINGS, copies, plan, {})
    assert (
        "Missing (50 landmarks; 50 landmarks, fine-tuned): CelebA was not given: say where it is "
        "by --celeba."
    ) in notes


def test_the_table_in_markdown():
    made = rows(mean_shape=[cell(18.5)], **{"30_landmarks_1_label": [cell(10, 12)]})
    text = markdown(PROTOCOL, tuple(made.values()), ("a note",), ("table4/x_y.png",), "the eyes")
    lines = text.splitlines()
    assert lines[0].startswith("# Table 4: ")
    assert lines[0].endswith(", error in % of the eyes")
    assert lines[2] == "|  | paper | here | ± draws |"
    assert lines[3] == "| --- | ---: | ---: | ---: |"
    assert "| 30 landmarks, 1 label | 10.82 | 11.00 (1 of 2 seeds) | 1.41 |" in lines
    assert lines[-3:] == ["- a note", "", "![x y](table4/x_y.png)"]
    assert used_columns(tuple(made.values())) == [0, 1, 2, 3]
    assert used_columns((made["mean shape"],)) == [0, 2]


def test_the_curve_of_labels_has_a_series_for_each_way():
    made = rows(
        mean_shape=[cell(18.5)],
        **{
            "30_landmarks_all_labels": [cell(7, fitted_on=90)],
            "30_landmarks_20_labels": [cell(8, 9, fitted_on=20)],
            "30_landmarks_1_label": [cell(10, 12, fitted_on=1)],
        },
    )
    (series,) = label_series(PROTOCOL, tuple(made.values()))
    assert series.name == "from 30 landmarks"
    assert list(series.labels) == [1, 20, 90]
    np.testing.assert_allclose(series.errors, [11, 8.5, 7])
    np.testing.assert_allclose(series.spreads, [math.sqrt(2), math.sqrt(0.5), np.nan])


def test_notes_say_how_it_was_made_and_what_went_wrong():
    first, *_ = [step for step in PLAN.steps if isinstance(step, Training)]
    found = {
        first.key: {"seconds": 300.0, "problems": ["3 of 30 landmarks are dead", "another"]},
        PLAN.cells["mean shape"][0]: cell(18.5),
    }
    notes = make_notes(PROTOCOL, SETTINGS, COPIES, PLAN, found)
    assert notes[0] == (
        "Networks by the recipe default at 96 px, 7 minutes each (1 of 6 trained, 5 minutes in "
        "all); regressors without bias, linear."
    )
    assert "The run celeba-30, seed 0: 3 of 30 landmarks are dead (and 1 more)." in notes
    assert any(note.startswith("± seeds: standard deviation over 2 trainings") for note in notes)
    assert any("10 draws of the labelled images" in note for note in notes)


def test_notes_tell_of_scored_images_that_were_learned_from():
    key = PLAN.cells["mean shape"][0]
    found = {key: cell(18.5) | {"learned_and_scored": 0, "images": 40}}
    assert not any(
        "learned from" in note for note in make_notes(PROTOCOL, SETTINGS, COPIES, PLAN, found)
    )
    found[key]["learned_and_scored"] = 30
    assert make_notes(PROTOCOL, SETTINGS, COPIES, PLAN, found)[0] == (
        "30 of the 40 scored images are among those that points were learned from: errors are too "
        "low for others."
    )


def test_a_smoke_run_says_that_its_figures_mean_nothing():
    quick = choose_settings(quick=True)
    plan = make_plan(PROTOCOL, quick, COPIES)
    assert "the figures mean nothing" in make_notes(PROTOCOL, quick, COPIES, plan, {})[0]
    assert (quick.budget.steps, quick.limit, quick.draws) == (20, 64, 2)
    assert choose_settings(quick=True, minutes=3).budget == Budget(minutes=3)
    assert choose_settings(recipe="paper", quick=True).config.loss.unit == "cells"
    for recipe in recipe_names():
        small = choose_settings(recipe=recipe, quick=True).config
        assert len(small.network.filters) == len(load_recipe(recipe).network.filters)
        assert {*small.network.filters, *small.network.coarse} == {8}

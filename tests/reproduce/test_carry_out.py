import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import published_copies
from annotated_examples import make_annotated_set
from blob_experiment import PROTOCOL, run
from warpmarks.datasets.annotated import read_annotated
from warpmarks.datasets.results import holds_results
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.few_labels import LabelledPool
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.reproduce.carry_out import Outcome, carry_out
from warpmarks.reproduce.copies import find_copies
from warpmarks.reproduce.located import locate_once
from warpmarks.reproduce.plan import Training
from warpmarks.reproduce.protocol import load_protocol
from warpmarks.reproduce.settings import choose_settings
from warpmarks.system.progress import SilentProgress
from warpmarks.training import supervised


@pytest.fixture(scope="module")
def blobs(tmp_path_factory) -> Path:
    """Five images of train, three of val; on one of train the second point is not annotated."""
    root = make_annotated_set(tmp_path_factory.mktemp("sets") / "blobs")
    (root / "points.json").write_text(json.dumps({"normaliser": "image"}))
    with (root / "split.csv").open("w", newline="") as file:
        rows = [(f"{index:02}.png", "val" if index > 4 else "train") for index in range(8)]
        csv.writer(file).writerows([("image", "split"), *rows])
    return root


@pytest.fixture(scope="module")
def finished(blobs, tmp_path_factory) -> tuple[Path, Outcome]:
    output = tmp_path_factory.mktemp("finished")
    return output, run(blobs, output)


def told(outcome) -> dict[str, float]:
    return {row.name: row.error for row in outcome.rows if not row.by_others}


def test_every_row_has_its_figure(finished):
    output, outcome = finished
    assert not outcome.failures
    rows = {row.name: row for row in outcome.rows}
    assert all(row.seeds == 1 for row in outcome.rows if not row.by_others)
    assert (rows["two labels"].draws, rows["two labels"].fitted_on) == (3, 2)
    assert rows["two labels"].over_draws > 0
    assert (rows["four"].fitted_on, rows["supervised"].fitted_on) == (5, 2)
    record = json.loads((output / "blobs-quick.json").read_text())
    assert [row["paper_percent"] for row in record["rows"]][:2] == [1.5, 2.5]
    assert record["rows"][1]["error_percent"] == pytest.approx(rows["four"].error, abs=1e-3)
    assert record["images"] == {"own": {"train": 5, "val": 3}}
    text = (output / "blobs-quick.md").read_text()
    assert f"| four | 2.50 | {rows['four'].error:.2f} |" in text


def test_the_figures_are_those_of_the_library(finished, blobs):
    """The same run, fitted as `warpmarks fit` does, and scored by hand."""
    output, outcome = finished
    cell = next(row for row in outcome.rows if row.name == "four").cells[0]
    key = json.loads((output / "cells" / f"{cell}.json").read_text())["run"]
    detector = Detector.load(output / "runs" / key, device="cpu")
    training, scored = (read_annotated(blobs, split=split) for split in ("train", "val"))
    pool = LabelledPool(detector, training)
    pool.locate([None], [0])
    fitted = pool.fit(None, 0).fit.regressor
    found = locate_annotated(detector, scored)
    predicted = fitted.predict(found.landmarks, found.sizes)
    errors = [
        ((predicted[i, p] - scored.points[i, p]) ** 2).sum() ** 0.5 / found.sizes[i].prod() ** 0.5
        for i in range(3)
        for p in range(2)
    ]
    assert told(outcome)["four"] == pytest.approx(100 * sum(errors) / len(errors), rel=1e-4)


def test_a_second_call_finds_everything_done(finished, blobs, tmp_path):
    _, outcome = finished
    copy = shutil.copytree(finished[0], tmp_path / "copy")
    steps = []
    again = run(blobs, copy, on_step=lambda *step: steps.append(step))
    assert (steps, told(again)) == ([], told(outcome))
    cell = copy / "cells" / f"{outcome.rows[1].cells[0]}.json"
    cell.unlink()
    again = run(blobs, copy, on_step=lambda *step: steps.append(step))
    assert [step.key for _, _, step in steps] == [cell.stem]
    assert told(again) == told(outcome)


def test_landmarks_are_found_once(finished, blobs, tmp_path, monkeypatch):
    """Also by a later process; a damaged file is made again."""
    copy = shutil.copytree(finished[0], tmp_path / "copy")
    found = []

    def spy(detector, annotated, **keywords):
        found.append(annotated.name)
        return locate_annotated(detector, annotated, **keywords)

    monkeypatch.setattr("warpmarks.reproduce.located.locate_annotated", spy)
    for cell in (copy / "cells").glob("own-4*own-val*"):
        cell.unlink()
    assert told(run(blobs, copy)) == told(finished[1])
    assert not found
    for path in (copy / "landmarks").glob("own-4-*"):
        path.write_bytes(path.read_bytes()[:200])
    for cell in (copy / "cells").glob("own-4*own-val*"):
        cell.unlink()
    assert told(run(blobs, copy)) == told(finished[1])
    assert sorted(found) == ["blobs train", "blobs val"]


def test_pictures_that_cannot_take_their_place_leave_the_old_ones(
    finished, blobs, tmp_path, monkeypatch
):
    copy = shutil.copytree(finished[0], tmp_path / "copy")
    drawn = PROTOCOL + "pictures:\n  - {kind: label_curve}\n"
    outcome = run(blobs, copy, text=drawn)
    assert not outcome.failures
    pictures = {copy / name: (copy / name).read_bytes() for name in outcome.pictures}
    assert len(pictures) == 1
    assert all(holds_results(path.parent, {"drawing.json"}) for path in pictures)
    for cell in (copy / "cells").glob("*label-curve*"):
        cell.unlink()
    rename = Path.rename

    def rename_or_fail(self, target):
        if self.name == "new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_or_fail)
    outcome = run(blobs, copy, text=drawn)
    assert len(outcome.failures) == 1
    assert re.search(r"label_curve cannot be written \(No space left.*room", outcome.failures[0])
    assert {path: path.read_bytes() for path in pictures} == pictures


def test_landmarks_are_found_on_each_sets_own_images(finished, blobs, tmp_path, monkeypatch):
    """Sets whose images have the same names, and images that were put in the place of others."""
    detector = Detector.load(next((finished[0] / "runs").glob("own-4-*")), device="cpu")
    cropped = shutil.copytree(blobs, tmp_path / "cropped")
    for path in (cropped / "images").iterdir():
        with Image.open(path) as image:
            image.crop((4, 3, image.width, image.height)).save(path)
    (tmp_path / "kept").mkdir()

    def found(root):
        annotated = read_annotated(root)
        once = locate_once(tmp_path / "kept", "run", detector, annotated, SilentProgress())
        anew = locate_annotated(detector, annotated)
        np.testing.assert_array_equal(once.sizes, anew.sizes)
        np.testing.assert_allclose(once.landmarks, anew.landmarks, atol=1e-9)
        return len(list((tmp_path / "kept").iterdir()))

    assert [found(root) for root in (blobs, cropped, blobs)] == [1, 2, 2]
    monkeypatch.chdir(blobs.parent)
    assert found(Path(blobs.name)) == 2
    shutil.copyfile(blobs / "images" / "00.png", cropped / "images" / "00.png")
    assert found(cropped) == 3


def test_a_half_written_cell_is_done_again(finished, blobs, tmp_path):
    copy = shutil.copytree(finished[0], tmp_path / "copy")
    cell = copy / "cells" / f"{finished[1].rows[1].cells[0]}.json"
    cell.write_text(cell.read_text()[:40])
    assert told(run(blobs, copy)) == told(finished[1])


@pytest.mark.slow
def test_seeds_are_added_to_what_is_there(finished, blobs, tmp_path):
    copy = shutil.copytree(finished[0], tmp_path / "copy")
    steps = []
    outcome = run(blobs, copy, seeds=2, on_step=lambda *step: steps.append(step[2]))
    assert {step.config.seed for step in steps if isinstance(step, Training)} == {1}
    rows = {row.name: row for row in outcome.rows}
    assert (rows["four"].seeds, rows["mean"].seeds) == (2, 1)
    assert rows["four"].over_seeds > 0


def test_ctrl_c_in_a_training_goes_on_from_its_checkpoint(finished, blobs, tmp_path):
    """To the same figures as an unbroken run; what was finished before is not touched."""
    seen = []

    def stop(evaluation):
        seen.append(evaluation.step)
        if len(seen) == 5:  # step 4 of the second training
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(blobs, tmp_path, on_evaluation=stop, checkpoint_seconds=0)
    record = json.loads((tmp_path / "blobs-quick.json").read_text())
    rows = {row["name"]: row for row in record["rows"]}
    assert rows["four"]["error_percent"] is not None
    assert rows["supervised"]["missing"] == "not finished yet"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert len(before) == 3

    went_on = []
    outcome = run(blobs, tmp_path, on_evaluation=lambda one: went_on.append(one.step))
    assert went_on[0] == 4  # its steps before the stop were not done again
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert told(outcome) == told(finished[1])


def test_a_killed_process_loses_only_what_was_not_finished(finished, blobs, tmp_path):
    script = Path(__file__).parents[1] / "killed_reproduction.py"
    with subprocess.Popen(
        [sys.executable, str(script), str(blobs), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("supervised-own-2, seed 0: 4"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert len(before) == 5
    outcome = run(blobs, tmp_path)
    assert told(outcome) == told(finished[1])
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_a_training_that_fails_does_not_keep_others_from_being_done(blobs, tmp_path, monkeypatch):
    def explode(*_, **__):
        raise InputError("the loss is not a number")

    monkeypatch.setattr("warpmarks.reproduce.trainings.train", explode)
    outcome = run(blobs, tmp_path)
    assert outcome.failures == ("the loss is not a number",)
    missing = {row.name: row.missing for row in outcome.rows if row.missing}
    assert missing == dict.fromkeys(["four", "two labels", "fine-tuned"], outcome.failures[0])
    assert {"supervised", "mean"} <= {row.name for row in outcome.rows if row.seeds}
    monkeypatch.undo()
    assert not run(blobs, tmp_path).failures


def test_nothing_can_be_done_without_images(tmp_path):
    made = load_protocol("table1")
    with pytest.raises(InputError, match="nothing of table1 can be done: CelebA was not given"):
        carry_out(
            made,
            choose_settings(quick=True),
            find_copies(made.parts(), {}, {}),
            tmp_path,
            conduct={},
        )
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, list[Path]]:
    root = tmp_path_factory.mktemp("published")
    published_copies.celeba(root / "celeba", 16)
    published_copies.three_hundred_w(root / "300w")
    published_copies.aflw(root / "aflw")
    return {name: [root / name] for name in ("celeba", "300w", "aflw")}


def carry_out_published(name, given, output) -> Outcome:
    made = load_protocol(name)
    return carry_out(
        made,
        choose_settings(quick=True, steps=2),
        find_copies(made.parts(), given, {}),
        output,
        conduct={"device": "cpu", "threads": 1},
    )


def test_aflw_from_celeba_over_tight_crops(published, tmp_path):
    outcome = carry_out_published("table3", published, tmp_path)
    rows = {row.name: row for row in outcome.rows}
    assert rows["51 landmarks"].seeds == rows["mean shape"].seeds == 1
    assert rows["51 landmarks, 5 labels"].missing.startswith("AFLW train has 2 images")
    assert outcome.normaliser == "the inter-ocular distance"
    runs = {path.name.rpartition("-")[0]: path for path in (tmp_path / "runs").iterdir()}
    records = {name: json.loads((path / "run.json").read_text()) for name, path in runs.items()}
    adapted = records["aflw-51-seed-0"]
    assert adapted["config"]["num_landmarks"] == 51
    assert adapted["source"]["name"] == runs["celeba-51-tight-seed-0"].name
    assert records["celeba-51-tight-seed-0"]["source"]["name"] == runs["celeba-50-seed-0"].name
    assert any(
        note.startswith("Not all of AFLW is there: train has 2 of") for note in outcome.notes
    )
    sets = sorted(path.name.partition("-")[0] for path in (tmp_path / "sets").iterdir())
    assert sets == ["aflw", "celeba", "celeba"]


def test_300w_without_celeba_is_done_in_part(published, tmp_path):
    given = {"300w": published["300w"]}
    outcome = carry_out_published("table5", given, tmp_path)
    rows = {row.name: row for row in outcome.rows}
    assert rows["mean shape"].error > 0
    assert rows["50 landmarks, fine-tuned"].missing.startswith("CelebA was not given")
    whole = carry_out_published("table5", published, tmp_path)
    rows = {row.name: row for row in whole.rows}
    assert rows["50 landmarks"].error != rows["50 landmarks, fine-tuned"].error
    assert not any(row.missing for row in whole.rows)


def test_supervision_is_given_what_the_plan_says(blobs, tmp_path, monkeypatch):
    asked = []
    real = supervised.supervise

    def spy(annotated, run, config, **keywords):
        asked.append((annotated.name, config.num_landmarks, keywords["labels"], config.seed))
        return real(annotated, run, config, **keywords)

    monkeypatch.setattr("warpmarks.reproduce.trainings.supervise", spy)
    run(blobs, tmp_path, steps=1)
    assert asked == [("blobs train", 2, 2, 0)]

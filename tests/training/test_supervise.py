import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny_runs import tiny_config, train_tiny
from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.annotated import AnnotatedSet, read_annotated
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.evaluation.locating import locate_annotated
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.weights import read_tensors
from warpmarks.training import PointMeasures, TrainingResult, supervise

STEPS = 12
NETWORK = {"filters": [8, 12, 12, 12, 16]}


def config(**changes: Any) -> TrainingConfig:
    return tiny_config(**({"num_landmarks": 2} | changes))


def blobs(folder: Path) -> AnnotatedSet:
    return read_annotated(folder, normaliser="1:2")


def supervise_tiny(
    annotated: AnnotatedSet, run: Path, asked: TrainingConfig | Path | None = None, **conduct: Any
) -> TrainingResult[PointMeasures]:
    if not conduct.get("resume"):
        asked = asked or config()
    settings = {"device": "cpu", "threads": 1, "evaluate_every": 5}
    return supervise(annotated, run, asked, **(settings | conduct))


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_tensors(RunFolder(run).weights_path)[0]


def assert_same_weights(run: Path, expected: Path) -> None:
    tensors, wanted = weights_of(run), weights_of(expected)
    assert tensors.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(tensors[name], wanted[name], rtol=0, atol=0)


@pytest.fixture(scope="module")
def whole(annotated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("supervised") / "run"
    supervise_tiny(blobs(annotated_folder), run, labels=5, steps=STEPS)
    return run


def test_what_a_run_leaves(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        "images.csv",
        "log.jsonl",
        "run.json",
        "training_state.safetensors",
        "weights.safetensors",
    ]
    record = RunFolder(whole).record()
    assert record.kind == "supervised"
    assert record.scheme is not None
    assert record.scheme.names == ("1", "2")
    assert record.scheme.normaliser.text == "1:2"
    assert record.annotations is not None
    assert record.annotations.labels == 5
    assert record.images.count == 5
    assert (record.budget.steps, record.budget.minutes) == (STEPS, None)
    lines = [
        json.loads(line, parse_constant=pytest.fail)
        for line in (whole / "log.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [5, 10, 12]
    assert all(len(line["point_errors_percent"]) == 2 for line in lines)


def test_the_detector_gives_the_annotated_points(annotated_folder: Path, tmp_path: Path) -> None:
    """The blobs are learned to within a fifth of the distance of the two, on their own images."""
    annotated = blobs(annotated_folder)
    settings = config(network=NETWORK, image={"size": 24}, optimiser={"learning_rate": 0.02})
    result = supervise_tiny(annotated, tmp_path / "run", settings, steps=100, evaluate_every=1000)
    measures = result.evaluation.measures
    assert measures.training_error_percent < 20
    examples = locate_annotated(Detector.load(tmp_path / "run", device="cpu"), annotated)
    lengths = annotated.scheme.normaliser.lengths(examples.annotations, examples.sizes)
    errors = np.linalg.norm(examples.landmarks - examples.annotations, axis=-1) / lengths[:, None]
    assert 100 * np.nanmean(errors) == pytest.approx(measures.training_error_percent, abs=0.5)
    mean_shape = np.nanmean(annotated.points, axis=0)
    by_mean = np.linalg.norm(mean_shape - annotated.points, axis=-1) / lengths[:, None]
    assert np.nanmean(errors) < 0.6 * np.nanmean(by_mean)


def test_a_stopped_run_goes_on_to_the_same_end(
    whole: Path, annotated_folder: Path, tmp_path: Path
) -> None:
    def stop(evaluation: Any) -> None:
        if evaluation.step == 5:
            raise KeyboardInterrupt

    run, annotated = tmp_path / "run", blobs(annotated_folder)
    with pytest.raises(KeyboardInterrupt):
        supervise_tiny(
            annotated, run, labels=5, steps=STEPS, checkpoint_seconds=0, on_evaluation=stop
        )
    supervise_tiny(annotated, run, resume=True)  # as many labels and steps as before
    assert_same_weights(run, whole)


def test_labels_are_drawn_by_the_seed(whole: Path, annotated_folder: Path, tmp_path: Path) -> None:
    annotated = blobs(annotated_folder)
    supervise_tiny(annotated, tmp_path / "same", labels=5, steps=STEPS)
    assert_same_weights(tmp_path / "same", whole)
    supervise_tiny(annotated, tmp_path / "other", config(seed=1), labels=5, steps=1)
    one, other = (RunFolder(run).record().annotations for run in (whole, tmp_path / "other"))
    assert one != other


def test_fewer_labels_are_among_more(annotated_folder: Path) -> None:
    annotated = blobs(annotated_folder)
    drawn = [set(annotated.draw(count, seed=3).images.names) for count in (1, 3, 8)]
    assert [len(names) for names in drawn] == [1, 3, 8]
    assert drawn[0] < drawn[1] < drawn[2]
    three = annotated.draw(3, seed=3)
    rows = [annotated.images.names.index(name) for name in three.images.names]
    np.testing.assert_array_equal(three.points, annotated.points[rows])
    assert len({annotated.draw(1, seed=seed).images.names for seed in range(20)}) > 3


@pytest.mark.parametrize("labels", [0, 9, -1])
def test_labels_that_are_not_there(annotated_folder: Path, tmp_path: Path, labels: int) -> None:
    with pytest.raises(InputError, match=rf"--labels is {labels}, but .* has 8 annotated images"):
        supervise_tiny(blobs(annotated_folder), tmp_path / "run", labels=labels, steps=2)
    assert not (tmp_path / "run").exists()


def test_one_label_will_do(annotated_folder: Path, tmp_path: Path) -> None:
    result = supervise_tiny(blobs(annotated_folder), tmp_path / "run", labels=1, steps=2)
    assert np.isfinite(result.evaluation.measures.training_error_percent)


def test_descriptors_are_not_exchanged_and_a_stopped_run_goes_on_so(
    annotated_folder: Path, tmp_path: Path
) -> None:
    chosen = config(
        network={**NETWORK, "descriptors": 4}, loss={"pooling": 2, "exchange_weight": 0.5}
    )
    supervise_tiny(blobs(annotated_folder), tmp_path / "run", chosen, steps=2)
    trained = RunFolder(tmp_path / "run").record().config
    assert (trained.network.descriptors, trained.loss.exchange_weight) == (0, 0)
    went_on = supervise_tiny(
        blobs(annotated_folder), tmp_path / "run", chosen, resume=True, steps=3
    )
    assert went_on.steps == 3


def test_without_a_budget_there_is_one(
    annotated_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warpmarks.training.supervised.DEFAULT_STEPS", 4)
    assert supervise_tiny(blobs(annotated_folder), tmp_path / "run", labels=2).steps == 4
    assert RunFolder(tmp_path / "run").record().budget.steps == 4


def test_changed_annotations_are_refused_to_go_on(
    whole: Path, annotated_folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    folder = shutil.copytree(annotated_folder, tmp_path / "blobs")
    table = folder / "landmarks.csv"
    lines = table.read_text().splitlines()
    moved = [lines[0], *(line.replace(".png,", ".png,1") for line in lines[1:])]
    table.write_text("\n".join(moved) + "\n")
    for changed in (blobs(folder), blobs(annotated_folder).draw(6, 0)):
        with pytest.raises(InputError, match="these are not the annotations that"):
            supervise_tiny(changed, run, resume=True)
    with pytest.raises(InputError, match="these are not the annotations that"):
        supervise_tiny(blobs(annotated_folder), run, labels=6, resume=True)


def test_another_recipe_is_refused_to_go_on(annotated_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(config().model_dump_json())
    run = tmp_path / "run"
    supervise_tiny(blobs(annotated_folder), run, recipe, steps=2)
    assert RunFolder(run).record().recipe == str(recipe)
    supervise_tiny(blobs(annotated_folder), run, recipe, resume=True, steps=3)
    recipe.write_text(config(seed=5).model_dump_json())
    with pytest.raises(InputError, match=r"made with other settings \(seed is 5 now and was 0"):
        supervise_tiny(blobs(annotated_folder), run, recipe, resume=True, steps=4)


def test_kinds_of_runs_are_not_mixed_up(
    whole: Path, image_folder: Path, annotated_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"was trained on annotations: go on with .* supervise"):
        train_tiny(image_folder, whole, resume=True)
    train_tiny(image_folder, tmp_path / "run", steps=2)
    with pytest.raises(InputError, match=r"was trained without annotations: go on with .* train"):
        supervise_tiny(blobs(annotated_folder), tmp_path / "run", resume=True)


def test_another_number_of_landmarks_than_points(annotated_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"num_landmarks is 3, but .* has 2 points: leave it out"):
        supervise_tiny(blobs(annotated_folder), tmp_path / "run", tiny_config(), steps=2)


def test_a_normaliser_without_length(annotated_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(annotated_folder, tmp_path / "one point")
    lines = (folder / "landmarks.csv").read_text().splitlines()
    one = [",".join(line.split(",")[:3]) for line in lines]
    (folder / "landmarks.csv").write_text("\n".join(one) + "\n")
    with pytest.raises(InputError, match="the normaliser box has no length on any of the images"):
        supervise_tiny(read_annotated(folder), tmp_path / "run", config(num_landmarks=1), steps=2)
    assert not (tmp_path / "run").exists()
    by_image = read_annotated(folder, normaliser="image")
    supervise_tiny(by_image, tmp_path / "run", config(num_landmarks=1), steps=2)


def test_unreadable_images_are_left_out_with_their_annotations(
    annotated_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(annotated_folder, tmp_path / "blobs")
    (folder / "images" / "02.png").write_text("not an image")
    with pytest.raises(InputError, match="1 of 8 images"):
        supervise_tiny(blobs(folder), tmp_path / "run", steps=2)
    result = supervise_tiny(blobs(folder), tmp_path / "run", steps=2, allow_unreadable=True)
    assert [name for name, _ in result.unreadable] == ["02.png"]
    assert RunFolder(tmp_path / "run").record().images.count == 7


def test_an_unknown_keyword(annotated_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="there is no keyword 'stepz': expected some of steps"):
        supervise_tiny(blobs(annotated_folder), tmp_path / "run", stepz=2)

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tiny_runs import AS_BY_DEFAULT, tiny_config, train_tiny
from warpmarks.configuration import TrainingConfig
from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.recipe_reading import override
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.weights import read_tensors, write_tensors
from warpmarks.training import PairMeasures, TrainingResult, finetune, finetuning_config
from warpmarks.training.unsupervised import FINETUNING_RATE

STEPS = 12


@pytest.fixture(scope="module")
def source(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("source") / "first"
    train_tiny(image_folder, run, steps=10)
    return run


@pytest.fixture(scope="module")
def others(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images in other colours, and taller than wide."""
    folder = tmp_path_factory.mktemp("others")
    for path in image_folder.iterdir():
        with Image.open(path) as image:
            pixels = np.asarray(image)[:, :21, ::-1] // 2
        Image.fromarray(pixels).save(folder / path.name)
    return folder


def finetune_tiny(
    source: Path, images: Path, run: Path, config: TrainingConfig | None = None, **conduct: Any
) -> TrainingResult[PairMeasures]:
    settings = {"device": "cpu", "threads": 1, "evaluate_every": 5}
    return finetune(source, find_images(images), run, config, **(settings | conduct))


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_tensors(RunFolder(run).weights_path)[0]


def test_a_run_goes_on_from_the_sources_weights(source: Path, others: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in source.iterdir() if path.is_file()}
    still = override(finetuning_config(source), ["optimiser.learning_rate=1e-12"])
    finetune_tiny(source, others, tmp_path / "run", still, steps=1)
    tensors, wanted = weights_of(tmp_path / "run"), weights_of(source)
    for name in wanted:
        if name.endswith(("weight", "bias")):
            torch.testing.assert_close(tensors[name], wanted[name], rtol=0, atol=1e-9)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before


@pytest.mark.parametrize("last_layer", ["plain", "batchnorm_relu"])
def test_more_landmarks_begin_at_random_and_the_others_stay(
    image_folder: Path, tmp_path: Path, last_layer: str
) -> None:
    config = override(tiny_config(), [f"network.last_layer={last_layer}"])
    train_tiny(image_folder, tmp_path / "first", steps=3, config=config)
    still = override(
        finetuning_config(tmp_path / "first"), ["optimiser.learning_rate=1e-12", "num_landmarks=5"]
    )
    finetune_tiny(tmp_path / "first", image_folder, tmp_path / "run", still, steps=1)
    before, after = weights_of(tmp_path / "first"), weights_of(tmp_path / "run")
    grown = 0
    for name, tensor in before.items():
        if not name.endswith(("weight", "bias")):
            continue
        torch.testing.assert_close(after[name][: len(tensor)], tensor, rtol=0, atol=1e-9)
        grown += len(after[name]) - len(tensor)
    assert grown == (4 if last_layer == "plain" else 6)  # two filters, with their biases or norms
    filters = max((n for n in after if after[n].ndim == 4), key=lambda n: int(n.split(".")[1]))
    assert after[filters][3:].std() > 0.01
    assert Detector.load(tmp_path / "run")(image_folder / "00.png").landmarks.shape == (5, 2)


def test_what_is_recorded(source: Path, others: Path, tmp_path: Path) -> None:
    result = finetune_tiny(source, others, tmp_path / "run", steps=3)
    record, first = RunFolder(result.run).record(), RunFolder(source).record()
    assert record.source is not None
    assert (record.source.name, record.source.steps) == ("first", 10)
    assert record.source.digest == Detector.load(source, device="cpu").digest
    assert record.source.digest != Detector.load(result.run, device="cpu").digest
    assert record.kind == "unsupervised"
    assert record.config.optimiser.learning_rate == pytest.approx(FINETUNING_RATE * 3e-3)
    assert record.config.network == first.config.network
    assert record.images.count == 12
    # Planned anew for 21 x 28 images; the source's were 36 x 28.
    assert (record.view_height, record.view_width) == (20, 12)
    assert (first.view_height, first.view_width) == (16, 20)
    assert Detector.load(result.run, device="cpu")(others / "00.png").landmarks.shape == (3, 2)


def test_a_set_aspect_is_kept(image_folder: Path, others: Path, tmp_path: Path) -> None:
    config = tiny_config(image={"size": 16, "aspect": 1.0})
    train_tiny(image_folder, tmp_path / "first", steps=2, config=config)
    finetune_tiny(tmp_path / "first", others, tmp_path / "run", steps=2)
    record = RunFolder(tmp_path / "run").record()
    assert (record.view_height, record.view_width) == (16, 16)


def test_whether_to_mirror_is_found_anew_on_the_other_images(
    either_way_folder: Path, one_way_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(warps={"mirror": "auto"})
    train_tiny(either_way_folder, tmp_path / "first", steps=2, config=config)
    finetune_tiny(tmp_path / "first", one_way_folder, tmp_path / "run", steps=2)
    assert RunFolder(tmp_path / "first").record().mirror == 0.5
    assert RunFolder(tmp_path / "run").record().mirror == 0


def test_going_on_without_the_source(source: Path, others: Path, tmp_path: Path) -> None:
    """To the same end as an unbroken run, bit for bit, and to the budget that it had."""
    shutil.copytree(source, tmp_path / "first")
    finetune_tiny(tmp_path / "first", others, tmp_path / "whole", steps=STEPS)

    def stop(evaluation: Any) -> None:
        if evaluation.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune_tiny(
            tmp_path / "first",
            others,
            tmp_path / "run",
            steps=STEPS,
            checkpoint_seconds=0,
            on_evaluation=stop,
        )
    shutil.rmtree(tmp_path / "first")
    result = finetune_tiny(tmp_path / "first", others, tmp_path / "run", resume=True)
    assert result.steps == STEPS
    tensors, wanted = weights_of(tmp_path / "run"), weights_of(tmp_path / "whole")
    for name in wanted:
        torch.testing.assert_close(tensors[name], wanted[name], rtol=0, atol=0)


def without_checkpoint(run: Path) -> Path:
    """As a run that was killed before its first checkpoint."""
    for name in ("weights.safetensors", "training_state.safetensors", "log.jsonl"):
        (run / name).unlink()
    return run


def test_the_same_weights_saved_again_are_no_others(
    source: Path, others: Path, tmp_path: Path
) -> None:
    finetune_tiny(source, others, tmp_path / "whole", steps=2)
    run = without_checkpoint(tmp_path / "whole")
    first = RunFolder(shutil.copytree(source, tmp_path / "first"))
    weights, about = read_tensors(first.weights_path)
    write_tensors(first.weights_path, weights, about | {"copied": True})
    assert finetune_tiny(first.path, others, run, resume=True).steps == 2


def test_killed_before_its_first_checkpoint(
    source: Path, image_folder: Path, others: Path, tmp_path: Path
) -> None:
    finetune_tiny(source, others, tmp_path / "whole", steps=4)
    run = without_checkpoint(shutil.copytree(tmp_path / "whole", tmp_path / "run"))
    train_tiny(image_folder, tmp_path / "another", steps=2)
    with pytest.raises(InputError, match=r"began from other weights than those of .*another"):
        finetune_tiny(tmp_path / "another", others, run, resume=True)
    with pytest.raises(InputError, match="none does not exist: expected the folder of a run"):
        finetune_tiny(tmp_path / "none", others, run, resume=True)
    finetune_tiny(source, others, run, resume=True)
    for name, tensor in weights_of(tmp_path / "whole").items():
        torch.testing.assert_close(weights_of(run)[name], tensor, rtol=0, atol=0)


def test_a_run_that_kept_some_of_its_landmarks_goes_on_with_them(
    image_folder: Path, others: Path, tmp_path: Path
) -> None:
    config = tiny_config(candidates=5)
    source = train_tiny(image_folder, tmp_path / "first", config=config, steps=10).run
    assert finetuning_config(source).learned_landmarks == 3
    finetune_tiny(source, others, tmp_path / "run", steps=1)
    # Settings of the first run, which has candidates, are no reason for more here.
    finetune_tiny(source, others, tmp_path / "other", config, steps=1)
    for name, tensor in weights_of(source).items():
        assert weights_of(tmp_path / "run")[name].shape == tensor.shape
        assert weights_of(tmp_path / "other")[name].shape == tensor.shape


def test_what_is_refused(source: Path, others: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the run to begin from: choose another folder"):
        finetune_tiny(source, others, source, steps=2, overwrite=True)
    assert weights_of(source)
    with pytest.raises(InputError, match="none does not exist: expected the folder"):
        finetune_tiny(tmp_path / "none", others, tmp_path / "run", steps=2)
    other = override(finetuning_config(source), ["network.score_scale=2"])
    with pytest.raises(InputError, match=r"another network \(network.score_scale is 2.0 now and"):
        finetune_tiny(source, others, tmp_path / "run", other, steps=2)
    fewer = override(finetuning_config(source), ["seed=3", "num_landmarks=2"])
    with pytest.raises(InputError, match=r"another network \(num_landmarks is 2 now and was 3"):
        finetune_tiny(source, others, tmp_path / "run", fewer, steps=2)
    with pytest.raises(InputError, match="was not made by warpmarks finetune"):
        finetune_tiny(source, others, source, resume=True)
    empty = without_checkpoint(shutil.copytree(source, tmp_path / "empty"))
    with pytest.raises(InputError, match=r"weights\.safetensors is missing: the run has not come"):
        finetune_tiny(empty, others, tmp_path / "run", steps=2)
    assert not (tmp_path / "run").exists()


def test_going_on_with_other_images_is_refused(
    source: Path, image_folder: Path, others: Path, tmp_path: Path
) -> None:
    finetune_tiny(source, others, tmp_path / "run", steps=2)
    with pytest.raises(InputError, match=r"these are not the 12 images"):
        finetune_tiny(source, image_folder, tmp_path / "run", resume=True, steps=4)


@pytest.mark.parametrize(("looks", "changed"), [(1, 2), (2, 1), (2, 2)])
def test_where_landmarks_usually_are_is_found_anew(
    image_folder: Path, others: Path, tmp_path: Path, looks: int, changed: int
) -> None:
    first = tiny_config(**(AS_BY_DEFAULT | {"looks": looks}))
    train_tiny(image_folder, tmp_path / "first", steps=6, config=first)
    then = override(finetuning_config(tmp_path / "first"), [f"looks={changed}", "num_landmarks=5"])
    finetune_tiny(tmp_path / "first", others, tmp_path / "run", then, steps=1)
    references = [
        weights_of(tmp_path / name).get("reference", torch.zeros(0, 2)) for name in ("first", "run")
    ]
    assert [len(reference) for reference in references] == [
        3 if looks == 2 else 0,
        5 if changed == 2 else 0,
    ]
    assert all(reference.any(dim=1).all() for reference in references)
    found = Detector.load(tmp_path / "run")(image_folder / "00.png").landmarks
    assert np.isfinite(found).all()

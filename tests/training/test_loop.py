import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from listening import Listener
from tiny_runs import AS_BY_DEFAULT, TINY_NETWORK, tiny_config, train_tiny
from warpmarks.datasets.cache import load_pictures
from warpmarks.datasets.image_set import find_images
from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError, ToldElsewhere
from warpmarks.heatmaps import soft_argmax, spatial_softmax
from warpmarks.losses import ObjectiveTerms
from warpmarks.recipe_reading import override
from warpmarks.runs.folder import RunFolder
from warpmarks.runs.geometry import Geometry
from warpmarks.runs.weights import build_network, read_tensors
from warpmarks.training import Evaluation, loop, pace, precision, unsupervised_task
from warpmarks.training.candidates import most_telling
from warpmarks.training.checkpoint import precision_of, save_checkpoint
from warpmarks.training.processes import Processes
from warpmarks.training.start import Start
from warpmarks.training.unsupervised_task import Discovery, PairMeasures

SCRIPT = Path(__file__).parent / "interrupted_run.py"
STEPS = 22  # not a multiple of the evaluations' 5
LINE = {
    "step": int,
    "seconds": float,
    "pairs_per_second": float,
    "learning_rate": float,
    "loss": float,
    "equivariance": float,
    "diversity": float,
    "equivariance_error_percent": float,
    "spread_percent": list,
    "follow": list,
    "dead": list,
    "nailed": list,
    "lagging": list,
    "doubled": list,
    "mean_concentration": float,
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def unbroken(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    train_tiny(image_folder, run, steps=STEPS)
    return RunFolder(run)


def lines_but_times(run: RunFolder) -> list[dict[str, Any]]:
    timed = {"seconds", "pairs_per_second"}
    return [{k: v for k, v in line.items() if k not in timed} for line in run.read_log()]


def assert_same_outcome(run: RunFolder, expected: RunFolder) -> None:
    tensors, _ = read_tensors(run.weights_path)
    wanted, _ = read_tensors(expected.weights_path)
    assert tensors.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(tensors[name], wanted[name], rtol=0, atol=0)
    assert run.weights_path.read_bytes() == expected.weights_path.read_bytes()
    assert lines_but_times(run) == lines_but_times(expected)


def stopped_at(step: int, images: Path, run: Path, **arguments: Any) -> None:
    """Train until Ctrl-C at an evaluation."""

    def press(evaluation: Evaluation) -> None:
        if evaluation.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_tiny(images, run, on_evaluation=press, **arguments)


# A run and what it leaves


def test_what_a_run_leaves(unbroken: RunFolder) -> None:
    assert sorted(path.name for path in unbroken.path.iterdir()) == [
        "images.csv",
        "log.jsonl",
        "run.json",
        "training_state.safetensors",
        "weights.safetensors",
    ]
    record = unbroken.record()
    assert record.config == tiny_config()
    assert (record.images.count, record.images.unreadable) == (12, 0)
    assert record.recipe == "default"
    # 36 x 28 images: a view of about 16 x 16 pixels in their aspect, in a picture a fifth larger.
    assert (record.view_height, record.view_width) == (16, 20)
    assert (record.picture_height, record.picture_width) == (20, 25)


def test_what_auto_does_where_all_pictures_face_one_way(
    one_way_folder: Path, tmp_path: Path
) -> None:
    """It is told, kept with the run, and the same after a resume."""
    listener, config = Listener(), tiny_config(warps={"mirror": "auto"})
    expected, stopped = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "stopped")
    train_tiny(one_way_folder, expected.path, steps=STEPS, config=config, progress=listener)
    assert "the pictures face one way: none is mirrored" in listener.messages[1]
    record = expected.record()
    assert (record.config.warps.mirror, record.mirror) == ("auto", 0)
    assert not record.has_seen_mirrored
    stopped_at(5, one_way_folder, stopped.path, steps=STEPS, config=config)
    train_tiny(one_way_folder, stopped.path, resume=True)
    assert_same_outcome(stopped, expected)


@pytest.mark.parametrize(("setting", "share"), [("auto", 0.5), (0.25, 0.25), (0, 0)])
def test_the_share_of_mirrored_pictures_is_kept_with_a_run(
    either_way_folder: Path, tmp_path: Path, setting: str | float, share: float
) -> None:
    listener, config = Listener(), tiny_config(warps={"mirror": setting})
    train_tiny(either_way_folder, tmp_path / "run", steps=2, config=config, progress=listener)
    record = RunFolder(tmp_path / "run").record()
    assert record.mirror == share
    assert record.has_seen_mirrored == (share > 0)
    assert not any("one way" in message for message in listener.messages)


def test_evaluations_are_complete_and_plain(unbroken: RunFolder) -> None:
    texts = unbroken.log_path.read_text().splitlines()
    lines = [json.loads(text, parse_constant=pytest.fail) for text in texts]
    assert [line["step"] for line in lines] == [*range(5, STEPS, 5), STEPS]
    for line in lines:
        assert line.pop("self_training_from") is None
        assert {name: type(value) for name, value in line.items()} == LINE
        assert len(line["spread_percent"]) == 3
        weighted = line["equivariance"] + 1.2 * line["diversity"]
        assert line["loss"] == pytest.approx(weighted)
    assert lines[-1]["learning_rate"] == 0
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
    assert all(line["pairs_per_second"] > 0 for line in lines)


def test_a_seed_makes_a_run(unbroken: RunFolder, image_folder: Path, tmp_path: Path) -> None:
    train_tiny(image_folder, tmp_path / "again", steps=STEPS, evaluate_every=5)
    assert_same_outcome(RunFolder(tmp_path / "again"), unbroken)
    train_tiny(image_folder, tmp_path / "other", steps=5, config=tiny_config(seed=1))
    assert lines_but_times(RunFolder(tmp_path / "other"))[0] != lines_but_times(unbroken)[0]


@pytest.mark.parametrize("faster", [True, False])
def test_a_run_goes_on_in_the_precision_that_it_began_with(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, faster: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(precision, "_is_faster", lambda: faster)
    expected, stopped = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "stopped")
    config = tiny_config(precision="auto")
    train_tiny(image_folder, expected.path, steps=STEPS, config=config)
    stopped_at(5, image_folder, stopped.path, steps=STEPS, config=config)
    monkeypatch.setattr(precision, "_is_faster", lambda: not faster)
    listener = Listener()
    train_tiny(image_folder, stopped.path, resume=True, progress=listener)
    name = "bfloat16" if faster else "float32"
    assert f"computing in {name} on 1 thread" in listener.messages
    assert precision_of(stopped) == name
    assert stopped.record().config.precision == "auto"
    assert_same_outcome(stopped, expected)


def test_a_processor_without_bfloat16_does_not_go_on_in_it(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(precision, "_is_faster", lambda: True)
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=2, config=tiny_config(precision="auto"))
    assert precision_of(run) == "bfloat16"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    train_tiny(image_folder, run.path, steps=4, resume=True)
    assert precision_of(run) == "float32"


@pytest.mark.parametrize("first_ones", ["float32", "bfloat16"])
def test_all_processes_compute_in_the_first_ones_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_ones: str
) -> None:
    start, processes = Start(tmp_path / "run", {"device": "cpu"}), Processes("cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(precision, "_is_faster", lambda: first_ones == "bfloat16")
    assert start._with_precision(tiny_config(precision="auto"), processes).precision == first_ones
    monkeypatch.setattr(precision, "_is_faster", pytest.fail)
    processes.first = False
    monkeypatch.setattr(processes, "of_first", lambda _: float(first_ones == "bfloat16"))
    assert start._with_precision(tiny_config(precision="auto"), processes).precision == first_ones


def test_a_run_moved_and_without_its_images_still_detects(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    image = next(image_folder.iterdir())
    before = Detector.load(unbroken.path, device="cpu")(image)
    shutil.copytree(unbroken.path, tmp_path / "elsewhere" / "moved")
    after = Detector.load(tmp_path / "elsewhere" / "moved", device="cpu")(image)
    np.testing.assert_array_equal(after.landmarks, before.landmarks)


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_no_other_process_trains_the_same_run(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path, how: dict[str, bool]
) -> None:
    run = RunFolder(tmp_path / "new" / "run")
    if how:
        shutil.copytree(unbroken.path, run.path)
    seen = []

    def another(evaluation: Evaluation) -> None:
        seen.append(evaluation.step)
        with (
            pytest.raises(InputError, match="is being trained by another process: wait for it"),
            run.written_alone(),
        ):
            pass

    steps = STEPS + 5 if how.get("resume") else 5
    train_tiny(image_folder, run.path, steps=steps, on_evaluation=another, **how)
    assert seen
    assert seen[-1] == steps
    with run.written_alone():
        pass
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]


def test_a_lock_of_a_run_that_comes_to_nothing_leaves_no_folders(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a" / "b" / "run").written_alone():
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_only_short_runs_are_told_to_train_longer(image_folder: Path, tmp_path: Path) -> None:
    short = replace(train_tiny(image_folder, tmp_path / "run", steps=1), problems=("Nailed.",))
    assert short.advice[0].startswith("1 step of training is few, ")
    assert short.advice[1:] == replace(short, steps=1000).advice == ("Nailed.",)
    assert replace(short, problems=()).advice == ()
    assert replace(short, earlier_steps=999).advice == ("Nailed.",)


def test_the_listener_hears_of_every_step(image_folder: Path, tmp_path: Path) -> None:
    listener, heard = Listener(), []
    result = train_tiny(
        image_folder, tmp_path / "run", steps=7, progress=listener, on_evaluation=heard.append
    )
    assert listener.pieces[-1] == ("Training (steps)", 7)
    assert listener.done[-1] == 7
    assert [evaluation.step for evaluation in heard] == [5, 7]
    assert result.evaluation == heard[-1]
    assert result.steps == 7
    assert result.run == tmp_path / "run"


def test_a_collapse_is_told_while_it_trains_and_at_the_end(
    image_folder: Path, tmp_path: Path
) -> None:
    """Scores scaled down to nothing: every map stays flat."""
    listener = Listener()
    config = tiny_config(network={"filters": [4, 6, 6, 6, 8], "score_scale": 1e-6})
    result = train_tiny(
        image_folder, tmp_path / "run", config=config, steps=10, evaluate_every=2, progress=listener
    )
    assert result.evaluation.measures.health.dead == [0, 1, 2]
    computing, told = listener.messages
    assert computing == "computing in float32 on 1 thread"
    assert told.startswith("the run is collapsing: 3 of 3 landmarks are dead")
    assert any("3 of 3 landmarks are dead" in problem for problem in result.problems)


@pytest.mark.parametrize("batch_size", [1, 7, 30])
def test_any_batch_size_goes_with_any_number_of_images(
    image_folder: Path, tmp_path: Path, batch_size: int
) -> None:
    config = tiny_config(batch_size=batch_size)
    assert train_tiny(image_folder, tmp_path / "run", config=config, steps=3).steps == 3


def test_two_grey_images_are_enough(tmp_path: Path) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 255, (40, 20), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    result = train_tiny(folder, tmp_path / "run", steps=3)
    record = RunFolder(result.run).record()
    assert (record.view_height, record.view_width) == (24, 12)
    assert Detector.load(result.run, device="cpu")(folder / "0.png").landmarks.shape == (3, 2)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_every_fit_and_a_set_aspect(image_folder: Path, tmp_path: Path, fit: str) -> None:
    config = tiny_config(image={"size": 16, "aspect": 0.5, "fit": fit})
    result = train_tiny(image_folder, tmp_path / "run", config=config, steps=2)
    record = RunFolder(result.run).record()
    assert (record.view_height, record.view_width) == (24, 12)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": {"pooling": 2, "equivariance": "landmark", "unit": "cells"}},
        {"loss": {"pooling": 1, "diversity_per_landmark": False}},
        {"optimiser": {"decoupled": False}, "schedule": {"kind": "plateau"}},
        {"network": {"filters": [4, 6, 6, 6, 8], "last_layer": "batchnorm_relu"}},
        {"network": {"filters": [4, 6, 6, 6, 8], "padding": "zeros"}},
        {"image": {"size": 16, "margin": 0}},
    ],
    ids=str,
)
def test_settings_train(image_folder: Path, tmp_path: Path, settings: dict) -> None:
    result = train_tiny(image_folder, tmp_path / "run", config=tiny_config(**settings), steps=2)
    assert math.isfinite(result.evaluation.measures.loss)


# When a run ends


class OwnTime:
    """A clock that a quarter of a second passes on with each training step, and by nothing else."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        step = loop.TrainingLoop._step

        def timed(*arguments: Any) -> bool:
            self.now += 0.25
            return step(*arguments)

        monkeypatch.setattr(loop.TrainingLoop, "_step", timed)
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: self.now))


def test_a_budget_in_minutes_ends_in_time(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OwnTime(monkeypatch)
    listener = Listener()
    result = train_tiny(
        image_folder, tmp_path / "run", minutes=2 / 60, evaluate_every=10**6, progress=listener
    )
    assert (result.seconds, result.steps) == (2, 8)
    assert result.evaluation.learning_rate == 0
    assert listener.pieces[-1] == ("Training (seconds)", 2)
    assert listener.done[-1] == 2


def test_a_stopped_run_in_minutes_goes_on_with_the_time_that_is_left(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = OwnTime(monkeypatch)
    stopped_at(5, image_folder, tmp_path / "run", minutes=3 / 60)
    clock.now += 5000
    result = train_tiny(image_folder, tmp_path / "run", minutes=3 / 60, resume=True)
    assert (result.seconds, result.steps) == (3, 12)
    assert [line["seconds"] for line in RunFolder(result.run).read_log()] == [1.25, 2.5, 3]


def test_without_a_budget_a_run_ends_when_it_has_converged(
    image_folder: Path, tmp_path: Path
) -> None:
    """A threshold that no loss can beat makes a plateau at once: at 10, then 5 steps down."""
    config = tiny_config(schedule={"patience": 5, "threshold": 0.9})
    result = train_tiny(image_folder, tmp_path / "run", config=config)
    assert result.steps == 15
    rates = [line["learning_rate"] for line in RunFolder(result.run).read_log()]
    assert rates == pytest.approx([3e-3, 3e-3, 0])


def test_self_training_is_not_held_up_by_evaluations_that_steer_nothing(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins at step 15; only the last evaluation, for people, comes later."""
    monkeypatch.setattr(pace, "STEPS", 5)
    monkeypatch.setattr(pace, "FIRST_SECONDS", math.inf)
    evaluated, measure = [], Discovery.measure

    def count(task: Discovery, network: nn.Module, landmarks: None) -> PairMeasures:
        evaluated.append(network)
        return measure(task, network, landmarks)

    monkeypatch.setattr(Discovery, "measure", count)
    schedule = {"patience": 5, "threshold": 0.9}
    config = tiny_config(
        schedule=schedule, optimiser={"averaging": 0.9}, self_training={"share": 0.5}
    )
    result = train_tiny(image_folder, tmp_path / "run", config=config, evaluate_every=None)
    assert (result.steps, result.evaluation.self_training_from) == (30, 15)
    assert len(evaluated) == 3 + 1


# Stopping and going on


@pytest.mark.parametrize("step", [5, 20])
def test_a_stopped_run_goes_on_to_the_same_end(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path, step: int
) -> None:
    stopped_at(step, image_folder, tmp_path / "run", steps=STEPS)
    stopped = RunFolder(tmp_path / "run")
    # The key is heard between steps: at the next one.
    assert read_tensors(stopped.state_path)[1]["step"] == step + 1
    result = train_tiny(image_folder, tmp_path / "run", steps=STEPS, resume=True)
    assert_same_outcome(stopped, unbroken)
    assert result.steps == STEPS
    assert [line["seconds"] for line in stopped.read_log()] == sorted(
        line["seconds"] for line in stopped.read_log()
    )


def test_a_run_without_a_budget_goes_on_to_the_same_end(image_folder: Path, tmp_path: Path) -> None:
    schedule = {"kind": "plateau", "patience": 10, "threshold": 0.5}
    config = tiny_config(schedule=schedule, optimiser={"learning_rate": 0.02})
    train_tiny(image_folder, tmp_path / "whole", config=config)
    stopped_at(15, image_folder, tmp_path / "run", config=config)
    train_tiny(image_folder, tmp_path / "run", resume=True)
    assert_same_outcome(RunFolder(tmp_path / "run"), RunFolder(tmp_path / "whole"))


SELF_TAUGHT = tiny_config(**AS_BY_DEFAULT, schedule={"patience": 5, "threshold": 0.9})


@pytest.fixture(scope="module", params=[STEPS, None])
def self_taught(
    request: pytest.FixtureRequest, image_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int | None, RunFolder]:
    """Steps of its budget, and a run that was not stopped.

    Self-training begins at step 11 of the budget, and at 15 of a run that converges.
    """
    steps, listener = request.param, Listener()
    whole = train_tiny(
        image_folder,
        tmp_path_factory.mktemp("self_taught") / "run",
        config=SELF_TAUGHT,
        steps=steps,
        progress=listener,
    )
    assert whole.steps == (steps or 30)
    began = read_tensors(RunFolder(whole.run).state_path)[1]["schedule"]["self_training_from"]
    assert began == (11 if steps else 15)
    assert f"self-training begins after {began} steps" in listener.messages
    assert whole.evaluation.self_training_from == began
    return steps, RunFolder(whole.run)


@pytest.mark.parametrize("stop", [5, 20])
def test_a_run_stopped_before_or_in_self_training_goes_on_to_the_same_end(
    self_taught: tuple[int | None, RunFolder], image_folder: Path, tmp_path: Path, stop: int
) -> None:
    steps, whole = self_taught
    stopped_at(stop, image_folder, tmp_path / "run", config=SELF_TAUGHT, steps=steps)
    train_tiny(image_folder, tmp_path / "run", steps=steps, resume=True)
    assert_same_outcome(RunFolder(tmp_path / "run"), whole)


def last_bias(weights: dict[str, torch.Tensor]) -> str:
    """The name of the one with a value for each landmark."""
    layers = {name.split(".")[1] for name in weights if name.startswith("layers.")}
    return f"layers.{max(layers, key=int)}.bias"


def averaged(run: RunFolder, images: Path) -> tuple[Discovery, nn.Module]:
    """What a run of ``SELF_TAUGHT`` measures, and its network of all landmarks that learned."""
    config, record = SELF_TAUGHT, run.record()
    geometry = Geometry(
        picture=(record.picture_height, record.picture_width),
        view=(record.view_height, record.view_width),
    )
    cache = load_pictures(
        find_images(images), height=record.picture_height, width=record.picture_width
    )
    network = build_network(config, num_landmarks=config.learned_landmarks)
    state, _ = read_tensors(run.state_path)
    start = "average/"
    network.load_state_dict(
        {name.removeprefix(start): state[name] for name in state if name.startswith(start)}
    )
    return Discovery(cache.pictures, config, geometry), network.eval()


def test_those_that_tell_most_are_kept_of_more_that_are_learned(
    self_taught: tuple[int | None, RunFolder],
    image_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, whole = self_taught
    weights, _ = read_tensors(whole.weights_path)
    chosen = read_tensors(whole.state_path)[1]["chosen"]
    task, network = averaged(whole, image_folder)
    last = last_bias(weights)
    assert (len(weights[last]), network.layers[-1].out_channels) == (3, 6)
    assert torch.equal(weights[last], network.state_dict()[last][chosen])
    with torch.no_grad():
        pictures = task.batches.pictures_of(task.batches.chosen(torch.arange(12)), None)
        maps = spatial_softmax(network(task.views.as_they_are(pictures)))
    assert task.geometry.view == (16, 20)
    places = soft_argmax(maps) * torch.tensor([20 / 16, 1])
    assert list(most_telling(places, 3)) == chosen
    found = []
    monkeypatch.setattr(unsupervised_task, "most_telling", lambda *seen: found.append(seen) or ())
    task.choose(network, 3)
    torch.testing.assert_close(found, [(places, 3)])
    assert Detector.load(whole.path, device="cpu").num_landmarks == 3
    # What was told last is of them, in other lines of as many.
    last_line = whole.read_log()[-1]
    with torch.no_grad():
        of_all = task.measure(network).health
    assert last_line["follow"] == pytest.approx([of_all.follow[each] for each in chosen], abs=2e-3)
    assert last_line["spread_percent"] != of_all.spread_percent[:3]
    assert {len(line["follow"]) for line in whole.read_log()} == {3}


def test_a_run_that_is_stopped_before_they_are_chosen_detects_with_the_best_there_are(
    self_taught: tuple[int | None, RunFolder], image_folder: Path, tmp_path: Path
) -> None:
    steps, whole = self_taught
    listener, run = Listener(), RunFolder(tmp_path / "run")
    stopped_at(5, image_folder, run.path, config=SELF_TAUGHT, steps=steps, progress=listener)
    task, network = averaged(run, image_folder)
    weights, _ = read_tensors(run.weights_path)
    best = list(task.choose(network, 3))
    last = last_bias(weights)
    assert torch.equal(weights[last], network.state_dict()[last][best])
    assert read_tensors(run.state_path)[1]["chosen"] is None
    train_tiny(image_folder, run.path, steps=steps, resume=True, progress=listener)
    told = "3 landmarks of 6 that were learned are kept: those that tell most of the others"
    assert listener.messages.count(told) == 1
    assert_same_outcome(run, whole)


def test_they_are_chosen_when_self_training_begins_and_again_at_the_end(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = iter([(1, 2, 5), (0, 3, 4), (2, 3, 5)])
    monkeypatch.setattr(Discovery, "choose", lambda *_: next(choices))
    run = RunFolder(tmp_path / "run")

    def kept() -> tuple[int, ...]:
        state, about = read_tensors(run.state_path)
        last = last_bias(read_tensors(run.weights_path)[0])
        weights = read_tensors(run.weights_path)[0][last]
        assert torch.equal(weights, state[f"average/{last}"][about["chosen"]])
        return tuple(about["chosen"])

    config = tiny_config(**AS_BY_DEFAULT)
    stopped_at(15, image_folder, run.path, config=config, steps=STEPS)
    assert kept() == (1, 2, 5)
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert kept() == (0, 3, 4)
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert kept() == (0, 3, 4)  # as no step was taken
    train_tiny(image_folder, run.path, steps=STEPS + 3, resume=True)
    assert kept() == (2, 3, 5)


@pytest.mark.parametrize("evaluate_every", [3, 5])
def test_without_self_training_they_are_chosen_at_the_end(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluate_every: int
) -> None:
    """And what is told of the last step is of them, also where it was told before."""
    measured, measure = [], Discovery.measure
    monkeypatch.setattr(Discovery, "choose", lambda *_: (1, 2, 4))

    def noting(task: Discovery, network: nn.Module, landmarks: tuple) -> PairMeasures:
        measured.append(landmarks)
        return measure(task, network, landmarks)

    monkeypatch.setattr(Discovery, "measure", noting)
    told = []
    result = train_tiny(
        image_folder,
        tmp_path / "run",
        config=tiny_config(candidates=5),
        steps=6,
        evaluate_every=evaluate_every,
        on_evaluation=lambda evaluation: told.append(evaluation.step),
    )
    assert told == [evaluate_every, 6]
    run = RunFolder(result.run)
    state, _ = read_tensors(run.state_path)
    weights, _ = read_tensors(run.weights_path)
    last = last_bias(weights)
    assert torch.equal(weights[last], state[f"network/{last}"][[1, 2, 4]])
    assert (measured[0], measured[-1]) == ((0, 1, 2), (1, 2, 4))
    log = run.read_log()
    assert [line["step"] for line in log] == [evaluate_every, 6]
    assert log[-1]["follow"] == result.evaluation.measures.health.follow


def test_a_last_line_of_landmarks_that_are_not_kept_is_taken_back(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is over while people are told of a step, which then is the last."""
    monkeypatch.setattr(Discovery, "choose", lambda *_: (1, 2, 4))
    result = train_tiny(
        image_folder,
        tmp_path / "run",
        config=tiny_config(candidates=5),
        minutes=1 / 60,
        evaluate_every=3,
        on_evaluation=lambda _: time.sleep(1.2),
    )
    (line,) = RunFolder(result.run).read_log()
    assert line["step"] == result.steps == 3
    assert line["follow"] == result.evaluation.measures.health.follow


def test_a_stopped_run_that_is_declared_finished_chooses(
    image_folder: Path, tmp_path: Path
) -> None:
    run, config = RunFolder(tmp_path / "run"), tiny_config(**AS_BY_DEFAULT)
    stopped_at(5, image_folder, run.path, config=config, steps=STEPS)
    train_tiny(image_folder, run.path, steps=6, resume=True)
    _, about = read_tensors(run.state_path)
    assert (about["step"], len(about["chosen"])) == (6, 3)


def test_where_landmarks_usually_are_is_found_again_and_again(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When self-training begins, every few steps of it and at its end, whatever stops it."""
    monkeypatch.setattr(loop, "REFERENCE_EVERY", 3)
    found = []
    plain = Discovery.reference

    def reference(task: Discovery, network: torch.nn.Module) -> torch.Tensor:
        found.append(plain(task, network))
        return found[-1]

    monkeypatch.setattr(Discovery, "reference", reference)
    config = tiny_config(**AS_BY_DEFAULT)
    whole = RunFolder(train_tiny(image_folder, tmp_path / "whole", config=config, steps=STEPS).run)
    # After 11, 14, 17 and 20 steps and at the end.
    assert len(found) == 5
    state, about = read_tensors(whole.state_path)
    kept = read_tensors(whole.weights_path)[0]["reference"]
    assert torch.equal(kept, found[-1][about["chosen"]])
    assert torch.equal(state["network/reference"], found[-1])
    assert kept.any(dim=1).all()
    assert not torch.equal(found[0], kept)
    stopped_at(15, image_folder, tmp_path / "run", config=config, steps=STEPS)
    train_tiny(image_folder, tmp_path / "run", steps=STEPS, resume=True)
    assert_same_outcome(RunFolder(tmp_path / "run"), whole)
    before = len(found)
    train_tiny(image_folder, whole.path, steps=STEPS, resume=True)
    assert len(found) == before  # as no step was taken


def test_ctrl_c_in_another_process(unbroken: RunFolder, image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with started(image_folder, run.path) as process:
        wait_for(process, "step 10")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert 10 <= read_tensors(run.state_path)[1]["step"] < STEPS
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert_same_outcome(run, unbroken)


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.07])
def test_killed_at_any_moment(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path, seconds: float
) -> None:
    """Which step that is differs from machine to machine; it holds for any."""
    run = RunFolder(tmp_path / "run")
    with started(image_folder, run.path) as process:
        wait_for(process, "step 5")
        time.sleep(seconds)
        process.kill()
        process.wait(60)
    assert run.record().config == tiny_config()
    assert Detector.load(run.path, device="cpu").num_landmarks == 3
    assert run.read_log()[0] == unbroken.read_log()[0] | {
        name: run.read_log()[0][name] for name in ("seconds", "pairs_per_second")
    }
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert_same_outcome(run, unbroken)


class Killed(BaseException):
    """What follows in the process does not happen."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, name: str, nth: int) -> Iterator[None]:
    """As a process ends that is killed when it renames a file to its ``name`` for the n-th time."""
    replace, times = Path.replace, iter(range(1, 1000))

    def replace_or_die(self: Path, target: Path) -> Path:
        if Path(target).name == name and next(times) == nth:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_or_die)
        with pytest.raises(Killed):
            yield


@pytest.mark.parametrize(
    ("name", "nth"),
    [
        ("run.json", 1),
        ("images.csv", 1),
        ("training_state.safetensors", 1),
        ("weights.safetensors", 1),
        ("training_state.safetensors", 6),
        ("weights.safetensors", 6),
    ],
)
def test_killed_at_each_renaming_of_a_file(
    unbroken: RunFolder,
    image_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    nth: int,
) -> None:
    """A file is there or not only by renaming: whichever was the last, the run goes on from it."""
    run = RunFolder(tmp_path / "run")
    with killed_at(monkeypatch, name, nth):
        train_tiny(image_folder, run.path, steps=STEPS, checkpoint_seconds=0)
    if name == "run.json":
        assert not run.path.exists()
        return
    (run.path / ".weights.safetensors.abc").write_bytes(b"what a killed process leaves")
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert_same_outcome(run, unbroken)


def test_a_replaced_run_is_kept_until_the_new_one_can_detect(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=1)
    with killed_at(monkeypatch, "weights.safetensors", 1):
        train_tiny(image_folder, run.path, config=tiny_config(seed=3), steps=1, overwrite=True)
    assert RunFolder(run.replaced_path).weights_path.is_file()
    train_tiny(image_folder, run.path, steps=2, resume=True)
    assert run.record().config.seed == 3
    assert not run.replaced_path.exists()


def test_a_log_that_is_ahead_or_torn_is_brought_back(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    stopped_at(10, image_folder, tmp_path / "run", steps=STEPS)
    run = RunFolder(tmp_path / "run")
    run.append_log({"step": 15, "loss": 7.0})
    with run.log_path.open("a") as log:
        log.write('{"step": 20, "lo')
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert_same_outcome(run, unbroken)


def test_a_finished_run_resumed_is_as_it_was(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(unbroken.path, tmp_path / "run")
    result = train_tiny(image_folder, tmp_path / "run", steps=STEPS, resume=True)
    assert result.steps == STEPS
    assert_same_outcome(RunFolder(tmp_path / "run"), unbroken)


def test_a_finished_run_goes_on_with_more_steps(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(unbroken.path, tmp_path / "run")
    result = train_tiny(image_folder, tmp_path / "run", steps=STEPS + 4, resume=True)
    assert result.steps == STEPS + 4
    steps = [line["step"] for line in RunFolder(result.run).read_log()]
    assert steps == [*range(5, STEPS, 5), STEPS, 25, 26]


def test_fewer_steps_than_a_run_has_are_refused(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(unbroken.path, tmp_path / "run")
    with pytest.raises(InputError, match=rf"has {STEPS} steps already, and 7 were asked for: the"):
        train_tiny(image_folder, tmp_path / "run", steps=7, resume=True)
    assert_same_outcome(RunFolder(tmp_path / "run"), unbroken)
    assert RunFolder(tmp_path / "run").record() == unbroken.record()


def test_checkpoints_come_as_often_as_asked(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []

    def count(*arguments: Any) -> None:
        saved.append(arguments[3].step)
        save_checkpoint(*arguments)

    monkeypatch.setattr(loop, "save_checkpoint", count)
    train_tiny(image_folder, tmp_path / "often", steps=4, checkpoint_seconds=0)
    assert saved == [1, 2, 3, 4, 4]
    saved.clear()
    train_tiny(image_folder, tmp_path / "seldom", steps=4, checkpoint_seconds=1000)
    assert saved == [4]


# What is refused


def test_a_run_that_is_there_is_refused_or_replaced(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(unbroken.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    with pytest.raises(InputError, match="holds a run already"):
        train_tiny(image_folder, run.path, steps=2)
    assert_same_outcome(run, unbroken)
    train_tiny(image_folder, run.path, steps=2, overwrite=True)
    assert [line["step"] for line in run.read_log()] == [2]


def test_going_on_with_other_settings_is_refused(unbroken: RunFolder, image_folder: Path) -> None:
    other = override(tiny_config(), ["warps.second.scale=0.25"])
    with pytest.raises(
        InputError, match=r"other settings \(warps.second.scale is 0.25 now and was"
    ):
        train_tiny(image_folder, unbroken.path, steps=STEPS, resume=True, config=other)
    # The same settings, given again, are no others.
    train_tiny(image_folder, unbroken.path, steps=STEPS, resume=True, config=tiny_config())


def test_going_on_with_other_images_is_refused(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(image_folder, tmp_path / "images")
    (tmp_path / "images" / "00.png").unlink()
    whole = (
        r"these are not the 12 images that .* was trained on \(1 missing one, such as 00\.png\): "
    )
    with pytest.raises(InputError, match=whole):
        train_tiny(tmp_path / "images", unbroken.path, steps=STEPS + 5, resume=True)
    shutil.copy(image_folder / "00.png", tmp_path / "images" / "x.png")
    with pytest.raises(InputError, match=r"\(1 new one, such as x\.png; 1 missing one, such as 00"):
        train_tiny(tmp_path / "images", unbroken.path, steps=STEPS + 5, resume=True)
    (tmp_path / "images" / "x.png").unlink()
    shutil.copy(image_folder / "01.png", tmp_path / "images" / "00.png")
    with pytest.raises(InputError, match=r"on \(the same names, but other contents\): give"):
        train_tiny(tmp_path / "images", unbroken.path, steps=STEPS + 5, resume=True)
    listing = tmp_path / "some.txt"
    listing.write_text("\n".join(f"images/{number:02}.png" for number in range(1, 6)))
    with pytest.raises(InputError, match=r"some\.txt: these are not the 12 images"):
        train_tiny(listing, unbroken.path, steps=STEPS + 5, resume=True)
    assert RunFolder(train_tiny(listing, tmp_path / "new", steps=1).run).record().images.name == (
        "some"
    )


def test_going_on_where_nothing_is_is_refused(image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none does not exist: expected the folder of a run"):
        train_tiny(image_folder, tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_going_on_without_the_state_is_refused(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path
) -> None:
    """Beginning again would write over weights that are good."""
    shutil.copytree(unbroken.path, tmp_path / "run")
    (tmp_path / "run" / "training_state.safetensors").unlink()
    with pytest.raises(InputError, match=r"training_state\.safetensors is missing"):
        train_tiny(image_folder, tmp_path / "run", steps=STEPS + 5, resume=True)
    assert lines_but_times(RunFolder(tmp_path / "run")) == lines_but_times(unbroken)


EXCHANGING = tiny_config(
    batch_size=6, network=TINY_NETWORK | {"descriptors": 4}, loss={"exchange_weight": 0.5}
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "--steps is 0: expected at least 1"),
        ({"minutes": 0.0}, "--minutes is 0: expected a finite number above 0"),
        ({"minutes": math.inf}, "--minutes is inf: expected a finite number above 0"),
        ({"minutes": math.nan}, "--minutes is nan: expected a finite number above 0"),
        ({"device": "abacus"}, "--device is abacus: expected auto, cpu or cuda"),
        ({"devices": 0}, "devices is 0: expected at least 1"),
        ({"devices": 3}, "batch_size 4 cannot be divided among 3 devices"),
        (
            {"devices": 2, "config": EXCHANGING},
            "gives each of 2 devices 3 pairs, but two exchange their descriptors: .* multiple of 4",
        ),
        ({"threads": 0}, "threads is 0: expected at least 1"),
        ({"evaluate_every": 0}, "evaluate_every is 0: expected at least 1"),
        ({"resume": True, "overwrite": True}, "resume and overwrite were both asked for"),
    ],
)
def test_arguments_that_cannot_be(
    image_folder: Path, tmp_path: Path, arguments: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train_tiny(image_folder, tmp_path / "run", **({"steps": 2} | arguments))
    assert not (tmp_path / "run").exists()


def test_one_image_is_not_enough(image_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    shutil.copy(image_folder / "00.png", folder)
    with pytest.raises(InputError, match="found 1 readable image, expected at least 2"):
        train_tiny(folder, tmp_path / "run", steps=2)
    assert not (tmp_path / "run").exists()


def test_unreadable_images_stop_a_run_unless_allowed(image_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(image_folder, folder)
    (folder / "a, b.jpg").write_text("not an image")
    with pytest.raises(InputError, match=r"1 of 13 images in .* cannot be read"):
        train_tiny(folder, tmp_path / "run", steps=2)
    assert not (tmp_path / "run").exists()
    result = train_tiny(folder, tmp_path / "run", steps=2, allow_unreadable=True)
    assert [name for name, _ in result.unreadable] == ["a, b.jpg"]
    assert (
        (tmp_path / "run" / "unreadable.csv").read_text().splitlines()[1].startswith('"a, b.jpg"')
    )
    assert RunFolder(result.run).record().images.unreadable == 1


# What goes wrong on the way


def poisoned(monkeypatch: pytest.MonkeyPatch, at_call: int) -> None:
    calls, objective = iter(range(1, 1000)), unsupervised_task.objective_of_batch

    def objective_or_nan(*arguments: Any) -> ObjectiveTerms:
        terms = objective(*arguments)
        factor = math.nan if next(calls) == at_call else 1.0
        return ObjectiveTerms(factor * terms.equivariance, terms.diversity)

    monkeypatch.setattr(unsupervised_task, "objective_of_batch", objective_or_nan)


def test_a_loss_that_is_no_number_leaves_the_last_checkpoint(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=10)
    before = run.weights_path.read_bytes(), run.state_path.read_bytes()
    poisoned(monkeypatch, at_call=4)
    with pytest.raises(InputError, match=r"not a number at step 14; .*learning_rate=0\.001 --over"):
        train_tiny(image_folder, run.path, steps=20, resume=True)
    assert (run.weights_path.read_bytes(), run.state_path.read_bytes()) == before
    assert all(tensor.isfinite().all() for tensor in read_tensors(run.weights_path)[0].values())
    assert [line["step"] for line in run.read_log()] == [5, 10]


def test_a_learning_rate_that_is_far_too_high(image_folder: Path, tmp_path: Path) -> None:
    config = tiny_config(optimiser={"learning_rate": 1e30})
    run = RunFolder(tmp_path / "run")
    with pytest.raises(InputError, match="the loss is not a number at step"):
        train_tiny(image_folder, run.path, config=config, steps=20, checkpoint_seconds=0)
    assert run.record().config == config
    if run.weights_path.exists():
        assert all(t.isfinite().all() for t in read_tensors(run.weights_path)[0].values())


def test_a_full_disk_at_a_checkpoint_leaves_the_last_one(
    unbroken: RunFolder, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_at(20, image_folder, tmp_path / "run", steps=STEPS)
    run = RunFolder(tmp_path / "run")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
            train_tiny(image_folder, run.path, steps=STEPS, resume=True, evaluate_every=100)
    assert read_tensors(run.state_path)[1]["step"] == 21
    train_tiny(image_folder, run.path, steps=STEPS, resume=True)
    assert_same_outcome(run, unbroken)


# Several processes


@pytest.mark.slow
def test_two_processes_stop_together(image_folder: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with started(image_folder, run.path, devices=2, steps=100_000) as process:
        wait_for(process, "step 5")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process
        process.wait(60)
    tensors, about = read_tensors(run.state_path)
    assert about["step"] >= 5
    assert tensors


def started(
    images: Path, run: Path, *, devices: int = 1, steps: int = STEPS
) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), str(images), str(run), str(steps), str(devices)]
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    for told in process.stdout:
        if told.strip() == line:
            return
    pytest.fail(f"the process ended without telling {line!r}")


def test_a_replacement_that_fails_at_once_brings_the_old_run_back(
    image_folder: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=10)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    config = tiny_config(optimiser={"learning_rate": 1e30})
    with pytest.raises(InputError, match="there is no checkpoint yet"):
        train_tiny(image_folder, run.path, config=config, steps=20, overwrite=True)
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before
    train_tiny(image_folder, run.path, config=tiny_config(seed=3), steps=5, overwrite=True)
    assert run.record().config.seed == 3
    assert [path.name for path in tmp_path.iterdir() if "run" in path.name] == ["run"]


def test_a_replacement_that_is_killed_off_before_its_first_checkpoint_brings_the_old_run_back(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first Ctrl-C asks for a checkpoint; the second does not wait for it."""
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=5)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}

    def second_ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warpmarks.training.loop.set_learning_rate", second_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(image_folder, run.path, config=tiny_config(seed=3), steps=5, overwrite=True)
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("where", ["here", "in another process"])
def test_a_replacement_that_fails_before_its_first_step_brings_the_old_run_back(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=5)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}

    def full_disk(*_: object) -> None:
        raise InputError("unreadable.csv cannot be written (No space left on device)")

    @contextmanager
    def together(processes: Processes) -> Iterator[None]:
        yield
        if run.replaced_path.is_dir():  # here all went well
            raise ToldElsewhere

    if where == "here":
        monkeypatch.setattr(RunFolder, "write_unreadable", full_disk)
    else:
        monkeypatch.setattr(Processes, "together", together)
    with pytest.raises(InputError, match=r"No space left|another process of this"):
        train_tiny(image_folder, run.path, config=tiny_config(seed=3), steps=5, overwrite=True)
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if "run" in path.name] == ["run"]


def test_a_replacement_that_cannot_be_made_leaves_what_an_earlier_one_began(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    train_tiny(image_folder, run.path, steps=5)
    begun = run.record().model_copy(update={"recipe": "stopped before its first checkpoint"})
    run.create(begun, overwrite=True)

    def full_disk(*_: object, **__: object) -> None:
        raise InputError("run cannot be written (No space left on device)")

    monkeypatch.setattr(RunFolder, "create", full_disk)
    with pytest.raises(InputError, match="No space left"):
        train_tiny(image_folder, run.path, steps=5, overwrite=True)
    assert run.record() == begun
    assert RunFolder(run.replaced_path).state_path.is_file()

import json
import shutil
import subprocess
import sys

import pytest
import torch

from warpmarks.cli.train import choose_config
from warpmarks.errors import InputError
from warpmarks.recipe_reading import load_recipe
from warpmarks.runs.folder import RunFolder


def log_steps(run):
    return [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_run_holds_detector_log_and_report(trained_run):
    there = {path.name for path in trained_run.iterdir()}
    assert {"run.json", "log.jsonl", "weights.safetensors", "report.html"} <= there
    config = json.loads((trained_run / "run.json").read_text())["config"]
    assert config["num_landmarks"] == 3
    assert config["image"]["size"] == 16
    assert config["loss"]["pooling"] == 2
    assert log_steps(trained_run) == [2]


def test_resume_needs_no_settings_and_goes_on(warpmarks, run_copy, image_folder, no_pictures):
    code, out, err = warpmarks(
        "train", image_folder, "--run", run_copy, "--resume", "--steps", 3, "--threads", 1
    )
    assert code == 0, err
    assert "3 steps" in out
    assert "moves off" in err  # the header of the table of health
    assert "report.html" in out
    assert log_steps(run_copy)[-1] == 3


def test_resume_of_a_run_that_lies_among_its_images(
    warpmarks, trained_run, image_folder, tmp_path, no_pictures
):
    images = shutil.copytree(image_folder, tmp_path / "own")
    run = shutil.copytree(trained_run, images / "run")
    (run / "pictures").mkdir()
    shutil.copy(images / "00.png", run / "pictures" / "instances.png")
    code, _, err = warpmarks(
        "train", images, "--run", run, "--resume", "--steps", 3, "--threads", 1
    )
    assert code == 0, err
    assert log_steps(run)[-1] == 3


def test_a_collapse_is_told_once_and_few_steps_first(
    warpmarks, tmp_path, image_folder, tiny, no_pictures
):
    flat = ["--set", "network.score_scale=1e-6", "--steps", 3]
    code, out, err = warpmarks("train", image_folder, "--run", tmp_path / "run", *tiny, *flat)
    assert (code, "collaps" in err) == (0, False)
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    assert problems[0].startswith("problem: 3 steps of training are few, thousands are usual: ")
    assert problems[1].startswith("problem: 3 of 3 landmarks are dead")


def test_a_profile_tells_where_the_time_went(warpmarks, run_copy, image_folder, no_pictures):
    resume = ["train", image_folder, "--run", run_copy, "--resume", "--steps", 3, "--threads", 1]
    code, out, _ = warpmarks(*resume, "--profile")
    assert code == 0
    seconds = json.loads((run_copy / "profile.json").read_text())
    stages = ["pictures and warps", "network", "objective", "backward", "optimiser"]
    assert list(seconds) == [*stages, "choice", "reference", "evaluation", "checkpoints"]
    assert all(value > 0 for value in seconds.values())
    assert "where the time went:\n  pictures and warps" in out


def test_one_process_does_without_lightning(trained_run, image_folder, tmp_path):
    program = """
import shutil, sys
from pathlib import Path
from warpmarks.datasets.image_set import find_images
from warpmarks.training import train
run = Path(sys.argv[2])
train(find_images(sys.argv[1]), run, resume=True, steps=3, threads=1, device="cpu")
assert "lightning_fabric" not in sys.modules
"""
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    command = [sys.executable, "-c", program, image_folder, run]
    subprocess.run(command, check=True, timeout=200)


def test_resume_goes_on_to_the_budget_that_the_run_has(
    warpmarks, run_copy, image_folder, no_pictures
):
    resume = ["train", image_folder, "--run", run_copy, "--resume", "--threads", 1]
    assert warpmarks(*resume)[0] == 0
    assert log_steps(run_copy) == [2]
    assert warpmarks(*resume, "--steps", 4)[0] == 0
    assert json.loads((run_copy / "run.json").read_text())["budget"]["steps"] == 4
    assert warpmarks(*resume)[0] == 0
    assert log_steps(run_copy)[-1] == 4


def test_a_dilation_that_cannot_be_mirrored(warpmarks, tmp_path, image_folder, tiny):
    settings = ["--set", "network.padding=reflect", "--set", "network.dilations=[1,1,8,1,1]"]
    run = tmp_path / "run"
    code, _, err = warpmarks("train", image_folder, "--run", run, "--steps", 2, *tiny, *settings)
    assert code == 2
    assert err.startswith("error: network.padding is reflect, but layer 3 reaches 8 cells beyond")
    assert not run.exists()


def test_an_existing_run_is_kept_without_overwrite(warpmarks, run_copy, image_folder, tiny):
    before = (run_copy / "weights.safetensors").read_bytes()
    code, _, err = warpmarks("train", image_folder, "--run", run_copy, "--steps", 2, *tiny)
    assert code == 2
    assert err == (
        f"error: {run_copy} holds a run already: go on with --resume, replace it with "
        "--overwrite, or choose another --run\n"
    )
    assert (run_copy / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize("how", ["--resume", "--overwrite"])
def test_a_run_that_is_being_trained_is_left_alone(
    warpmarks, run_copy, image_folder, tiny, no_pictures, how
):
    files = {path.name: path.read_bytes() for path in run_copy.iterdir() if path.is_file()}
    command = ["train", image_folder, "--run", run_copy, how, "--steps", 3, "--threads", 1]
    with RunFolder(run_copy).written_alone():
        code, _, err = warpmarks(*command, *tiny)
        assert code == 2
        assert err == (
            f"error: {run_copy} is being trained by another process: wait for it or stop it, or "
            "choose another --run\n"
        )
        for name, held in files.items():
            assert (run_copy / name).read_bytes() == held
    assert warpmarks(*command, *tiny)[0] == 0


def test_nobody_replaces_a_run_while_its_report_is_drawn(
    warpmarks, run_copy, image_folder, monkeypatch
):
    drawn = []

    def report(run, *_arguments, **_settings):
        with (
            pytest.raises(InputError, match="is being trained by another process"),
            RunFolder(run).written_alone(),
        ):
            pass
        drawn.append(run)
        return run / "report.html"

    monkeypatch.setattr("warpmarks.report.run_report.report_run", report)
    resume = ["train", image_folder, "--run", run_copy, "--resume", "--steps", 3, "--threads", 1]
    assert warpmarks(*resume)[0] == 0
    assert drawn == [run_copy]


def test_a_run_of_another_k_is_not_resumed(warpmarks, run_copy, image_folder):
    code, _, err = warpmarks(
        "train", image_folder, "--run", run_copy, "--resume", "--landmarks", 4, "--steps", 3
    )
    assert code == 2
    assert "num_landmarks is 4 now and was 3" in err


def test_a_recipe_that_is_not_the_resumed_runs_is_named(warpmarks, run_copy, image_folder):
    code, _, err = warpmarks(
        "train", image_folder, "--run", run_copy, "--resume", "--recipe", "paper"
    )
    assert (code, err.count("\n")) == (2, 1)
    assert f"--recipe paper was given with --resume, but {run_copy} was made with other" in err


def test_resume_without_a_run_is_refused(warpmarks, tmp_path, image_folder):
    code, _, err = warpmarks("train", image_folder, "--run", tmp_path / "none", "--resume")
    assert (code, "is no run" in err) == (2, True)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--steps", 5, "--minutes", 1], "--steps and --minutes were both given"),
        (["--resume", "--overwrite"], "--resume and --overwrite were both given"),
        (["--minutes", 0], "--minutes is 0: expected a finite number above 0"),
        (["--landmarks", 17], "--landmarks 17"),
        (["--landmarks", 0], "--landmarks is 0: expected at least 1"),
        (["--set", "warps.first.rotaton=3"], "did you mean warps.first.rotation?"),
        (["--set", "warps.first.rotation"], "expected key=value"),
        (["--set", "warps.first.rotation=400"], "warps.first.rotation"),
        (["--recipe", "defalt"], "recipe defalt: neither a file nor one of the recipes"),
        (["--split", "train"], "split.csv"),
        (["--batch-size", 3, "--devices", 2], "cannot be divided among 2 devices"),
    ],
)
def test_unusable_flags_are_told_in_one_sentence(
    warpmarks, tmp_path, image_folder, tiny, flags, sentence
):
    run = tmp_path / "run"
    code, out, err = warpmarks("train", image_folder, "--run", run, *tiny, *flags)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert out == ""
    assert not run.exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--batch-size", 0], "--batch-size"),
        (["--image-size", 7], "--image-size"),
        (["--steps", 0], "--steps"),
        (["--minutes", "nan"], "--minutes"),
        (["--devices", 0], "--devices"),
        (["--device", "gpu"], "--device"),
        (["--landmark", 3], "--landmarks"),  # a typing error, and the nearest option
    ],
)
def test_flags_out_of_range_exit_with_two(warpmarks, tmp_path, image_folder, flags, words):
    code, _, err = warpmarks("train", image_folder, "--run", tmp_path / "run", *flags)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_no_cuda_is_told_before_anything_is_made(
    warpmarks, tmp_path, image_folder, tiny, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run = tmp_path / "run"
    code, _, err = warpmarks("train", image_folder, "--run", run, *tiny, "--device", "cuda")
    assert (code, "torch sees no CUDA device" in err, run.exists()) == (2, True, False)


def test_a_loss_that_is_not_a_number_stops_the_run(warpmarks, tmp_path, image_folder, tiny):
    flags = ["--steps", 20, "--set", "optimiser.learning_rate=1e30"]
    code, _, err = warpmarks("train", image_folder, "--run", tmp_path / "run", *tiny, *flags)
    assert code == 2
    assert "the loss is not a number at step" in err
    assert "--set optimiser.learning_rate=" in err


class TestImages:
    def train(self, warpmarks, images, tmp_path, tiny, *flags):
        run = tmp_path / "run"
        code, out, err = warpmarks("train", images, "--run", run, "--steps", 2, *tiny, *flags)
        assert "Traceback" not in err
        return code, out, err, run

    def test_missing_folder(self, warpmarks, tmp_path, tiny):
        code, _, err, _ = self.train(warpmarks, tmp_path / "nowhere", tmp_path, tiny)
        assert (code, "nowhere does not exist" in err) == (2, True)

    def test_folder_without_images(self, warpmarks, tmp_path, tiny):
        (tmp_path / "empty").mkdir()
        code, _, err, run = self.train(warpmarks, tmp_path / "empty", tmp_path, tiny)
        assert (code, "holds no images" in err, run.exists()) == (2, True, False)

    def test_one_image(self, warpmarks, tmp_path, image_folder, tiny):
        (tmp_path / "one").mkdir()
        shutil.copy(image_folder / "00.png", tmp_path / "one")
        code, _, err, run = self.train(warpmarks, tmp_path / "one", tmp_path, tiny)
        assert (code, "found 1 readable image" in err, run.exists()) == (2, True, False)

    def test_unreadable_images_are_named_and_stop_the_run_unless_allowed(
        self, warpmarks, tmp_path, image_folder, tiny, monkeypatch
    ):
        shown = []
        monkeypatch.setattr(
            "warpmarks.report.run_report.report_run",
            lambda run, images, **_: shown.extend(images.names),
        )
        images = tmp_path / "images"
        shutil.copytree(image_folder, images)
        whole = (images / "03.png").read_bytes()
        (images / "03.png").write_bytes(whole[: len(whole) // 2])
        (images / "letter.jpg").write_text("Dear reader")
        code, _, err, run = self.train(warpmarks, images, tmp_path, tiny)
        assert code == 2
        assert "2 of 13 images" in err
        assert "03.png" in err
        assert "letter.jpg" in err
        assert not run.exists()

        code, out, err, run = self.train(warpmarks, images, tmp_path, tiny, "--allow-unreadable")
        assert code == 0, err
        assert "2 images could not be read and were left out:" in out
        assert [(out + err).count(name) for name in ("03.png", "letter.jpg")] == [1, 1]
        assert shown == [f"{index:02}.png" for index in range(12) if index != 3]  # told of once
        listed = (run / "unreadable.csv").read_text()
        assert "03.png" in listed
        assert "letter.jpg" in listed


def test_a_file_under_two_names_is_told_of(warpmarks, tmp_path, image_folder, tiny, no_pictures):
    images = tmp_path / "images"
    shutil.copytree(image_folder, images)
    shutil.copy(images / "03.png", images / "again.png")
    flags = ["--run", tmp_path / "run", "--steps", "1", *tiny]
    code, out, err = warpmarks("train", images, *flags)
    assert code == 0, err
    assert "1 image is the same file as another of them under another name" in out


def test_ctrl_c_ends_with_one_sentence_and_130(warpmarks, run_copy, image_folder, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("warpmarks.training.train", interrupted)
    code, _, err = warpmarks("train", image_folder, "--run", run_copy, "--resume")
    assert (code, err) == (130, "stopped; go on with the same command and --resume\n")
    (run_copy / "training_state.safetensors").unlink()
    code, _, err = warpmarks("train", image_folder, "--run", run_copy, "--resume")
    assert (code, err) == (130, "stopped\n")


def test_a_bug_keeps_its_traceback(warpmarks, run_copy, image_folder, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("warpmarks.training.train", broken)
    with pytest.raises(ZeroDivisionError):
        warpmarks("train", image_folder, "--run", run_copy, "--resume")


def test_landmarks_are_judged_on_the_map_that_the_other_flags_make():
    chosen = choose_config(
        None, recipe="default", settings=["image.size=16", "loss.pooling=4"], landmarks=4
    )
    assert chosen.num_landmarks == 4  # the recipe's 10 would not fit
    with pytest.raises(InputError, match="--landmarks 5: num_landmarks is 5, but a view of 16 px"):
        choose_config(
            None, recipe="default", settings=["image.size=16", "loss.pooling=4"], landmarks=5
        )


def test_a_resumed_run_keeps_its_settings_unless_a_recipe_is_named():
    run = load_recipe("default").model_copy(update={"seed": 7})
    assert choose_config(run, recipe=None, settings=[], landmarks=None) == run
    named = choose_config(run, recipe="paper", settings=[], landmarks=None)
    assert named == load_recipe("paper")


@pytest.fixture
def no_gpu_memory() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_without_memory_what_was_trained_is_kept(
    warpmarks, image_folder, tmp_path, tiny, monkeypatch, no_pictures, no_gpu_memory
):
    run = tmp_path / "run"
    flags = ("train", image_folder, "--run", run, *tiny)
    assert warpmarks(*flags, "--steps", 1)[0] == 0

    def fail(*_: object, **__: object) -> None:
        raise no_gpu_memory

    monkeypatch.setattr("warpmarks.training.loop.TrainingLoop.run", fail)
    code, _, err = warpmarks("train", image_folder, "--run", run, "--resume", "--steps", 2)
    assert code == 2
    assert err.endswith(
        "error: the GPU has no memory left (the last checkpoint is kept; --resume goes on, with "
        "the same settings): lower --batch-size or --image-size, use --device cpu or end other "
        "programs that use it\n"
    )


def test_the_report_is_drawn_where_it_was_trained(
    warpmarks, image_folder, tmp_path, tiny, monkeypatch, no_gpu_memory
):
    """A GPU that has no memory for it does not make a training look as if it had failed."""
    devices = []

    def fail(*_: object, device: str, **__: object) -> None:
        devices.append(device)
        raise no_gpu_memory

    monkeypatch.setattr("warpmarks.report.run_report.Detector.load", fail)
    flags = ("train", image_folder, "--run", tmp_path / "run", "--steps", 1, *tiny)
    code, _, err = warpmarks(*flags, "--device", "cpu")
    assert (code, devices) == (0, ["cpu"])
    told = "training is complete, but the GPU has no memory left: draw the pictures with warpmarks"
    assert told in " ".join(err.split())


def test_each_verb_that_trains_draws_curves_if_asked(
    warpmarks, tmp_path, trained_run, image_folder, annotated_folder, tiny, no_pictures
):
    small = [flag for flag in tiny if flag not in {"--landmarks", "3"}]
    for number, command in enumerate(
        (
            ["train", image_folder, *tiny],
            ["finetune", trained_run, image_folder, "--threads", 1],
            ["supervise", annotated_folder, *small],
        )
    ):
        run = tmp_path / str(number)
        code, _, err = warpmarks(*command, "--run", run, "--steps", 1, "--tensorboard")
        assert code == 0, err
        assert len(list((run / "tensorboard").iterdir())) == 1


def test_curves_without_tensorboard(warpmarks, tmp_path, image_folder, tiny, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    run = tmp_path / "run"
    code, _, err = warpmarks("train", image_folder, "--run", run, *tiny, "--tensorboard")
    assert (code, run.exists()) == (2, False)
    assert err == (
        "error: --tensorboard needs TensorBoard, which is not installed: "
        "pip install 'warpmarks[tensorboard]'\n"
    )

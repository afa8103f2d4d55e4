import json
import shutil

import pytest


@pytest.fixture
def finetune(warpmarks, trained_run, image_folder, no_pictures):
    """Runs `warpmarks finetune` on the trained run with flags."""

    def run(*flags, source=trained_run, images=image_folder):
        return warpmarks("finetune", source, images, "--threads", 1, *flags)

    return run


def test_a_run_is_adapted_and_goes_on_without_its_source(
    finetune, tmp_path, trained_run, image_folder
):
    source = shutil.copytree(trained_run, tmp_path / "source")
    code, out, err = finetune("--run", tmp_path / "run", "--steps", 2, source=source)
    assert code == 0, err
    assert "2 steps" in out
    assert "report.html" in out
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["source"]["name"], record["source"]["steps"]) == ("source", 2)
    assert record["config"]["num_landmarks"] == 3
    assert record["config"]["optimiser"]["learning_rate"] == pytest.approx(0.3 * 3e-3)
    shutil.rmtree(source)
    code, out, err = finetune("--run", tmp_path / "run", "--steps", 3, "--resume", source=source)
    assert code == 0, err
    assert "3 steps" in out


def test_settings_can_be_changed_but_the_network(finetune, tmp_path):
    flags = [
        "--learning-rate",
        0.01,
        "--seed",
        4,
        "--batch-size",
        4,
        "--set",
        "warps.first.scale=0",
    ]
    assert finetune("--run", tmp_path / "run", "--steps", 1, *flags)[0] == 0
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert config["optimiser"]["learning_rate"] == 0.01
    assert (config["seed"], config["batch_size"]) == (4, 4)
    assert config["warps"]["first"]["scale"] == 0
    code, _, err = finetune("--run", tmp_path / "two", "--set", "num_landmarks=2")
    assert (code, "has another network (num_landmarks is 2 now and was 3)" in err) == (2, True)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--steps", 5, "--minutes", 1], "--steps and --minutes were both given"),
        (["--resume", "--overwrite"], "--resume and --overwrite were both given"),
        (["--resume"], "is no run: there is nothing to go on with, leave --resume out"),
        (["--minutes", 0], "--minutes is 0: expected a finite number above 0"),
        (["--learning-rate", 0], "--learning-rate is 0: expected a finite number above 0"),
        (["--set", "warps.first.rotaton=3"], "did you mean warps.first.rotation?"),
        (["--split", "train"], "split.csv"),
        (["--batch-size", 3, "--devices", 2], "cannot be divided among 2 devices"),
    ],
)
def test_unusable_flags_are_told_in_one_sentence(finetune, tmp_path, flags, sentence):
    code, out, err = finetune("--run", tmp_path / "run", *flags)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert not (tmp_path / "run").exists()


def test_unusable_runs_and_images(finetune, tmp_path, run_copy, image_folder):
    def told(*flags, **arguments):
        code, _, err = finetune(*flags, **arguments)
        assert code == 2
        assert err.count("\n") == 1
        return err

    new = ["--run", tmp_path / "new", "--steps", 1]
    assert "none does not exist" in told(*new, source=tmp_path / "none")
    assert "does not exist" in told(*new, images=tmp_path / "none")
    assert "choose another folder" in told("--run", run_copy, "--overwrite", source=run_copy)
    assert "holds a run already" in told("--run", run_copy)
    (run_copy / "weights.safetensors").write_bytes(b"damaged")
    assert "weights.safetensors is damaged" in told(*new, source=run_copy)
    assert not (tmp_path / "new").exists()

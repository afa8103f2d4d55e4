import csv
import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from warpmarks.detectors.detector import Detector


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_file_holds_what_the_detector_finds_in_pixels(
    warpmarks, trained_run, image_folder, tmp_path
):
    output = tmp_path / "landmarks.csv"
    code, out, err = warpmarks("detect", trained_run, image_folder, "--output", output, "--scores")
    assert code == 0, err
    assert out == f"{output}: 3 landmarks on 12 images\n"
    header, *rows = read(output)
    assert header == ["image", "x1", "y1", "x2", "y2", "x3", "y3", "score1", "score2", "score3"]
    assert [row[0] for row in rows] == [f"{index:02}.png" for index in range(12)]
    found = Detector.load(trained_run)(image_folder / "07.png")
    assert np.array(rows[7][1:7], float).reshape(3, 2) == pytest.approx(found.landmarks, abs=1e-3)
    assert np.array(rows[7][7:], float) == pytest.approx(found.scores, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cats.pt2", "or an .onnx file; a .pt2 file is for torch.export.load\n"),
        ("cats.txt", "or an .onnx file\n"),
    ],
)
def test_a_file_that_is_not_exported_as_onnx_is_no_detector(
    warpmarks, image_folder, tmp_path, name, told
):
    (tmp_path / name).write_text("")
    output = tmp_path / "landmarks.csv"
    code, _, err = warpmarks("detect", tmp_path / name, image_folder, "--output", output)
    assert code == 2
    assert err.endswith(f"{name} is a file: expected the folder of a run, {told}")


def test_scores_are_left_out_by_default(warpmarks, trained_run, image_folder, tmp_path):
    output = tmp_path / "landmarks.csv"
    assert warpmarks("detect", trained_run, image_folder, "--output", output)[0] == 0
    assert {len(row) for row in read(output)} == {7}


def test_scores_far_below_the_usual_ones_are_told_of(warpmarks, run_copy, image_folder, tmp_path):
    def told() -> str:
        flags = ["--output", tmp_path / "landmarks.csv", "--overwrite"]
        code, _, err = warpmarks("detect", run_copy, image_folder, *flags)
        assert code == 0
        return err

    assert told() == ""
    found = Detector.load(run_copy)([image_folder / f"{index:02}.png" for index in range(12)])
    mean = found.scores.mean()
    log = run_copy / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for usual, words in (
        (1.8 * mean, f"the mean score is {mean:.2f}, where the"),
        (1.5 * mean, ""),
    ):
        lines[-1]["mean_concentration"] = usual
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert (words in told()) if words else told() == ""
    log.unlink()
    assert told() == ""


def test_unreadable_images_are_left_out_and_named(warpmarks, trained_run, image_folder, tmp_path):
    listed = tmp_path / "list.txt"
    (tmp_path / "letter.jpg").write_text("Dear reader")
    listed.write_text(f"{image_folder / '04.png'}\nletter.jpg\n")
    output = tmp_path / "landmarks.csv"
    code, _, err = warpmarks("detect", trained_run, listed, "--output", output)
    assert code == 2
    assert "1 of 2 images cannot be read" in err
    assert not output.exists()
    code, out, err = warpmarks(
        "detect", trained_run, listed, "--output", output, "--allow-unreadable"
    )
    assert (code, out) == (0, f"{output}: 3 landmarks on 1 image\n")
    assert "1 image could not be read and was left out:\n  letter.jpg: " in err
    assert len(read(output)) == 2


def test_photographs_that_are_not_read_are_told_of(warpmarks, trained_run, image_folder, tmp_path):
    images = shutil.copytree(image_folder, tmp_path / "images")
    (images / "a.heic").touch()
    code, _, err = warpmarks("detect", trained_run, images, "--output", tmp_path / "l.csv")
    assert code == 0
    assert f"{images} also holds 1 .heic file, left out as unreadable" in err


def test_what_is_advised_on_unreadable_images_works(warpmarks, trained_run, image_folder, tmp_path):
    images = shutil.copytree(image_folder, tmp_path / "images")
    (images / "letter.jpg").write_text("Dear reader")
    output = tmp_path / "landmarks.csv"
    arguments = ("detect", trained_run, images, "--output", output, "--batch-size", 5)
    code, _, err = warpmarks(*arguments)
    assert (code, output.with_name("landmarks.csv.part").exists()) == (2, True)
    assert err.endswith("or go on without them with --allow-unreadable --resume\n")
    code, out, err = warpmarks(*arguments, *err.split()[-2:])
    assert (code, out) == (0, f"{output}: 3 landmarks on 12 images\n")
    assert "1 image could not be read and was left out" in err
    output.unlink()
    (images / "letter.jpg").rename(images / "00.a.jpg")
    code, _, err = warpmarks(*arguments, "--batch-size", 20)
    assert (code, output.with_name("landmarks.csv.part").exists()) == (2, False)
    assert err.endswith("or go on without them with --allow-unreadable\n")


def test_no_readable_image_writes_no_file(warpmarks, trained_run, tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear reader")
    output = tmp_path / "landmarks.csv"
    code, _, err = warpmarks(
        "detect", trained_run, tmp_path, "--output", output, "--allow-unreadable"
    )
    assert (code, output.exists()) == (2, False)
    assert "none of its images (1 image) can be read" in err


@pytest.mark.parametrize("written", ["00.csv", "list.csv", "landmarks.csv"])
def test_what_is_read_is_not_written_over(warpmarks, trained_run, image_folder, tmp_path, written):
    own = tmp_path / "set"
    shutil.copytree(image_folder, own / "images")
    (own / "landmarks.csv").write_text("image,x1,y1\n00.png,3,4\n")
    shutil.copy(image_folder / "00.png", own / "00.csv")
    listed = own / "list.csv"
    listed.write_text("images/00.png\n00.csv\n")
    images = own if written == "landmarks.csv" else listed
    output = own / written
    before = output.read_bytes()
    code, _, err = warpmarks("detect", trained_run, images, "--output", output, "--overwrite")
    assert (code, err) == (
        2,
        f"error: --output {output} is one of the files that are read: choose another name\n",
    )
    assert output.read_bytes() == before


def test_an_existing_file_is_kept_without_overwrite(warpmarks, trained_run, image_folder, tmp_path):
    output = tmp_path / "landmarks.csv"
    output.write_text("precious")
    code, _, err = warpmarks("detect", trained_run, image_folder, "--output", output)
    assert (code, output.read_text()) == (2, "precious")
    assert err == (
        f"error: --output {output} exists: choose another name or replace it with --overwrite\n"
    )
    code, _, _ = warpmarks("detect", trained_run, image_folder, "--output", output, "--overwrite")
    assert (code, len(read(output))) == (0, 13)


@pytest.fixture
def stop_at_second(monkeypatch):
    """Once called, Ctrl-C is pressed at the second search; it gives each one's images."""
    search, calls = Detector.search, []

    def stopped(self, pictures):
        calls.append(len(pictures))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return search(self, pictures)

    def begin():
        monkeypatch.setattr(Detector, "search", stopped)
        return calls

    return begin


@pytest.fixture
def detection(warpmarks, trained_run, image_folder, tmp_path):
    """Arguments of a detection in batches of five, its file, and what is in it in the end."""
    output = tmp_path / "landmarks.csv"
    arguments = ("detect", trained_run, image_folder, "--output", output, "--batch-size", 5)
    assert warpmarks(*arguments)[0] == 0
    return arguments, output, output.read_bytes()


def test_a_stopped_detection_is_gone_on_with(warpmarks, detection, stop_at_second):
    arguments, output, unbroken = detection
    output.unlink()
    calls = stop_at_second()
    code, _, err = warpmarks(*arguments)
    assert (code, output.exists()) == (130, False)
    assert "stopped; go on with the same command and --resume" in err
    code, _, err = warpmarks(*arguments, "--resume", "--overwrite")
    assert (code, "--resume and --overwrite were both given" in err) == (2, True)
    code, _, err = warpmarks(*arguments, "--resume", "--copies", 2)
    other = f"{output}.part was made by another detector or with other copies: repeat the command"
    assert (code, other in err) == (2, True)
    code, out, _ = warpmarks(*arguments, "--resume")
    assert (code, out) == (0, f"{output}: 3 landmarks on 12 images\n")
    assert calls == [5, 5, 5, 2]
    assert output.read_bytes() == unbroken
    code, _, err = warpmarks(*arguments, "--resume")
    assert (code, f"{output} is whole and there is no {output}.part to go on from" in err) == (
        2,
        True,
    )
    assert output.read_bytes() == unbroken


def test_a_stopped_detection_that_is_to_replace_a_file_is_gone_on_with(
    warpmarks, detection, stop_at_second
):
    arguments, output, unbroken = detection
    output.write_text("of before")
    calls = stop_at_second()
    assert warpmarks(*arguments, "--overwrite")[0] == 130
    assert output.read_text() == "of before"
    assert warpmarks(*arguments, "--resume")[0] == 0
    assert (calls, output.read_bytes()) == ([5, 5, 5, 2], unbroken)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [("", "is a folder: expected the name of a file"), ("no/such/l.csv", "there is no folder")],
)
def test_a_place_that_cannot_be_written(
    warpmarks, trained_run, image_folder, tmp_path, output, sentence
):
    code, _, err = warpmarks("detect", trained_run, image_folder, "--output", tmp_path / output)
    assert (code, sentence in err) == (2, True)


@pytest.mark.parametrize("name", ["q.json", "x.tps", "x.xlsx", "x"])
def test_only_a_name_of_a_csv_file_is_taken(
    warpmarks, trained_run, image_folder, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Detector, "load", None)  # nothing is done before
    code, _, err = warpmarks("detect", trained_run, image_folder, "--output", name)
    assert (code, err) == (
        2,
        f"error: --output is {name}: expected a name that ends in .csv, of which `warpmarks "
        "convert` makes other formats\n",
    )
    assert not list(tmp_path.iterdir())


def test_a_list_from_stdin_to_stdout(warpmarks, trained_run, image_folder, tmp_path, monkeypatch):
    file = tmp_path / "l.csv"
    assert warpmarks("detect", trained_run, image_folder, "--output", file)[0] == 0
    header, *lines = file.read_text().splitlines()
    file.unlink()
    (tmp_path / "sub").symlink_to(image_folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"sub/07.png\nsub/02.png\n")))
    code, out, err = warpmarks("detect", trained_run, "-", "--output", "-")
    assert (code, err) == (0, "3 landmarks on 2 images\n")
    assert out.splitlines() == [header, *(f"sub/{lines[index]}" for index in (2, 7))]
    assert [path.name for path in tmp_path.iterdir()] == ["sub"]


def test_a_list_from_stdin_has_no_splits(warpmarks, trained_run, tmp_path):
    output = tmp_path / "l.csv"
    code, _, err = warpmarks("detect", trained_run, "-", "--split", "val", "--output", output)
    assert (code, "--split val was given, but - is a list of images" in err) == (2, True)


def test_what_stdout_cannot_have(warpmarks, trained_run, image_folder, tmp_path):
    code, _, err = warpmarks("detect", trained_run, image_folder, "--output", "-", "--resume")
    assert (code, "--output - leaves nothing to go on from: name a file" in err) == (2, True)
    code, _, err = warpmarks("detect", trained_run, "clip.mp4", "--output", "-")
    assert (code, "--output - is for images: name a .csv file" in err) == (2, True)
    images = shutil.copytree(image_folder, tmp_path / "images")
    (images / "letter.jpg").write_text("Dear reader")
    arguments = ("detect", trained_run, images, "--output", "-", "--batch-size", 5)
    code, out, err = warpmarks(*arguments)
    assert (code, out) == (2, "")
    assert err.endswith("or go on without them with --allow-unreadable\n")


def test_a_reader_that_has_enough_is_no_error(trained_run, image_folder):
    code = (
        "import os, sys; from warpmarks.__main__ import main; reading, writing = os.pipe()\n"
        "os.close(reading); os.dup2(writing, 1)\n"
        f"sys.argv[1:] = ['detect', {str(trained_run)!r}, {str(image_folder)!r}, '--output', '-']\n"
        "sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"3 landmarks on 12 images\n")


def test_a_name_in_upper_case_is_of_a_csv_file(warpmarks, trained_run, image_folder, tmp_path):
    output = tmp_path / "L.CSV"
    assert warpmarks("detect", trained_run, image_folder, "--output", output)[0] == 0
    assert len(read(output)) == 13


def test_a_folder_that_is_no_run(warpmarks, image_folder, tmp_path):
    code, _, err = warpmarks("detect", image_folder, image_folder, "--output", tmp_path / "l.csv")
    assert (code, "is no run" in err) == (2, True)


def damage_weights(run):
    path = run / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def lose_weights(run):
    (run / "weights.safetensors").unlink()


def bring_other_weights(run):
    record = json.loads((run / "run.json").read_text())
    record["config"]["num_landmarks"] = 4
    (run / "run.json").write_text(json.dumps(record))


def bring_foreign_weights(run):
    import torch
    from safetensors.torch import save_file

    save_file({"layer.weight": torch.zeros(2, 3)}, run / "weights.safetensors")


def damage_record(run):
    (run / "run.json").write_text('{"format": 1, "config": ')


def come_from_the_future(run):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"format": 99}))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (damage_weights, "weights.safetensors is damaged"),
        (lose_weights, "weights.safetensors is missing"),
        (bring_other_weights, "belongs to another network"),
        (bring_foreign_weights, "is a foreign weights file"),
        (damage_record, "run.json is damaged"),
        (come_from_the_future, "upgrade warpmarks"),
    ],
)
def test_a_run_that_cannot_be_used(warpmarks, run_copy, image_folder, tmp_path, harm, sentence):
    harm(run_copy)
    output = tmp_path / "l.csv"
    code, _, err = warpmarks("detect", run_copy, image_folder, "--output", output)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert not output.exists()


def test_no_cuda(warpmarks, trained_run, image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    output = tmp_path / "l.csv"
    code, _, err = warpmarks(
        "detect", trained_run, image_folder, "--output", output, "--device", "cuda"
    )
    assert (code, "--device is cuda" in err) == (2, True)

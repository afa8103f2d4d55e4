import shutil

from warpmarks.datasets.image_set import find_images
from warpmarks.report.stored import StoredContent, save_content


def test_pictures_and_report_are_written_where_they_were_asked_for(
    warpmarks, trained_run, image_folder, tmp_path
):
    images = shutil.copytree(image_folder, tmp_path / "own")
    output, empty = images / "shown", images / "empty.png"
    empty.touch()
    code, out, err = warpmarks(
        "show", trained_run, images, "--output", output, "--allow-unreadable"
    )
    assert code == 0, err
    assert f"left out: {empty} cannot be read as an image: the file is empty\n" in err
    empty.unlink()
    assert str(output / "report.html") in out
    drawn = {path.name for path in (output / "pictures").iterdir()}
    assert {"deformations.png", "instances.png", "patches.png"} <= drawn
    page = (output / "report.html").read_text()
    assert f"<h1>{trained_run.name} on own</h1>" in page
    assert "Images shown" in page
    assert find_images(images).names == find_images(image_folder).names


def test_many_unreadable_images_stop_it_unless_allowed_as_they_stop_detect(
    warpmarks, trained_run, image_folder, tmp_path
):
    images = tmp_path / "images"
    for copy in range(4):
        shutil.copytree(image_folder, images / str(copy))
    output = tmp_path / "shown"
    (images / "1" / "bad.png").touch()
    (images / "1" / "none.png").touch()
    code, _, err = warpmarks("show", trained_run, images, "--output", output)
    assert code == 0, err
    assert err.count("left out: ") == 2  # of 50
    (images / "1" / "third.png").touch()
    code, _, told = warpmarks("show", trained_run, images, "--output", tmp_path / "again")
    assert (code, (tmp_path / "again").exists()) == (2, False)
    assert f"error: {images}: 3 of 51 images cannot be read, for instance 1/" in told
    assert told.endswith("or go on without them with --allow-unreadable\n")
    detected = warpmarks("detect", trained_run, images, "--output", tmp_path / "points.csv")
    assert (detected[0], "3 of 51 images cannot be read" in detected[2]) == (2, True)
    command = ("show", trained_run, images, "--output", tmp_path / "again")
    assert warpmarks(*command, "--allow-unreadable")[0] == 0


def test_the_report_knows_why_training_ended(warpmarks, run_copy, image_folder, tmp_path):
    (run_copy / "pictures").mkdir()
    save_content(run_copy / "pictures", StoredContent("its budget was used up", ("Try this.",)))
    code, _, err = warpmarks("show", run_copy, image_folder, "--output", tmp_path / "shown")
    assert code == 0, err
    page = (tmp_path / "shown" / "report.html").read_text()
    assert "its budget was used up" in page
    assert "Try this." in page
    assert "as far as the run has come" not in page


def test_a_folder_with_something_in_it_is_kept_without_overwrite(
    warpmarks, trained_run, image_folder, tmp_path
):
    (tmp_path / "precious.txt").write_text("precious")
    code, _, err = warpmarks("show", trained_run, image_folder, "--output", tmp_path)
    assert (code, f"--output {tmp_path} is not empty" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_what_was_stopped_leaves_nothing_and_can_be_begun_again(
    warpmarks, trained_run, image_folder, tmp_path, monkeypatch
):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    output = tmp_path / "shown"
    command = ("show", trained_run, image_folder, "--output", output)
    with monkeypatch.context() as patch:
        patch.setattr("warpmarks.report.run_report.save_content", interrupt)
        assert warpmarks(*command)[0] == 130
    assert list(tmp_path.iterdir()) == []
    (output / ".report.killed").mkdir(parents=True)
    code, _, err = warpmarks(*command)
    assert code == 0, err
    seen = {path.name for path in output.iterdir()} - {".report.killed"}
    assert seen == {"pictures", "report.html"}


def test_what_has_another_name_stays_with_overwrite(warpmarks, trained_run, image_folder, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "precious.png").write_text("precious")
    (tmp_path / "pictures" / "instances.png").write_text("old")
    (tmp_path / "report.html").write_text("old")
    command = ("show", trained_run, image_folder, "--output", tmp_path, "--overwrite")
    code, _, err = warpmarks(*command)
    assert code == 0, err
    assert (tmp_path / "pictures" / "precious.png").read_text() == "precious"
    assert (tmp_path / "pictures" / "instances.png").stat().st_size > 1000
    assert "<html" in (tmp_path / "report.html").read_text()


def test_a_file_is_no_folder(warpmarks, trained_run, image_folder, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = warpmarks("show", trained_run, image_folder, "--output", tmp_path / "file")
    assert (code, "is a file: expected the name of a folder" in err) == (2, True)

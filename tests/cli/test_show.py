import shutil

from warpmarks.datasets.image_set import find_images


def test_pictures_and_report_are_written_where_they_were_asked_for(
    warpmarks, trained_run, image_folder, tmp_path
):
    images = shutil.copytree(image_folder, tmp_path / "own")
    output = images / "shown"
    code, out, err = warpmarks("show", trained_run, images, "--output", output)
    assert code == 0, err
    assert str(output / "report.html") in out
    drawn = {path.name for path in (output / "pictures").iterdir()}
    assert {"deformations.png", "instances.png", "patches.png"} <= drawn
    assert "<html" in (output / "report.html").read_text()
    assert find_images(images).names == find_images(image_folder).names


def test_a_folder_with_something_in_it_is_kept_without_overwrite(
    warpmarks, trained_run, image_folder, tmp_path
):
    (tmp_path / "precious.txt").write_text("precious")
    code, _, err = warpmarks("show", trained_run, image_folder, "--output", tmp_path)
    assert (code, f"--output {tmp_path} is not empty" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_file_is_no_folder(warpmarks, trained_run, image_folder, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = warpmarks("show", trained_run, image_folder, "--output", tmp_path / "file")
    assert (code, "is a file: expected the name of a folder" in err) == (2, True)

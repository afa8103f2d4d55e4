import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from warpmarks.annotator.store import Project
from warpmarks.errors import InputError


def start(run: Path, images: Path, *flags: object) -> tuple[subprocess.Popen, str]:
    """A server in a process of its own, and its address."""
    command = [sys.executable, "-m", "warpmarks", "annotate", run, images, "--no-browser", *flags]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if not address:
        raise AssertionError(process.communicate()[1])
    return process, address


def end(process: subprocess.Popen, how: int) -> str:
    process.send_signal(how)
    return process.communicate(timeout=60)[1]


def test_a_page_goes_on_after_the_server_was_killed_and_started_again(
    trained_run, image_folder, tmp_path
):
    project = tmp_path / "project"
    flags = ("--points", "left eye, nose", "--project", project, "--threads", 1)
    process, address = start(trained_run, image_folder, *flags, "--port", 0)
    base, token = address.split("/?token=")
    port = base.rpartition(":")[2]
    body = {"base_version": 0, "points": [{"x": 3.5, "y": 4.0}, None]}
    with httpx.Client(base_url=base, headers={"x-warpmarks": "1"}, timeout=60) as tab:
        assert tab.get("/api/project").status_code == 403
        assert tab.get("/", params={"token": token}).status_code == 303
        assert tab.put("/api/images/4/points", json=body).json()["version"] == 1
        end(process, signal.SIGKILL)
        process, again = start(trained_run, image_folder, *flags, "--port", port)
        assert again == address
        told = tab.get("/api/images/4").json()
        assert told["points"] == [{"x": 3.5, "y": 4.0, "visible": True}, None]
        assert tab.post("/api/undo", json={}).json()["image_id"] == 4
        with pytest.raises(InputError, match="is open in another"):
            Project(project, image_folder)
    err = end(process, signal.SIGINT)
    assert process.returncode == 0
    assert f"{project}: saved" in err
    assert "Traceback" not in err
    Project(project, image_folder).close()


def test_an_image_that_breaks_off_is_named_in_the_terminal(trained_run, image_folder, tmp_path):
    folder = shutil.copytree(image_folder, tmp_path / "pictures")
    content = (folder / "03.png").read_bytes()
    (folder / "03.png").write_bytes(content[:200])
    process, _ = start(trained_run, folder, "--project", tmp_path / "project", "--threads", 1)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert "1 image could not be read and was left out:\n" in lines
    assert next(lines).startswith("  03.png: ")
    end(process, signal.SIGINT)


def test_what_is_wrong_is_said_before_anything_is_made(
    warpmarks, trained_run, image_folder, tmp_path
):
    project = tmp_path / "project"
    common = ("--project", project, "--no-browser")
    for flags, message in [
        (("--points", "a,A"), "same name"),
        (("--points", "a,"), "empty name"),
        (("--points", "nothing.json"), "nothing.json"),
        (("--host", "no.such.address.invalid"), "cannot listen"),
    ]:
        code, _, err = warpmarks("annotate", trained_run, image_folder, *common, *flags)
        assert (code, message in err, "Traceback" in err) == (2, True, False), err
        assert not project.exists()
    code, _, err = warpmarks("annotate", tmp_path, image_folder, *common)
    assert (code, "no run" in err) == (2, True)
    (tmp_path / "clip.mp4").write_bytes(b"\0")
    code, _, err = warpmarks("annotate", trained_run, tmp_path / "clip.mp4", *common)
    assert (code, "clip.mp4 is a video, and annotate takes images: take some" in err) == (2, True)
    (tmp_path / "films").mkdir()
    (tmp_path / "clip.mp4").rename(tmp_path / "films" / "clip.mp4")
    code, _, err = warpmarks("annotate", trained_run, tmp_path / "films", *common)
    assert (code, "films holds 1 video and no images: take some frames" in err) == (2, True)
    project.mkdir()
    (project / "thesis.txt").touch()
    code, _, err = warpmarks("annotate", trained_run, image_folder, *common)
    assert (code, "no annotation project" in err) == (2, True)


def test_a_project_stands_for_its_images(warpmarks, trained_run, image_folder, tmp_path):
    from warpmarks.annotator.new_scheme import starting_scheme

    Project(tmp_path / "project", image_folder, starting_scheme("a,b")).close()
    recorded = (tmp_path / "project" / "project.json").read_text()
    output = tmp_path / "landmarks.csv"
    code, out, err = warpmarks("detect", trained_run, tmp_path / "project", "--output", output)
    assert (code, out) == (0, f"{output}: 3 landmarks on 12 images\n"), err
    flags = ("--project", tmp_path / "project", "--threads", 1, "--port", 0)
    process, address = start(trained_run, tmp_path / "project", *flags)
    assert httpx.get(address, timeout=60).status_code == 303  # before, nobody heeds signals
    assert "12 images" in end(process, signal.SIGINT)
    assert (tmp_path / "project" / "project.json").read_text() == recorded


def test_a_project_is_begun_with_a_table_and_gone_on_with(
    warpmarks, trained_run, image_folder, tmp_path
):
    table = tmp_path / "set" / "landmarks.csv"
    table.parent.mkdir()
    table.write_text("image,x1,y1,x2,y2\n02.png,3.5,4,20,9\n")
    project = tmp_path / "project"
    flags = ("--project", project, "--threads", 1, "--port", 0, "--from", table.parent)
    process, address = start(trained_run, image_folder, *flags)
    base, token = address.split("/?token=")
    with httpx.Client(base_url=base, timeout=60) as tab:
        tab.get("/", params={"token": token})
        told = tab.get("/api/images/2").json()
    end(process, signal.SIGINT)
    assert told["points"][1] == {"x": 20, "y": 9, "visible": True}
    code, _, err = warpmarks("annotate", trained_run, image_folder, *flags, "--no-browser")
    assert (code, "is one already: leave --from away to go on with it" in err) == (2, True)
    here = ("--project", table.parent, "--no-browser")
    code, _, err = warpmarks("annotate", trained_run, image_folder, *here)
    assert (code, f"begin it with these points by --from {table.parent}" in err) == (2, True)
    table.write_text("image,x1,y1,x2,y2\n02.png,3.5,4,20,900\n")
    other = ("--project", tmp_path / "other", "--no-browser", "--from", table)
    code, _, err = warpmarks("annotate", trained_run, image_folder, *other)
    assert (code, "1 point is far outside of its image" in err) == (2, True)
    assert not (tmp_path / "other").exists()


def test_photographs_of_a_table_that_exif_turns_are_told_of(trained_run, image_folder, tmp_path):
    """tpsDig shows them as they are stored."""
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("01.png", "02.png"):
        with Image.open(image_folder / name) as image:
            image.save(photos / name, **({"exif": exif} if name == "02.png" else {}))
    (tmp_path / "t.tps").write_text("LM=1\n5 6\nIMAGE=01.png\nLM=1\n7 8\nIMAGE=02.png\n")
    flags = ("--project", tmp_path / "new", "--threads", 1, "--port", 0)
    process, address = start(trained_run, photos, *flags, "--from", tmp_path / "t.tps")
    assert httpx.get(address, timeout=60).status_code == 303
    err = end(process, signal.SIGINT)
    assert "1 photograph is turned by EXIF, such as 02.png: its points are taken to be" in err
    assert "`warpmarks convert t.tps SET --to warpmarks --images IMAGES --as-stored`" in err


def test_other_points_than_the_projects_are_refused(warpmarks, trained_run, image_folder, tmp_path):
    from warpmarks.annotator.new_scheme import starting_scheme

    Project(tmp_path / "project", image_folder, starting_scheme("a,b")).close()
    flags = ("--project", tmp_path / "project", "--no-browser", "--points", "a,c")
    code, _, err = warpmarks("annotate", trained_run, image_folder, *flags)
    assert (code, "which has a, b" in err) == (2, True)


def test_without_the_web_libraries_it_says_what_to_install(warpmarks, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, err = warpmarks("annotate", tmp_path, tmp_path)
    assert (code, "pip install 'warpmarks[serve]'" in err) == (2, True)

import json
from dataclasses import replace

import pytest
from PIL import Image

from tiny_runs import tiny_record
from warpmarks.datasets.image_set import ImageSet
from warpmarks.detectors.detector import Detector
from warpmarks.report import run_report
from warpmarks.report.content import Picture, Section, ShownImages
from warpmarks.report.evaluation import evaluation_sections
from warpmarks.report.regressor import regressor_sections
from warpmarks.report.stored import StoredContent, read_content, save_content
from warpmarks.runs.weights import build_network

SCORE = {
    "error_percent": 10.523,
    "interval_percent": [10.12, 10.99],
    "threshold_percent": 10.0,
    "area_under_curve": 0.173,
    "failure_rate": 0.364,
}
RECORD = {
    "detector": "0123",
    "set": "faces val",
    "images": 1501,
    "points": ["left eye", "right eye"],
    "normaliser_words": "the inter-ocular distance",
    "regressor": "fitted on 20 images",
    "caution": None,
    "landmarks": SCORE,
    "mean_shape": SCORE | {"error_percent": 23.64},
    "forward_backward": {"forward_percent": 10.5, "backward_percent": 8.5},
    "error_percent_by_score": [18.25, 9.0, 7.0, 5.125],
}


@pytest.fixture
def content(tmp_path):
    pictures = []
    for name in ("a", "b"):
        Image.new("RGB", (4, 3)).save(tmp_path / f"{name}.png")
        Image.new("RGB", (4, 3)).save(tmp_path / f"{name}_dark.png")
        dark = tmp_path / f"{name}_dark.png" if name == "b" else None
        pictures.append(Picture(name, f"caption “{name}”", tmp_path / f"{name}.png", dark, "alt"))
    sections = (
        Section("One", "first", (pictures[0],)),
        Section("Two", "", (pictures[1],), narrow=True),
    )
    return StoredContent(
        "it has converged", ("train longer",), sections, ShownImages("dogs", 300, 96)
    )


def test_what_a_report_said_comes_back(tmp_path, content):
    save_content(tmp_path, content)
    assert read_content(tmp_path) == content


def test_it_can_be_moved(tmp_path, content):
    save_content(tmp_path, content)
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    found = read_content(moved)
    assert found.sections[1].pictures[0].path_for_dark == moved / "b_dark.png"


def test_sections_whose_pictures_are_gone_are_left_out(tmp_path, content):
    save_content(tmp_path, content)
    (tmp_path / "b_dark.png").unlink()
    assert read_content(tmp_path) == replace(content, sections=(), shown=None)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"sections": [{}]}'])
def test_damaged_words_are_no_words(tmp_path, text):
    (tmp_path / "content.json").write_text(text)
    assert read_content(tmp_path) == StoredContent()
    assert read_content(tmp_path / "nowhere") == StoredContent()


def made_evaluation(folder, record):
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(json.dumps(record))
    for name in ("predictions", "error_curve", "point_errors", "score_curve"):
        for ending in ("", "_dark"):
            Image.new("RGB", (4, 3)).save(folder / f"{name}{ending}.png")


def test_a_damaged_evaluation_is_left_out(tmp_path):
    for name in "abcd":
        made_evaluation(tmp_path / "evaluations" / name, RECORD)
    (tmp_path / "evaluations" / "a" / "evaluation.json").write_text("{")
    (tmp_path / "evaluations" / "b" / "evaluation.json").write_text('{"detector": "0123"}')
    (tmp_path / "evaluations" / "c" / "point_errors_dark.png").unlink()
    (section,) = evaluation_sections(tmp_path, "0123")
    assert section.pictures[0].path.parent.name == "d"


def test_every_evaluation_of_this_detector_has_a_section(tmp_path):
    for name, record in {
        "b": RECORD,
        "a": RECORD | {"set": "cats val", "forward_backward": None, "caution": "Mind the cats."},
        "c": RECORD | {"detector": "other weights"},
    }.items():
        made_evaluation(tmp_path / "evaluations" / name, record)
    cats, faces = evaluation_sections(tmp_path, "0123")
    assert cats.title.endswith("cats val")
    assert "The other way about" not in cats.introduction
    assert cats.introduction.endswith(" Mind the cats.")
    for words in ("10.52 %", "10.12 to 10.99", "23.64 %", "1,501 images", "8.50 %", "20 images"):
        assert words in faces.introduction
    assert "36.4 % of the images" in faces.pictures[1].caption
    assert "lowest scores errs by 18.25 %, that with the highest by 5.12 %." in (
        faces.pictures[-1].caption
    )
    assert (
        faces.pictures[1].path_for_dark == tmp_path / "evaluations" / "b" / "error_curve_dark.png"
    )
    assert evaluation_sections(tmp_path, "third") == ()


def test_one_image_has_no_interval(tmp_path):
    alone = SCORE | {"interval_percent": [None, None]}
    made_evaluation(tmp_path / "evaluations" / "a", RECORD | {"images": 1, "landmarks": alone})
    (section,) = evaluation_sections(tmp_path, "0123")
    assert "on 1 image: mean error 10.52 % of the inter-ocular distance. The mean" in (
        section.introduction
    )


@pytest.mark.parametrize("percents", [None, [None, None, 7.0, None]])
def test_an_evaluation_without_scores_has_the_rest(tmp_path, percents):
    folder = tmp_path / "evaluations" / "a"
    made_evaluation(folder, RECORD | {"error_percent_by_score": percents})
    (section,) = evaluation_sections(tmp_path, "0123")
    titles = [picture.title for picture in section.pictures]
    assert ("What the scores say" in titles) is (percents is not None)
    assert len(titles) >= 3
    assert "quarter" not in section.pictures[-1].caption


def test_evaluations_of_one_set_say_in_what_they_differ(tmp_path):
    other = {"normaliser_words": "the box", "regressor": "fitted on 5 images"}
    for name, record in {
        "a": RECORD,
        "b": RECORD | other,
        "c": RECORD | {"regressor": None},
        "d": RECORD | {"set": "cats val"},
    }.items():
        made_evaluation(tmp_path / "evaluations" / name, record)
    assert [section.title for section in evaluation_sections(tmp_path, "0123")] == [
        "Annotated points of faces val, fitted on 20 images, in % of the inter-ocular distance",
        "Annotated points of faces val, fitted on 5 images, in % of the box",
        "Annotated points of faces val, found by the network, in % of the inter-ocular distance",
        "Annotated points of cats val",
    ]


def test_the_report_is_made_again_without_drawing(tmp_path, content, monkeypatch):
    run = tmp_path / "run"
    (run / "pictures").mkdir(parents=True)
    (run / "run.json").write_text(tiny_record().model_dump_json())
    for path in tmp_path.glob("*.png"):
        path.rename(run / "pictures" / path.name)
    pictures = run / "pictures"
    save_content(pictures, content)
    record = tiny_record()
    detector = Detector(build_network(record.config), record, device="cpu")
    made_evaluation(run / "evaluations" / "b", RECORD | {"detector": detector.digest})
    monkeypatch.setattr(run_report, "report_run", None)  # would draw
    page = run_report.rebuild_report(run, ImageSet(tmp_path, ()), detector=detector)
    text = page.read_text()
    order = [">One<", ">Two<", "caption “b”", "<h2>Annotated points of faces val"]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    assert "train longer" in text
    assert "<h1>run on dogs</h1>" in text


def test_the_section_of_a_regressor_names_images_that_stand_out(tmp_path):
    folder = tmp_path / "regressors" / "eyes"
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 3)).save(folder / "regressor.png")
    record = {
        "method": "linear",
        "num_landmarks": 5,
        "names": ["left eye", "right eye"],
        "normaliser": "box",
        "mirror": [],
        "detector": "0123",
        "fitted_on": 20,
        "fitted_names": [],
        "bias": False,
    }
    found = [{"sentence": f"{index}.png is off."} for index in range(5)]
    for about, told in (({}, ""), ({"standing_out": found}, "0.png is off. 1.png is off. 2.png")):
        (folder / "regressor.json").write_text(json.dumps(record | {"about": about}))
        (section,) = regressor_sections(tmp_path, "0123")
        assert told in section.introduction
        assert ("3.png" in section.introduction, "0.png" in section.introduction) == (
            False,
            bool(about),
        )
        rest = "2 more images stand out: regressor.json names them all."
        assert (rest in section.introduction) == bool(about)

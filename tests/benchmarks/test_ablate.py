"""The comparison of recipes: cells are trained once, scored as asked, and never passed for others.

All of one small comparison on the synthetic category, which is stopped once and goes on.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import ablate
import warpmarks
from ablation import cells, summary
from ablation.plan import Plan, find_set, settings_of
from warpmarks.cli import main
from warpmarks.cli.ending import run_script
from warpmarks.datasets.synthetic import write_image_set

STEPS, BATCH, DRAWS = 6, 2, 3


def plan(**changes: Any) -> dict[str, Any]:
    """Two variants, two seeds; ``sets`` and others are replaced as a whole."""
    return {
        "budget": {"steps": STEPS},
        "seeds": [0, 3],
        "draws": DRAWS,
        "common": ["image.size=16", f"batch_size={BATCH}", "loss.pooling=2", "precision=float32"],
        "sets": {"Heads": heads()},
        "variants": {
            "one look": ["looks=1", "unbend=false"],
            "paper": {"recipe": "paper", "set": ["network.filters=[4, 4, 4, 4, 8]"]},
        },
    } | changes


def as_text(asked: dict[str, Any]) -> str:
    return yaml.safe_dump(asked, sort_keys=False)


def heads(**changes: Any) -> dict[str, Any]:
    return {"path": "heads", "landmarks": 3, "labels": [1, 3]} | changes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plans' paths begin: ``heads`` of 12 images, a quarter of them val."""
    home = tmp_path_factory.mktemp("ablation")
    write_image_set(home / "heads", 12, size=32, val_fraction=0.25)
    return home


Command = Callable[[dict[str, Any] | str, Path], tuple[int, str, str]]


@pytest.fixture
def command(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs the script as from a shell: its exit code, stdout and stderr."""

    def run(asked: dict[str, Any] | str, output: Path) -> tuple[int, str, str]:
        monkeypatch.chdir(home)
        written = tmp_path / "plan.yaml"
        written.write_text(asked if isinstance(asked, str) else as_text(asked))
        words = ["ablate.py", str(written), "--output", str(output), "--threads", "1"]
        monkeypatch.setattr(sys, "argv", words)
        capsys.readouterr()
        code = run_script(ablate.main)
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def comparison(home: Path) -> tuple[Path, dict[str, Any]]:
    """The whole comparison, stopped by a SIGINT in its second training, and what was seen of it."""
    output, seen = home / "out", dict[str, Any]()
    train, done = warpmarks.train, list[Path]()

    def stop(_: object) -> None:
        if len(done) == 2 and "stopped" not in seen:
            seen["stopped"] = True
            os.kill(os.getpid(), signal.SIGINT)

    def watched(images: Any, run: Path, *given: Any, **conduct: Any) -> Any:
        done.append(run)
        return train(images, run, *given, **conduct, evaluate_every=2, on_evaluation=stop)

    written = home / "plan.yaml"
    written.write_text(as_text(plan()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(warpmarks, "train", watched)
        words = ["ablate.py", str(written), "--output", str(output), "--threads", "1"]
        patch.setattr(sys, "argv", words)
        seen["first code"] = run_script(ablate.main)
        seen["first table"] = (output / "table.md").read_text()
        seen["finished first"] = sorted(path.parent for path in output.rglob("cell.json"))
        seen["weights"] = (output / "heads/one-look/0/weights.safetensors").stat().st_mtime_ns
        second = output / "heads/one-look/3"
        seen["steps of second"] = json.loads((second / "log.jsonl").read_text().split("\n")[-2])
        done.clear()
        seen["second code"] = run_script(ablate.main)
    seen["trained on going on"] = done
    return output, seen


@pytest.fixture
def compared(comparison: tuple[Path, dict[str, Any]]) -> Path:
    """The finished comparison; not to be changed."""
    return comparison[0]


@pytest.fixture
def copied(compared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compared, tmp_path / "copied"))


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """No training may begin."""

    def train(*_: object, **__: object) -> None:
        raise AssertionError("a training has begun")

    monkeypatch.setattr(warpmarks, "train", train)


def table_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]


def errors_of(output: Path) -> dict[str, dict[str, list[float]]]:
    return {
        str(path.parent.relative_to(output)): json.loads(path.read_text())["errors"]
        for path in sorted(output.rglob("cell.json"))
    }


@pytest.mark.slow
def test_a_stopped_comparison_goes_on_where_it_was(comparison):
    output, seen = comparison
    one_look = output / "heads/one-look"
    assert (seen["first code"], seen["second code"]) == (130, 0)
    assert seen["finished first"] == [one_look / "0"]
    assert 0 < seen["steps of second"]["step"] < STEPS
    assert "one look" in seen["first table"]
    assert "paper" not in seen["first table"]
    paper = output / "heads/paper"
    assert seen["trained on going on"] == [one_look / "3", paper / "0", paper / "3"]
    assert (one_look / "0/weights.safetensors").stat().st_mtime_ns == seen["weights"]


def test_ctrl_c_is_a_sentence_and_no_traceback(command, tmp_path, monkeypatch):
    def train(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(warpmarks, "train", train)
    code, out, err = command(plan(), tmp_path / "out")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "stopped; the same command goes on from here"
    assert "Traceback" not in err


def test_variants_are_trained_by_their_recipes(compared):
    def config(run: str) -> dict[str, Any]:
        return json.loads((compared / run / "run.json").read_text())["config"]

    one_look, paper = config("heads/one-look/0"), config("heads/paper/3")
    assert (one_look["looks"], one_look["loss"]["exchange_weight"]) == (1, 0.5)
    assert (paper["schedule"]["kind"], paper["loss"]["diversity_weight"]) == ("plateau", 500)
    assert paper["network"]["filters"] == [4, 4, 4, 4, 8]
    assert (one_look["seed"], paper["seed"]) == (0, 3)


@pytest.mark.slow
def test_the_table_has_what_evaluate_gives(compared, home):
    titles, _, *rows = table_of((compared / "table.md").read_text())
    assert [row[:2] for row in rows] == [["Heads", "one look"], ["Heads", "paper"]]
    for row in rows:
        told = dict(zip(titles, row, strict=True))
        folder = compared / "heads" / told["variant"].replace(" ", "-")
        expected: dict[str, list[float]] = {title: [] for title in titles[2:]}
        for seed in (0, 3):
            last = json.loads((folder / str(seed) / "log.jsonl").read_text().split("\n")[-2])
            assert last["step"] == STEPS
            expected["equivariance error"].append(last["equivariance_error_percent"])
            for trouble in ("dead", "nailed", "doubled"):
                expected[trouble].append(len(last[trouble]))
            expected["pairs"].append(STEPS * BATCH)
            for title, errors in evaluated(folder / str(seed), home / "heads").items():
                expected[title] += errors
        del expected["pairs/s"]
        for title, values in expected.items():
            shown = told[title].replace(",", "").split(" ± ")
            assert float(shown[0]) == pytest.approx(np.mean(values), rel=1e-3), title
            spread = float(shown[1]) if len(shown) > 1 else 0.0
            assert spread == pytest.approx(np.std(values, ddof=1), rel=0.06), title


def read_rgb(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def evaluated(run: Path, heads: Path) -> dict[str, list[float]]:
    """Errors as `warpmarks evaluate` has them."""
    with redirect_stdout(StringIO()) as told:
        words = [str(run), str(heads), "--split", "val", "--fit-split", "train", "--json", "-"]
        words += ["--labels", "1,3,all", "--draws", str(DRAWS), "--overwrite"]
        assert main(["evaluate", *words]) == 0
    one, three, every = json.loads(told.getvalue())["labels"]
    assert len(every["errors_percent"]) == 1
    return {
        "1 label": one["errors_percent"],
        "3 labels": three["errors_percent"],
        "all labels": every["errors_percent"],
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sets": {"Heads": heads(landmarks=4)}}, "num_landmarks is 4 now and was 3"),
        ({"budget": {"steps": 7}}, "the budget is 7 steps now and was 6 steps"),
        ({"budget": {"steps": 6, "minutes": 2}}, "is 2 minutes now and was without minutes"),
        ({"variants": {"paper": ["looks=1"]}}, "paper/0 was trained otherwise"),
        ({"variants": {"one look": []}}, "looks is 2 now and was 1"),
        ({"sets": {"Heads": heads(train="val")}}, "other images than now lie in heads, split val"),
        ({"sets": {"Heads": heads(path="others")}}, "other images than now lie in others"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.usefixtures("untrained")
def test_what_was_trained_otherwise_is_refused(command, copied, home, changes, words, finished):
    if not (home / "others").exists():
        write_image_set(home / "others", 13, size=32, seed=1, val_fraction=0.25)
    if not finished:
        for cell in copied.rglob("cell.json"):
            cell.unlink()
    before = errors_of(copied)
    code, out, err = command(plan(**changes), copied)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert "choose another --output" in err
    assert err.count("\n") == 1
    assert errors_of(copied) == before


@pytest.mark.usefixtures("untrained")
def test_contents_of_images_decide_whether_a_training_counts_and_not_their_place(
    command, copied, home, tmp_path
):
    moved = Path(shutil.copytree(home / "heads", tmp_path / "moved"))
    asked = plan(sets={"Heads": heads(path=str(moved))})
    before = errors_of(copied)
    assert command(asked, copied)[0] == 0
    assert errors_of(copied) == before
    Image.new("RGB", (32, 32), "red").save(moved / "images/000001.png")
    code, _, err = command(asked, copied)
    assert (code, "on other images" in err) == (2, True)


@pytest.mark.usefixtures("untrained")
def test_a_finished_comparison_is_read_again(command, copied, monkeypatch):
    monkeypatch.setattr(cells, "score", None)
    table = (copied / "table.md").read_text()
    assert command(plan(), copied)[:2] == (0, table)


@pytest.mark.slow
@pytest.mark.usefixtures("untrained")
def test_labels_that_are_missing_are_scored_and_those_that_are_not_asked_for_not_shown(
    command, copied, monkeypatch
):
    asked, score = [], cells.score

    def watched(run: Path, scoring: Any, wanted: list[str], *given: Any) -> Any:
        asked.append(wanted)
        return score(run, scoring, wanted, *given)

    monkeypatch.setattr(cells, "score", watched)
    before = errors_of(copied)
    changes = {"sets": {"Heads": heads(labels=[1, 4])}, "seeds": [3]}
    code, out, _ = command(plan(**changes), copied)
    assert code == 0
    assert asked == [["4"]] * 2
    assert table_of(out)[0][2:5] == ["1 label", "4 labels", "all labels"]
    after = errors_of(copied)
    for run in ("heads/one-look/3", "heads/paper/3"):
        assert len(after[run].pop("4")) == DRAWS
    assert after == before


def other_points(home: Path, folder: Path) -> dict[str, Any]:
    copy = Path(shutil.copytree(home / "heads", folder / "moved"))
    lines = (copy / "landmarks.csv").read_text().splitlines()
    last = lines[-1].split(",")
    last[1] = str(float(last[1]) + 9)
    (copy / "landmarks.csv").write_text("\n".join([*lines[:-1], ",".join(last)]) + "\n")
    return {"sets": {"Heads": heads(path=str(copy))}}


@pytest.mark.parametrize(
    "changed",
    [
        lambda *_: {"sets": {"Heads": heads(normaliser="1:2")}},
        lambda *_: {"sets": {"Heads": heads(score="train")}},
        lambda *_: {"sets": {"Heads": heads(fit="val")}},
        lambda *_: {"draws": 2},
        other_points,
    ],
    ids=["normaliser", "score", "fit", "draws", "points"],
)
@pytest.mark.usefixtures("untrained")
def test_another_way_of_scoring_scores_anew(command, copied, home, tmp_path, changed):
    before = errors_of(copied)
    asked = plan(**{"seeds": [3]} | changed(home, tmp_path))
    del asked["variants"]["paper"]
    code, out, err = command(asked, copied)
    assert code == 0
    assert err.count("scored anew") == 1
    after = errors_of(copied)
    run = "heads/one-look/3"
    assert [name for name in after if after[name] != before[name]] == [run]
    assert set(after[run]) == {"all", "1", "3"}
    assert command(asked, copied)[:2] == (0, out)


@pytest.mark.usefixtures("untrained")
def test_errors_of_earlier_versions_which_fitted_otherwise_are_made_anew(command, copied):
    before, cell = errors_of(copied), copied / "heads/paper/0/cell.json"
    figures = json.loads(cell.read_text())
    del figures["scored"]["method"]
    cell.write_text(json.dumps(figures | {"errors": {"all": [7.0], "1": [7.0], "3": [7.0]}}))
    code, _, err = command(plan(), copied)
    assert (code, err.count("scored anew")) == (0, 1)
    assert errors_of(copied) == before


@pytest.mark.usefixtures("untrained")
def test_a_set_without_a_split_to_score_has_no_errors_but_the_rest(command, copied):
    code, out, _ = command(plan(sets={"Heads": heads(score=None)}), copied)
    assert code == 0
    titles, _, first, _ = table_of(out)
    told = dict(zip(titles, first, strict=True))
    assert (told["all labels"], told["pairs"]) == ("", str(STEPS * BATCH))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"variants": {"default": [], "unaveraged": ["optimiser.averaging=0"]}},
            "variant unaveraged: --set: self_training.share is 0.8, but optimiser.averaging is 0",
        ),
        ({"variants": {"a": [], "b": ["looks=7"]}}, "variant b: --set: looks is 7: expected at"),
        ({"variants": {"a": ["seed=7"]}}, "variant a: it sets seed"),
        ({"common": ["image.sise=7"]}, "there is no setting image.sise; did you mean image.size?"),
        ({"variants": {"a": [], "b": {"recipe": "papre"}}}, "recipe papre: neither a file nor"),
        ({"variants": {"a b": [], "A-b": []}}, "variants: 'A-b' cannot be told from a b"),
        ({"variants": {"a": "looks=1"}}, "variants.a: expected a list of settings, such as"),
        ({"variants": {"a": {"recpie": "paper"}}}, "variants.a.recpie: it is not known"),
        (
            {"variants": {"a": ["network.padding=reflect", "network.dilations=[9, 9, 9, 9, 9]"]}},
            "variant a: network.padding is reflect, but",
        ),
        ({"sets": {"H": heads(train="tarin")}}, "set H: "),
        ({"sets": {"H": heads(score="vla")}}, "set H: "),
        ({"sets": {"H": heads(), "N": heads(path="nowhere")}}, "set N: nowhere"),
        ({"sets": {"H": heads(normaliser="eyes")}}, "set H: --normaliser"),
        ({"sets": {"H": heads(labels=[1, 10])}}, "labels has 10, but heads/landmarks.csv has 9"),
        ({"sets": {"H": heads(labels=[3, 3])}}, "sets.H.labels: a number comes twice"),
        ({"sets": {"H": heads(landmarks="few")}}, "sets.H.landmarks: expected a whole number"),
        ({"sets": {}}, "sets: expected at least one"),
        ({"seeds": []}, "seeds: expected at least one"),
        ({"budget": {}}, "budget: expected steps or minutes"),
        ({"budget": {"steps": 0}}, "budget.steps: expected at least 1"),
    ],
)
@pytest.mark.usefixtures("untrained")
def test_mistakes_are_told_before_anything_is_trained(command, tmp_path, changes, words):
    code, out, err = command(plan(**changes), tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1
    assert "pydantic" not in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds: [0\n", "not YAML"),
        ("seeds: [0]\nseeds: [1]\n", "seeds in line 2 is there already, in line 1"),
        ("- seeds\n", "expected settings as `key: value`"),
        ("", "budget: it is missing"),
    ],
)
@pytest.mark.usefixtures("untrained")
def test_files_that_are_no_plan_are_told_of(command, tmp_path, text, words):
    code, _, err = command(text, tmp_path / "out")
    assert (code, err.count("\n")) == (2, 1)
    assert f"error: plan {tmp_path / 'plan.yaml'}: " in err
    assert words in err


@pytest.mark.usefixtures("untrained")
def test_a_damaged_cell_and_a_folder_that_is_no_run_are_told_of(command, copied):
    cell = copied / "heads/paper/0/cell.json"
    cell.write_text("{")
    code, _, err = command(plan(), copied)
    assert (code, f"{cell} is damaged" in err) == (2, True)
    cell.unlink()
    (cell.parent / "run.json").unlink()
    code, _, err = command(plan(), copied)
    assert (code, f"{cell.parent} holds something else than a run" in err) == (2, True)


def test_the_example_of_its_help_runs(home, capsys):
    with pytest.raises(SystemExit):
        ablate.main(["--help"])
    shown = capsys.readouterr().out
    example = shown[shown.index("    budget:") : shown.index("All of it is checked")]
    example_plan = Plan.model_validate(yaml.safe_load(example))
    assert len(example_plan.variants) == 3
    for name, variant in example_plan.variants.items():
        settings = settings_of(name, variant, example_plan.common, 30, aspect=1.0)
        assert settings.image.size == 64


def test_all_variants_are_in_the_curve_each_set_with_its_own_labels(home, tmp_path, monkeypatch):
    drawn, draw = [], summary.draw_label_curve
    monkeypatch.setattr(
        summary,
        "draw_label_curve",
        lambda series, **given: drawn.append(series) or draw(series, **given),
    )
    monkeypatch.chdir(home)
    made = Plan.model_validate(plan(sets={"A": heads(), "B": heads(labels=[2])}))
    rows = []
    for number, of in enumerate(find_set(name, entry) for name, entry in made.sets.items()):
        for variant in range(5):
            errors = {str(labels): [30.0 + variant, 32 + variant] for labels in of.entry.labels}
            figures = {name: [1.0] for name in summary.TITLES} | {"all": [9.0 + number]} | errors
            rows.append(summary.Row(of, f"variant {variant}", figures))
    table = summary.write_summary(tmp_path, rows)
    assert [[one.name for one in series] for series in drawn] == [
        [f"variant {variant}" for variant in range(5)]
    ] * 2
    assert [list(series[0].labels) for series in drawn] == [[1, 3, 9], [2, 9]]
    np.testing.assert_allclose(drawn[1][4].errors, [35, 10])
    np.testing.assert_allclose(drawn[1][4].spreads, [2**0.5, np.nan])
    assert "| B | variant 4 |  | 35 ± 1.4 |  | 10 | 1 |" in table
    for name in ("errors-a.png", "errors-b.png"):
        assert read_rgb(tmp_path / name).shape[1] == 900

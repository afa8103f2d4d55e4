import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from warpmarks.configuration import ImageConfig, TrainingConfig, for_annotations
from warpmarks.errors import InputError
from warpmarks.limits import ENOUGH_LANDMARKS
from warpmarks.recipe_reading import (
    as_config,
    build_config,
    load_recipe,
    override,
    recipe_names,
    setting_names,
)
from warpmarks.runs.weights import build_network

PAPER = {  # what section 4.1 and equation 6 state
    "network.filters": (20, 48, 64, 80, 256),
    "loss.equivariance": "probability",
    "loss.unit": "cells",
    "loss.diversity_weight": 500,
    "loss.diversity_per_landmark": False,
    "optimiser.weight_decay": 5e-4,
    "optimiser.decoupled": False,
    "schedule.kind": "plateau",
}


def setting(config: TrainingConfig, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_the_recipes() -> None:
    assert recipe_names() == ["default", "paper"]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_makes_a_network(name: str) -> None:
    config = load_recipe(name)
    network = build_network(config)
    assert sum(parameter.numel() for parameter in network.parameters()) > 0


def test_as_many_landmarks_as_help_and_advice_say() -> None:
    assert load_recipe("default").num_landmarks == ENOUGH_LANDMARKS
    assert load_recipe("paper").num_landmarks == 10


def test_what_the_default_recipe_changes() -> None:
    """Runs of other times rest on the defaults: what they do not name must not change."""
    default, plain = load_recipe("default"), TrainingConfig()
    different = {name for name in setting_names() if setting(default, name) != setting(plain, name)}
    assert different == {
        "num_landmarks",
        "candidates",
        "image.size",
        "looks",
        "copies",
        "unbend",
        "network.filters",
        "network.kernels",
        "network.dilations",
        "network.coarse",
        "network.descriptors",
        "loss.exchange_weight",
        "warps.first.rotation",
        "warps.first.scale",
        "warps.first.translation",
        "warps.second.rotation",
        "warps.second.scale",
        "warps.second.translation",
        "warps.mirror",
        "photometric.contrast",
        "photometric.brightness",
        "photometric.colour",
        "optimiser.averaging",
        "self_training.share",
        "self_training.diversity_weight",
        "self_training.warps.rotation",
        "self_training.warps.scale",
        "self_training.warps.translation",
    }


@pytest.mark.parametrize(("descriptors", "weight"), [(0, 0.5), (16, 0)])
def test_exchange_and_its_descriptors_need_each_other(descriptors: int, weight: float) -> None:
    changes = [f"network.descriptors={descriptors}", f"loss.exchange_weight={weight}"]
    with pytest.raises(InputError, match="give both, or 0 for both"):
        override(TrainingConfig(), changes)


def test_for_annotations_all_else_is_left() -> None:
    default = load_recipe("default")
    bare = for_annotations(default)
    assert bare.network.descriptors == bare.loss.exchange_weight == bare.self_training.share == 0
    assert bare.warps.mirror == 0
    different = {name for name in setting_names() if setting(default, name) != setting(bare, name)}
    assert different == {
        "candidates",
        "looks",
        "copies",
        "unbend",
        "network.descriptors",
        "loss.exchange_weight",
        "self_training.share",
        "warps.mirror",
    }
    assert bare.looks == bare.copies == 1
    assert bare.learned_landmarks == bare.num_landmarks


@pytest.mark.parametrize(
    ("changes", "learned"),
    [
        ([], 50),
        (["num_landmarks=10"], 50),
        (["num_landmarks=60"], 60),
        (["num_landmarks=10", "candidates=0"], 10),
        # 96 px have 48 x 48 cells, 6 x 6 blocks of 8; 16 px have 8 x 8 cells.
        (["num_landmarks=10", "loss.pooling=8"], 18),
        (["num_landmarks=10", "image.size=16"], 12),
    ],
)
def test_as_many_landmarks_learn_as_there_are_candidates(changes: list[str], learned: int) -> None:
    config = override(load_recipe("default"), changes)
    assert config.learned_landmarks == learned
    assert build_network(config).layers[-1].out_channels == config.num_landmarks


def test_self_training_needs_averaged_weights() -> None:
    with pytest.raises(InputError, match=r"self_training.share is 0.4, but optimiser.averaging is"):
        override(load_recipe("default"), ["self_training.share=0.4", "optimiser.averaging=0"])


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_recipe_states_what_the_paper_states(name: str) -> None:
    assert setting(load_recipe("paper"), name) == PAPER[name]


@pytest.mark.parametrize("name", recipe_names())
def test_settings_survive_json(name: str) -> None:
    config = load_recipe(name)
    assert TrainingConfig.model_validate(json.loads(config.model_dump_json())) == config
    assert TrainingConfig.model_validate(config.model_dump()) == config


def test_settings_are_frozen_at_every_depth() -> None:
    config = load_recipe("default")
    for part, name in ((config, "seed"), (config.warps, "controls"), (config.warps.first, "scale")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, 1)


def test_a_recipe_of_the_users(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("num_landmarks: 7\nwarps:\n  second: {rotation: 33}\n")
    config = load_recipe(path)
    assert config.num_landmarks == 7
    assert config.warps.second.rotation == 33
    assert config.warps.second.scale == TrainingConfig().warps.second.scale
    assert config.warps.first == TrainingConfig().warps.first


def test_the_same_key_in_two_groups_is_no_repetition(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("warps:\n  first: &w {rotation: 3}\n  second: {<<: *w, rotation: 5}\n")
    warps = load_recipe(path).warps
    assert (warps.first.rotation, warps.second.rotation) == (3, 5)


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "{}"])
def test_an_empty_recipe_is_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert load_recipe(path) == TrainingConfig()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"num_landmark: 3", "there is no setting num_landmark; did you mean num_landmarks?"),
        (b"image: {sze: 64}", "there is no setting image.sze; did you mean image.size?"),
        (b"warps: {first: {rotatoin: 1}}", "did you mean warps.first.rotation?"),
        (
            b"rotation: 3",
            "there is no setting rotation; did you mean warps.first.rotation or "
            "warps.second.rotation or self_training.warps.rotation?",
        ),
        (b"[num_landmarks, 3]", "expected settings as `key: value`"),
        (b"[]", "found [], expected settings as `key: value`"),
        (b"word " * 500, f"found '{'word ' * 11}word..., expected settings"),
        (b"just a sentence", "expected settings as `key: value`"),
        (b"a: b: c", "not YAML"),
        (b"num_landmarks: [", "not YAML"),
        (b"seed: !!python/name:os.system", "not YAML"),
        (b"\xff\xd8\xff\xe0 a photograph", "cannot be read (not UTF-8 text)"),
        (b"image: 64", "image is 64: expected a group of settings"),
        (b"image:", "image is empty: expected a group of settings"),
        (b"1: 2", "there is no setting 1; did you mean"),
        (
            b"seed: 1\nimage: {size: 64}\n\nimage: {fit: pad}",
            "image in line 4 is there already, in line 2: keep one of the two",
        ),
        (b"image: {size: 64, size: 80}", "size in line 1 is there already, in line 1: keep"),
        (
            b"image.size: 48",
            "image.size is written with a dot: expected image: {size: 48}, or the same in",
        ),
        (b"warps: {first.rotation: 3}", "expected warps: {first: {rotation: 3}}, or the same"),
    ],
)
def test_a_recipe_that_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_recipe(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"recipe {path}: ")
    assert "\n" not in str(caught.value)


def test_no_such_recipe(tmp_path: Path) -> None:
    for name in ("defualt", tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(InputError, match="neither a file nor one of the recipes default, pap"):
            load_recipe(name)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("num_landmarks=4", 4),
        ("optimiser.learning_rate=1e-4", 1e-4),
        ("optimiser.learning_rate = 0.25", 0.25),
        ("network.filters=[4, 6, 6, 8]", (4, 6, 6, 8)),
        ("optimiser.decoupled=false", False),
        ("image.aspect=1.5", 1.5),
        ("image.aspect=auto", "auto"),
        ("schedule.kind=plateau", "plateau"),
        ("warps.first.rotation=20", 20),
    ],
)
def test_a_setting_is_overridden_alone(assignment: str, expected: object) -> None:
    config = override(load_recipe("default"), [assignment])
    name = assignment.partition("=")[0].strip()
    assert setting(config, name) == expected
    for other in setting_names():
        if other != name:
            assert setting(config, other) == setting(load_recipe("default"), other)


def test_later_overrides_win_and_are_judged_together() -> None:
    small = ["num_landmarks=200", "seed=1", "seed=2", "image.size=160"]
    config = override(load_recipe("default"), small)
    assert (config.num_landmarks, config.seed, config.image.size) == (200, 2, 160)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("num_landmark=3", "no setting num_landmark; did you mean num_landmarks?"),
        (
            "warps.frist.rotation=3",
            "did you mean warps.first.rotation or warps.second.rotation",
        ),
        ("seed.first=3", "no setting seed.first; did you mean"),
        ("warps.first.rotation", "expected key=value"),
        ("=3", "expected key=value"),
        ("seed=[", "the value is not YAML"),
        ("seed=", "seed is empty: expected a whole number"),
        ("warps.first={rotation: 5}", "warps.first is a group: set its members warps.first.rot"),
        ("num_landmarks=0", "num_landmarks is 0: expected at least 1"),
        ("num_landmarks=many", "num_landmarks is 'many': expected a whole number"),
        ("loss.pooling=16", "view of 96 px with loss.pooling 16 has room for 9 landmarks"),
        ("batch_size=2.5", "batch_size is 2.5: expected a whole number"),
        ("image.size=15", "image.size is 15: expected at least 16"),
        ("image.aspect=5", "image.aspect is 5: expected 'auto' or at most 4"),
        ("image.fit=squeeze", "image.fit is 'squeeze': expected 'stretch', 'crop' or 'pad'"),
        ("image.margin=0.5", "image.margin is 0.5: expected at most 0.4"),
        ("network.kernels=[5,3,3,1]", "need one entry more than network.filters"),
        ("network.kernels=[5,3,3,1,2]", "network.kernels must be odd"),
        ("network.kernels=[5,5,3,3,1]", "network.coarse needs a 1 among network.kernels, before"),
        ("network.filters=[4,6,x,6,8]", "network.filters.2 is 'x': expected a whole number"),
        ("optimiser.learning_rate=.inf", "optimiser.learning_rate is inf: expected a fin"),
        ("optimiser.learning_rate=.nan", "optimiser.learning_rate is nan: expected a fin"),
        ("optimiser.learning_rate=1e400", "expected a finite number"),
        ("optimiser.beta2=1", "optimiser.beta2 is 1: expected less than 1"),
        ("seed=-1", "seed is -1: expected at least 0"),
    ],
)
def test_an_override_that_cannot_be(assignment: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        override(load_recipe("default"), [assignment])
    assert message in str(caught.value)
    assert str(caught.value).startswith("--set")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("image.size=80.5", "image.size is 80.5: expected a whole number"),
        ("image.size=null", "image.size is empty: expected a whole number"),
        ("loss.pooling=0", "loss.pooling is 0: expected 'auto' or at least 1"),
        ("loss.pooling=many", "loss.pooling is 'many': expected 'auto' or a whole number"),
        (
            "loss.diversity_per_landmark=perhaps",
            "loss.diversity_per_landmark is 'perhaps': expected true or false",
        ),
        ("network.filters=3", "network.filters is 3: expected a list"),
        ("loss.diversity_weight={a: 1}", "loss.diversity_weight: expected a number"),
        ("num_landmarks=2024-01-01", "num_landmarks is 2024-01-01: expected a whole number"),
    ],
)
def test_pydantics_sentences_are_told_in_our_words(assignment: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        override(load_recipe("default"), [assignment])
    assert str(caught.value) == f"--set: {sentence}"


def test_settings_that_a_program_changed_are_checked_as_those_of_a_recipe_are() -> None:
    default = load_recipe("default")
    assert as_config(default) == default
    plain = default.model_copy(update={"num_landmarks": 7, "image": {"size": 64}})
    checked = as_config(plain)
    assert checked is not None
    assert (checked.num_landmarks, checked.image) == (7, ImageConfig(size=64))
    for changed, sentence in (
        (default.model_copy(update={"num_landmarks": 0}), "num_landmarks is 0: expected at least"),
        (default.model_copy(update={"landmarks": 7}), "there is no setting landmarks; did you"),
        (
            default.model_copy(update={"image": default.image.model_copy(update={"sizes": 64})}),
            "there is no setting image.sizes; did you mean image.size?",
        ),
    ):
        with pytest.raises(InputError) as caught:
            as_config(changed)
        assert str(caught.value).startswith(f"config: {sentence}")
        assert "\n" not in str(caught.value)


def test_as_many_landmarks_as_there_is_room_for() -> None:
    assert override(load_recipe("default"), ["num_landmarks=100"]).num_landmarks == 100


def test_setting_names_are_the_leaves() -> None:
    def leaves(values: dict[str, Any], prefix: str = "") -> set[str]:
        names = set()
        for key, value in values.items():
            is_group = isinstance(value, dict)
            names |= leaves(value, f"{prefix}{key}.") if is_group else {prefix + key}
        return names

    assert set(setting_names()) == leaves(TrainingConfig().model_dump())


def test_every_setting_can_be_set_from_text() -> None:
    default = load_recipe("default")
    for name in setting_names():
        value = setting(default, name)
        text = json.dumps(value)
        assert override(default, [f"{name}={text}"]) == default


def test_the_source_of_wrong_settings_is_named() -> None:
    with pytest.raises(InputError, match="--landmarks 0: num_landmarks is 0"):
        build_config({"num_landmarks": 0}, source="--landmarks 0")


def test_the_page_of_settings_is_written_from_the_code() -> None:
    folder = Path(__file__).parents[1] / "docs"
    listed = runpy.run_path(str(folder / "list_settings.py"))["listed"]()
    assert (folder / "settings.md").read_text(encoding="utf-8") == listed
    told = {line.split("`")[1]: line for line in listed.splitlines() if line.startswith("| `")}
    assert list(told) == setting_names()
    assert not [name for name, line in told.items() if line.endswith("|  |")]  # each has a meaning

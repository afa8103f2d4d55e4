"""What a training run is made from: every setting, its unit, its range and its default.

A recipe is a YAML file of these settings; those it does not name keep the default given here.
Unknown keys are errors, never ignored.
"""

import difflib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from warpmarks.arguments import expect, expect_path
from warpmarks.errors import InputError
from warpmarks.plain_yaml import RepeatedKey, read_yaml
from warpmarks.pydantic_reasons import plain_reason
from warpmarks.wording import counted, cut

NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class SettingsGroup(BaseModel):
    """A group of settings: immutable, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageConfig(SettingsGroup):
    """How images are laid into the network's view."""

    size: Annotated[int, Field(ge=16, le=1024)] = 80
    """Side of the view in pixels; a view that is not square has about size x size pixels."""
    aspect: Literal["auto"] | Annotated[float, Field(ge=0.25, le=4)] = "auto"
    """Width over height of the view; auto takes the middle one of the images'."""
    margin: Annotated[float, Field(ge=0, le=0.4)] = 0.1
    """Share of the picture cut from each side for the view; training warps look into it."""
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    """How an image of another aspect is laid into the picture."""


class NetworkConfig(SettingsGroup):
    """The landmark network; see ``warpmarks.network`` for what each choice means."""

    filters: tuple[PositiveInt, ...] = (20, 48, 64, 80, 256)
    """Of each convolution but the last, which has K."""
    kernels: tuple[PositiveInt, ...] = (5, 5, 3, 3, 1, 1)
    """Side of each convolution's kernel in cells, the last one's too; odd."""
    dilations: tuple[PositiveInt, ...] = (1, 1, 3, 6, 1, 1)
    """Distance of each kernel's taps in cells."""
    coarse: tuple[PositiveInt, ...] = ()
    """Filters of convolutions on means over blocks of cells; the first 1 x 1 sees their maps."""
    padding: Literal["replicate", "reflect", "zeros"] = "replicate"
    """What convolutions see beyond the edge; with zeros landmarks settle at places of the image."""
    last_layer: Literal["plain", "batchnorm_relu"] = "plain"
    """Whether score maps are what the last convolution gives, or normalised and rectified too."""
    score_scale: Positive = 1.0
    """Factor on the score maps before the softmax: the larger, the sharper the maps."""
    descriptors: Annotated[int, Field(ge=0, le=1024)] = 0
    """Channels of the descriptors that training exchanges between images; 0 without exchange."""

    @model_validator(mode="after")
    def _consistent(self) -> "NetworkConfig":
        if not len(self.filters) + 1 == len(self.kernels) == len(self.dilations):
            raise ValueError(
                "network.kernels and network.dilations need one entry more than network.filters"
            )
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError("network.kernels must be odd")
        if self.coarse and 1 not in self.kernels[:-1]:
            raise ValueError("network.coarse needs a 1 among network.kernels, before the last")
        return self


class WarpConfig(SettingsGroup):
    """From what a random warp is drawn; lengths in halves of the view's shorter side."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 15.0
    """Degrees, uniform in +-rotation."""
    scale: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Factor exp(uniform in +-scale)."""
    translation: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Uniform in +-translation on each axis."""
    deformation: Annotated[float, Field(ge=0, le=0.3)] = 0.06
    """Standard deviation of each control's own move. Warps that fold are drawn again, in the end
    with smaller moves: of 5 x 5 controls these grow up to about 0.15, of more controls less."""


class WarpsConfig(SettingsGroup):
    """The two warps of a pair and the splines' controls."""

    first: WarpConfig = WarpConfig()
    second: WarpConfig = WarpConfig()
    controls: Annotated[int, Field(ge=2, le=16)] = 5
    """The controls are a grid of controls x controls over the view."""
    mirror: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the pictures that are mirrored, left to right, before they are warped."""


class PhotometricConfig(SettingsGroup):
    """Random change of contrast, brightness and colour, drawn for each image of a pair."""

    contrast: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Factor on the distance from grey, exp(uniform in +-contrast)."""
    brightness: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Added to all channels, uniform in +-brightness; images are in [0, 1]."""
    colour: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Factor on each channel's distance from grey, exp(uniform in +-colour)."""


class LossConfig(SettingsGroup):
    """The objective, eq. 9."""

    equivariance: Literal["probability", "landmark"] = "probability"
    """Eq. 6 on the probability maps, or eq. 5 on the landmarks."""
    unit: Literal["cells", "view"] = "view"
    """Unit of distances: cells of the score map, or halves of the view's shorter side."""
    diversity_weight: NonNegative = 1.2
    """gamma."""
    diversity_per_landmark: bool = True
    """Divide the diversity by K; printed as a sum over landmarks beside a mean over landmarks."""
    exchange_weight: NonNegative = 0.0
    """Of the exchange of descriptors through another image, see ``warpmarks.exchange``."""
    pooling: Literal["auto"] | Annotated[int, Field(ge=1, le=32)] = "auto"
    """m: side in cells of the blocks that landmarks should not share; auto leaves them room, see
    ``warpmarks.losses.roomy_pooling``."""


class SelfTrainingConfig(SettingsGroup):
    """The last part of a run: the averaged network teaches, see ``training.self_training``."""

    share: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    """Of the run's budget, or of its steps where it has none; 0 for no self-training."""
    warps: WarpConfig = WarpConfig()
    """Of the views in which the landmarks are to be found again."""
    own_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of what is taught, the network's own landmarks of the picture as it is, the rest being the
    teacher's; it learns from both images, so that landmarks come to where they can be followed."""
    diversity_weight: NonNegative = 0.0
    """Of ``warpmarks.losses.landmark_diversity`` beside the distance from what is taught. From 0.5
    on two landmarks that are taught to one place do not come together; beyond it they part."""
    diversity_distance: Annotated[float, Field(ge=0, le=1)] = 0.08
    """From which on landmarks are far enough apart, in halves of the view's shorter side; many
    landmarks need to keep less, see ``warpmarks.losses.roomy_distance``."""


class OptimiserConfig(SettingsGroup):
    """Adam."""

    learning_rate: Positive = 3e-3
    """Its peak, which `schedule` scales."""
    weight_decay: NonNegative = 5e-4
    """lambda; on the weights of convolutions only, not on biases and normalisation."""
    decoupled: bool = True
    """Decay beside the Adam step (AdamW) instead of inside its gradient (2017's Adam)."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Share of the mean gradient that stays at each step."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Share of the mean squared gradient that stays at each step."""
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share that stays, at each step, of the averaged weights that a run measures, saves and
    detects with; 0.995 averages over about 200 steps, 0 takes the last step's weights."""


class ScheduleConfig(SettingsGroup):
    """How the learning rate goes on, and when training has converged."""

    kind: Literal["cosine", "plateau"] = "cosine"
    """cosine: to zero at the end of the budget; without a budget constant until a plateau, then
    down to zero over half as many steps again. plateau: a tenth at each plateau. Before
    self-training the budget is what that leaves, and in it the rate goes by a cosine of its own."""
    warmup: Annotated[float, Field(ge=0, le=0.5)] = 0.03
    """Share of the budget (without one: of ``patience`` steps) over which the rate rises from 0."""
    patience: PositiveInt = 3000
    """Steps without a better held-out loss that make a plateau."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.005
    """A better loss is lower than the best by this share."""
    reductions: Annotated[int, Field(ge=0, le=10)] = 2
    """plateau: how often the rate is divided by ten before the next plateau ends the run."""


class TrainingConfig(SettingsGroup):
    """Everything that decides what a run computes, but for its images and its budget."""

    num_landmarks: Annotated[int, Field(ge=1, le=1000)] = 10
    """K."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    """Pairs a step."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of first weights, order of the images, warps and colours."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's arithmetic in training; weights, objective and detection are float32. auto
    takes bfloat16 where the processor has instructions for it."""
    looks: Annotated[int, Field(ge=1, le=4)] = 1
    """How often detection looks at an image: after the first look with the object upright, in the
    middle and of its usual size, as the landmarks of the look before say that it lies."""
    unbend: bool = False
    """Whether further looks, if any, also see the object with about its usual shape, as those
    landmarks say that it is bent, see ``warpmarks.warps.bend``."""
    image: ImageConfig = ImageConfig()
    network: NetworkConfig = NetworkConfig()
    warps: WarpsConfig = WarpsConfig()
    photometric: PhotometricConfig = PhotometricConfig()
    loss: LossConfig = LossConfig()
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainingConfig":
        pooling = 1 if self.loss.pooling == "auto" else self.loss.pooling
        pooled = (self.image.size // 2 // pooling) ** 2
        if self.num_landmarks > pooled:
            raise ValueError(
                f"num_landmarks is {self.num_landmarks}, but a view of {self.image.size} px with "
                f"loss.pooling {self.loss.pooling} has room for {counted(pooled, 'landmark')} "
                "apart; take fewer landmarks or a larger image.size"
            )
        if bool(self.network.descriptors) != bool(self.loss.exchange_weight):
            raise ValueError(
                f"network.descriptors is {self.network.descriptors} and loss.exchange_weight is "
                f"{self.loss.exchange_weight:g}, but neither does anything without the other: "
                "give both, or 0 for both"
            )
        if self.self_training.share and not self.optimiser.averaging:
            raise ValueError(
                f"self_training.share is {self.self_training.share:g}, but optimiser.averaging is "
                "0, and without an average of the weights nothing teaches: give 0.995, or a share "
                "of 0"
            )
        return self


def recipe_names() -> list[str]:
    """The recipes in the package."""
    folder = resources.files("warpmarks") / "recipes"
    return sorted(
        Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith("yaml")
    )


def load_recipe(name: str | Path) -> TrainingConfig:
    """A recipe of the package by its name, or of the user by the path of a YAML file.

    Raises:
        InputError: no such recipe, not YAML, an unknown key or a value out of range.
    """
    expect_path(name, "recipe", "the name of a recipe or the path of one")
    if str(name) in recipe_names():
        text = (resources.files("warpmarks") / "recipes" / f"{name}.yaml").read_text("utf-8")
    elif Path(name).is_file():
        return build_config(read_settings(Path(name), what="recipe"), source=f"recipe {name}")
    else:
        raise InputError(
            f"recipe {name}: neither a file nor one of the recipes {', '.join(recipe_names())}"
        )
    settings = parse_settings(text, source=f"recipe {name}")
    return build_config(settings, source=f"recipe {name}")


def read_settings(path: Path, *, what: str) -> dict[Any, Any]:
    """The settings that a YAML file has as ``key: value``; ``what`` it is, for messages.

    Raises:
        InputError: it cannot be read, or see `parse_settings`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"{what} {path}: cannot be read ({reason})") from error
    return parse_settings(text, source=f"{what} {path}")


def parse_settings(text: str, *, source: str) -> dict[Any, Any]:
    """The settings of a YAML document, none of an empty one; ``source`` names it in an error.

    Raises:
        InputError: not YAML, a key that is there twice, or no settings.
    """
    try:
        settings = read_yaml(text)
    except RepeatedKey as error:
        raise InputError(
            f"{source}: {error.key} in line {error.line} is there already, in line "
            f"{error.first_line}: keep one of the two"
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not YAML ({cut(_one_line(error), 200)})") from error
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise InputError(
            f"{source}: found {cut(repr(settings))}, expected settings as `key: value`"
        )
    return settings


def as_config(config: TrainingConfig | str | Path | None) -> TrainingConfig | None:
    """Settings, or those of a recipe, see `load_recipe`.

    Raises:
        InputError: it is neither, or see `load_recipe`.
    """
    if config is None or isinstance(config, TrainingConfig):
        return config
    if isinstance(config, str | Path):
        return load_recipe(config)
    return expect(
        config, TrainingConfig, "config", "a recipe's name, or what load_recipe(name) gives"
    )


def asked_for(
    config: TrainingConfig | str | Path | None,
    recipe: str = "default",
    *,
    load: Callable[[str | Path], TrainingConfig] = load_recipe,
) -> tuple[TrainingConfig | None, str]:
    """The settings that were asked for, None where none were, and the name of their recipe.

    Args:
        config: settings, or the name of the recipe to ``load``.
        recipe: name of other settings.
        load: gives the settings of a recipe.

    Raises:
        InputError: it is none of these, or there is no such recipe.
    """
    if isinstance(config, str | Path):
        return load(config), str(config)
    return as_config(config), recipe


def override(config: TrainingConfig, assignments: list[str]) -> TrainingConfig:
    """A config with settings changed, each given as ``section.key=value`` with a YAML value.

    Raises:
        InputError: no ``=``, an unknown key (the nearest one is named) or a value out of range.
    """
    settings = config.model_dump()
    for assignment in assignments:
        key, found, value = assignment.partition("=")
        key = key.strip()
        if not (found and key):
            raise InputError(
                f"--set {assignment}: expected key=value, e.g. warps.first.rotation=20"
            )
        *sections, last = key.split(".")
        group = settings
        for section in sections:
            inner = group.get(section)
            if not isinstance(inner, dict):
                raise InputError(f"--set {assignment}: {_unknown(key)}")
            group = inner
        if last not in group:
            raise InputError(f"--set {assignment}: {_unknown(key)}")
        if isinstance(group[last], dict):
            members = ", ".join(f"{key}.{name}" for name in group[last])
            raise InputError(f"--set {assignment}: {key} is a group: set its members {members}")
        try:
            group[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {assignment}: the value is not YAML") from error
    return build_config(settings, source="--set")


def for_annotations(config: TrainingConfig) -> TrainingConfig:
    """The settings without what only landmarks need: annotations say where points are."""
    settings = config.model_dump()
    settings["looks"], settings["unbend"] = 1, False
    settings["network"]["descriptors"] = settings["loss"]["exchange_weight"] = 0
    settings["self_training"]["share"] = 0
    settings["warps"]["mirror"] = 0  # a mirrored point may be another one
    return TrainingConfig.model_validate(settings)


def first_difference(given: TrainingConfig, run: TrainingConfig) -> str:
    """The first setting in which two configs differ, with both values."""

    def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, value in values.items():
            name = f"{prefix}{key}"
            pairs |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
        return pairs

    one, other = flat(given.model_dump()), flat(run.model_dump())
    name = next(name for name in one if one[name] != other[name])
    return f"{name} is {one[name]} now and was {other[name]}"


def build_config(settings: dict[Any, Any], *, source: str) -> TrainingConfig:
    """A checked config from nested plain settings; ``source`` names them in an error.

    Raises:
        InputError: an unknown name, or a value that is not allowed.
    """
    try:
        return TrainingConfig.model_validate(settings)
    except ValidationError as error:
        first, *others = error.errors()
        key = _dotted(first["loc"])
        if first["type"] in {"extra_forbidden", "invalid_key"}:
            if key in setting_names():  # image.size: 48
                nested = key.replace(".", ": {") + f": {first['input']}" + "}" * key.count(".")
                raise InputError(
                    f"{source}: {key} is written with a dot: expected {nested}, or the same in "
                    "indented lines"
                ) from error
            raise InputError(f"{source}: {_unknown(key)}") from error
        value = first["input"]
        if not key or first["type"] == "value_error":
            found = ""
        else:
            found = f"{key}{'' if isinstance(value, dict) else f' is {_as_given(value)}'}: "
        if first["type"] == "model_type":
            reason = "expected a group of settings, each as `key: value`"
        else:
            # A value of several allowed kinds has an error for each kind.
            of_same = [other["msg"] for other in others if _dotted(other["loc"]) == key]
            reason = " or ".join(
                [
                    plain_reason(first["msg"]),
                    *(plain_reason(message).removeprefix("expected ") for message in of_same),
                ]
            )
        raise InputError(f"{source}: {found}{reason}") from error


def setting_names(section: type[BaseModel] = TrainingConfig, prefix: str = "") -> list[str]:
    """Every setting by its dotted name."""
    names: list[str] = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += setting_names(inner, f"{prefix}{name}.")
        else:
            names.append(f"{prefix}{name}")
    return names


def _dotted(location: tuple[int | str, ...]) -> str:
    """A setting's name from pydantic's location, which also names kinds: literal['auto']."""
    kinds = {"constrained-float", "float", "constrained-int", "int"}
    return ".".join(
        str(part) for part in location if part not in kinds and not str(part).endswith("]")
    )


def _unknown(key: str) -> str:
    names = setting_names()
    by_last = [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]]
    nearest = by_last or difflib.get_close_matches(key, names, n=1, cutoff=0.0)
    return f"there is no setting {key}; did you mean {' or '.join(nearest)}?"


def _as_given(value: object) -> str:
    """A value of YAML as it was written, or nearly."""
    if value is None:
        return "empty"
    return repr(value) if isinstance(value, str | list | tuple) else str(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

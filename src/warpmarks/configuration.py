"""What a training run is made from: every setting, its unit, its range and its default."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from warpmarks.limits import LEAST_VIEW, MOST_BATCH, MOST_COPIES, MOST_LANDMARKS, MOST_VIEW
from warpmarks.wording import counted

NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class SettingsGroup(BaseModel):
    """A group of settings: immutable, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageConfig(SettingsGroup):
    """How images are laid into the network's view."""

    size: Annotated[int, Field(ge=LEAST_VIEW, le=MOST_VIEW)] = 80
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
    mirror: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the pictures that are mirrored, left to right, before they are warped; auto mirrors
    half of them, and none where nearly all face one way."""


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

    num_landmarks: Annotated[int, Field(ge=1, le=MOST_LANDMARKS)] = 10
    """K."""
    candidates: Annotated[int, Field(ge=0, le=MOST_LANDMARKS)] = 0
    """How many landmarks are learned where K is fewer, as far as the view has room to spare; the K
    that tell most of the others are kept, see ``warpmarks.training.candidates``. 0: K alone."""
    batch_size: Annotated[int, Field(ge=1, le=MOST_BATCH)] = 16
    """Pairs a step."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of first weights, order of the images, warps and colours."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's arithmetic in training; weights, objective and detection are float32. auto
    takes bfloat16 where the processor has instructions for it and a short trial at the start finds
    it faster."""
    looks: Annotated[int, Field(ge=1, le=4)] = 1
    """How often detection looks at an image: after the first look with the object upright, in the
    middle and of its usual size, as the landmarks of the look before say that it lies."""
    unbend: bool = False
    """Whether further looks, if any, also see the object with about its usual shape, as those
    landmarks say that it is bent, see ``warpmarks.warps.bend``."""
    copies: Annotated[int, Field(ge=1, le=MOST_COPIES)] = 1
    """How many copies of the object, slightly turned, shifted and resized, the last of further
    looks, if any, sees: landmarks are the means of theirs, see ``warpmarks.warps.copies``."""
    image: ImageConfig = ImageConfig()
    network: NetworkConfig = NetworkConfig()
    warps: WarpsConfig = WarpsConfig()
    photometric: PhotometricConfig = PhotometricConfig()
    loss: LossConfig = LossConfig()
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()

    @property
    def learned_landmarks(self) -> int:
        """How many landmarks the network has while it trains: at least K."""
        to_spare = self._room // (5 if self.loss.pooling == "auto" else 2)
        return max(self.num_landmarks, min(self.candidates, to_spare))

    @property
    def _room(self) -> int:
        """How many landmarks a view holds apart."""
        pooling = 1 if self.loss.pooling == "auto" else self.loss.pooling
        return (self.image.size // 2 // pooling) ** 2

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainingConfig":
        if self.num_landmarks > self._room:
            raise ValueError(
                f"num_landmarks is {self.num_landmarks}, but a view of {self.image.size} px with "
                f"loss.pooling {self.loss.pooling} has room for {counted(self._room, 'landmark')} "
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


def for_annotations(config: TrainingConfig) -> TrainingConfig:
    """The settings without what only landmarks need: annotations say where points are."""
    settings = config.model_dump()
    settings |= {"candidates": 0, "looks": 1, "unbend": False, "copies": 1}
    settings["network"]["descriptors"] = settings["loss"]["exchange_weight"] = 0
    settings["self_training"]["share"] = 0
    settings["warps"]["mirror"] = 0  # a mirrored point may be another one
    return TrainingConfig.model_validate(settings)

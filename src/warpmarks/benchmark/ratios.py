"""What is asked of the package, as ratios that hold on any machine."""

from dataclasses import dataclass

from warpmarks.benchmark.objective import OBJECTIVE_LANDMARKS, OBJECTIVE_SIZES, ObjectiveTiming
from warpmarks.benchmark.training_step import StepTiming
from warpmarks.configuration import TrainingConfig


@dataclass(frozen=True)
class Ratios:
    """What is asked of the package, each from one run on one machine; nan where there is none.

    Attributes:
        bfloat16_over_float32: pairs a second in training.
        all_threads_over_one: pairs a second in training.
        landmarks_growth: time of the objective for K = 200 over that for K = 10, over 20: 1 is
            linear, and more is a defect.
        pixels_growth: the same for 256 px over 64 px, over 16.
        landmarks_memory_growth: the same of memory.
        pixels_memory_growth: the same of memory.
    """

    bfloat16_over_float32: float
    all_threads_over_one: float
    landmarks_growth: float
    pixels_growth: float
    landmarks_memory_growth: float
    pixels_memory_growth: float


def middle_size(config: TrainingConfig, sizes: tuple[int, ...]) -> int:
    """The size at which settings are compared."""
    return config.image.size if config.image.size in sizes else sizes[0]


def ratios_of(
    training: list[StepTiming], objective: tuple[ObjectiveTiming, ...], config: TrainingConfig
) -> Ratios:
    """The ratios that these timings have; nan where one of the two is lacking."""

    def pairs(**wanted: object) -> float:
        for timing in training:
            if all(getattr(timing, name) == value for name, value in wanted.items()):
                return timing.pairs_per_second
        return float("nan")

    def of(size: int, num_landmarks: int) -> ObjectiveTiming:
        return next(
            timing
            for timing in objective
            if (timing.size, timing.num_landmarks) == (size, num_landmarks)
        )

    most = max(timing.threads for timing in training)
    common: dict[str, object] = {
        "size": middle_size(config, tuple(timing.size for timing in training)),
        "num_landmarks": config.num_landmarks,
    }
    usual = training[0].precision
    few, many = of(64, OBJECTIVE_LANDMARKS[0]), of(64, OBJECTIVE_LANDMARKS[-1])
    large = of(OBJECTIVE_SIZES[-1], OBJECTIVE_LANDMARKS[0])
    more = many.num_landmarks / few.num_landmarks
    wider = (large.size / few.size) ** 2
    measured = pairs(**common, precision=usual, threads=most)
    on_one = pairs(**common, precision=usual, threads=1) if most > 1 else float("nan")
    in_bfloat16 = pairs(**common, precision="bfloat16", threads=most)
    return Ratios(
        bfloat16_over_float32=in_bfloat16 / pairs(**common, precision="float32", threads=most),
        all_threads_over_one=measured / on_one,
        landmarks_growth=many.milliseconds / few.milliseconds / more,
        pixels_growth=large.milliseconds / few.milliseconds / wider,
        landmarks_memory_growth=many.megabytes / few.megabytes / more,
        pixels_memory_growth=large.megabytes / few.megabytes / wider,
    )

"""The pictures that every report shows, drawn into a folder, and how to read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.evaluation.average_image import AverageImage
from warpmarks.plots.average_image import draw_average
from warpmarks.plots.curves import draw_panel, panels_for
from warpmarks.plots.deformations import draw_deformations
from warpmarks.plots.history import History
from warpmarks.plots.instances import draw_instances
from warpmarks.plots.patches import draw_patches
from warpmarks.plots.probability_maps import draw_probability_maps
from warpmarks.plots.saving import save_figure
from warpmarks.plots.scatter import draw_scatter
from warpmarks.plots.themes import DARK, LIGHT
from warpmarks.report.content import Picture, Section
from warpmarks.wording import counted

if TYPE_CHECKING:
    import matplotlib.figure

_INSTANCES_SHOWN = 24
_OF_NOBODY = (
    "Nobody told the detector what the points mean. If it has learned something, one colour "
    "marks one part of the object, whoever or whatever is shown."
)
_OF_ANNOTATIONS = (
    "The detector was trained on annotated points. If it has learned more than the images that it "
    "was shown, one colour marks one point of the object, whoever or whatever is shown."
)


@dataclass(frozen=True)
class Looks:
    """What the detector's last look at images saw, where it has the landmarks, and its maps.

    Of several copies the first.
    """

    images: UInt8[np.ndarray, "images height width 3"]
    landmarks: Float[np.ndarray, "images points 2"]
    maps: Float[np.ndarray, "images points map_height map_width"]


@dataclass(frozen=True)
class Instances:
    """Different images of the category and what was found in them, in pixels of these images.

    All of them go into the scatter and the mean patches, the first ones into the other pictures.
    ``looks`` are those at the first images, as many as probability maps are to be shown of.
    """

    images: UInt8[np.ndarray, "images height width 3"]
    landmarks: Float[np.ndarray, "images points 2"]
    looks: Looks


@dataclass(frozen=True)
class Deformations:
    """Rows of one image (column 0) and its deformations, with what was found in each.

    ``expected`` is where each deformation takes the landmarks of its row's original.
    """

    images: UInt8[np.ndarray, "rows columns height width 3"]
    landmarks: Float[np.ndarray, "rows columns points 2"]
    expected: Float[np.ndarray, "rows columns points 2"] | None = None
    names: tuple[str, ...] = ("original",)


def draw_pictures(
    folder: Path,
    instances: Instances,
    deformations: Deformations | None = None,
    history: History | None = None,
    *,
    flags: Mapping[int, str] | None = None,
    supervised: bool = False,
    average: AverageImage | None = None,
) -> tuple[Section, ...]:
    """Draw every picture there is something to draw from, and say what each one shows.

    Args:
        folder: is made if need be; pictures that stand in it are replaced.
        instances: different images.
        deformations: of single images.
        history: of the run's training.
        flags: a word of warning on a landmark, e.g. {7: "nailed"}.
        supervised: whether the landmarks are annotated points.
        average: of the images, plain and aligned by their landmarks; of one image it says nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    introduction = _OF_ANNOTATIONS if supervised else _OF_NOBODY
    sections = [_same_place_everywhere(folder, instances, flags, introduction)]
    if average is not None and average.count > 1:
        sections.append(_on_average(folder, average))
    if deformations is not None:
        sections.append(_following(folder, deformations))
    if len(instances.looks.maps):
        sections.append(_beliefs(folder, instances))
    if history is not None and len(history.steps):
        sections.append(_training(folder, history))
    return tuple(sections)


def _same_place_everywhere(
    folder: Path, instances: Instances, flags: Mapping[int, str] | None, introduction: str
) -> Section:
    images, landmarks = instances.images, instances.landmarks
    count = min(len(images), _INSTANCES_SHOWN)
    total = counted(len(images), "image")
    all_of, one_of = (
        ("the one image",) * 2 if len(images) == 1 else (f"all of {total}", f"one of {total}")
    )
    grid = folder / "instances.png"
    save_figure(draw_instances(images[:count], landmarks[:count]), grid)
    patches = folder / "patches.png"
    save_figure(draw_patches(images, landmarks, flags=flags), patches)

    return Section(
        "The same place on every instance",
        introduction,
        (
            Picture(
                "Different instances",
                "Pick one colour and follow it from image to image: it should stay on one part of "
                "the object and ignore the background.",
                grid,
                alt=f"A grid of {counted(count, 'image')}, each with "
                f"{counted(landmarks.shape[1], 'coloured dot')}.",
            ),
            Picture(
                "Patch by patch",
                "Each row belongs to one landmark: the patches around it, one image per column "
                "(shown at its head). A good landmark's row shows the same part over and over. Its "
                f"mean over {all_of} (contrast doubled) then looks like that part; a grey blur "
                "means that the landmark wanders.",
                patches,
                alt="For each landmark a row of image patches around it, from many images.",
            ),
            _in_both_themes(
                folder,
                "scatter",
                partial(draw_scatter, landmarks, *images.shape[1:3]),
                "Where the landmarks lie",
                f"Each speck is a landmark in {one_of}, within the frame that the detector's "
                "first look sees; the numbered dot is the mean. "
                "Every landmark should have a cloud: a dot without one is nailed to the frame and "
                "does not look at the image. Two dots on one place are doubled.",
            ),
        ),
    )


def _following(folder: Path, deformations: Deformations) -> Section:
    path = folder / "deformations.png"
    figure = draw_deformations(
        deformations.images,
        deformations.landmarks,
        expected=deformations.expected,
        names=deformations.names,
    )
    save_figure(figure, path)
    lines = (
        " A line leads to each dot from where the deformation took the original's dot: hardly any "
        "line can be seen when the landmarks follow well."
        if deformations.expected is not None
        else ""
    )
    return Section(
        "Following deformations",
        "What training asks for: when the image is deformed, the landmarks move with it.",
        (
            Picture(
                "Synthetic deformations, original leftmost",
                "In each row the dots should stick to the object as it turns, grows and bends."
                + lines,
                path,
                alt="Rows of one image and its deformed copies, with coloured dots on each.",
            ),
        ),
    )


def _on_average(folder: Path, average: AverageImage) -> Section:
    path = folder / "average.png"
    save_figure(draw_average(average.plain, average.aligned, average.shape), path)
    return Section(
        "The category on average",
        "If landmarks mark the same parts on every instance, laying the pictures on top of each "
        "other by their landmarks brings the parts together.",
        (
            Picture(
                f"The average of {counted(average.count, 'image')}",
                "Left as they are; in the middle after each was warped so that its landmarks lie "
                "on their mean shape, which is drawn at the right. Where the landmarks are "
                "meaningful, the average turns sharp; elsewhere it stays a blur (the contrast of "
                "all is raised alike). A picture correlates with the average of the others by "
                f"{average.plain_agreement:.2f} as it is, and by {average.agreement:.2f} after "
                "the warp.",
                path,
                alt="A blurred average image, the average after alignment, and with landmarks.",
            ),
        ),
    )


def _beliefs(folder: Path, instances: Instances) -> Section:
    pictures = []
    looks = instances.looks
    for index, maps in enumerate(looks.maps):
        path = folder / f"probability_maps_{index + 1}.png"
        figure = draw_probability_maps(looks.images[index], maps, looks.landmarks[index])
        save_figure(figure, path)
        pictures.append(
            Picture(
                f"Probability maps of image {index + 1}",
                "Left: the image as the last look saw it, of several copies the first, with the "
                "landmarks found there, and all maps at once. Right: each landmark's own map, "
                "scaled to its largest value. A small spot in the ring is a sure landmark; a spot "
                "beside the ring means that the belief is split; a tile full of colour belongs to "
                "a dead one.",
                path,
                alt="One image, and for each landmark a coloured map of where it may be.",
            )
        )
    return Section(
        "Where the detector looks",
        "For each landmark the network yields a probability for every place of the image; the "
        "landmark is the mean of that map, and then of what several copies of the object say.",
        tuple(pictures),
    )


def _training(folder: Path, history: History) -> Section:
    return Section(
        "Training",
        "",
        tuple(
            _in_both_themes(
                folder,
                f"curve_{panel.name}",
                partial(draw_panel, panel, history),
                panel.title,
                panel.caption,
            )
            for panel in panels_for(history)
        ),
        narrow=True,
    )


def _in_both_themes(
    folder: Path,
    name: str,
    draw: Callable[..., "matplotlib.figure.Figure"],
    title: str,
    caption: str,
) -> Picture:
    path, path_for_dark = folder / f"{name}.png", folder / f"{name}_dark.png"
    save_figure(draw(theme=LIGHT), path)
    save_figure(draw(theme=DARK), path_for_dark)
    return Picture(title, caption, path, path_for_dark)

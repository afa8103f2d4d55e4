"""Landmarks by a network, a loss term and a data pipeline of one's own, in a plain PyTorch loop.

    python docs/own_training.py SET landmarks.csv [--steps 2000] [--normaliser TEXT]

SET is an image set with annotations and the splits train and val, see docs/image_sets.md. The
network is trained on the images of train alone; what its landmarks are worth the annotations say.
docs/own_training.md goes through it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler

import warpmarks
from warpmarks.cli.ending import run_script
from warpmarks.coordinates import pixel_centres
from warpmarks.datasets.reading import read_picture
from warpmarks.detectors.base import ImageDetector
from warpmarks.detectors.to_csv import detect_to_file
from warpmarks.evaluation.evaluate import SetEvaluation, evaluate_predictions
from warpmarks.evaluation.predicting import predict_with
from warpmarks.heatmaps import concentration, soft_argmax, spatial_softmax
from warpmarks.losses import (
    diversity,
    landmark_equivariance,
    overlap_diversity,
    probability_equivariance,
    view_unit,
)
from warpmarks.runs.weights import weights_digest
from warpmarks.warps import ImagePair, PairSampler, RandomWarps, WarpRange, control_grid
from warpmarks.warps.sampling import sample_view, to_float_images, view_to_picture

LANDMARKS, BATCH = 10, 16
PICTURE, VIEW, CELLS = (80, 80), (64, 64), (32, 32)  # height and width: read, seen, of a score map
MARGIN = 0.1  # of the picture, on each side of the view: what warps bring into view is there
UNIT = view_unit(*CELLS)  # of distances: halves of the view's shorter side
# Eqs. 5 and 6 ask the same of points and of maps, eqs. 7 and 8 both that maps are apart.
WEIGHTS = {"eq. 5": 0.0, "eq. 6": 1.0, "eq. 7": 0.0, "eq. 8": 1.2 / LANDMARKS, "own": 1.0}


class OwnPictures(Dataset[Tensor]):
    """Images as bytes, (height, width, 3), one in five of them grey."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        """Number of images."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """One picture, laid out as the detector below lays it out."""
        picture = torch.from_numpy(read_picture(self.paths[index], *PICTURE)[0])
        if torch.rand(()) < 0.2:
            picture = picture.float().mean(-1, keepdim=True).byte().expand(*PICTURE, 3)
        return picture


class OwnNetwork(nn.Module):
    """Images in [0, 1] to K score maps, any real numbers."""

    def __init__(self) -> None:
        super().__init__()

        def layer(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
            # Zeros beyond the edge would tell how far it is, and landmarks keep to it.
            convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode="replicate")
            return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.SiLU())

        self.fine = nn.Sequential(layer(3, 24, 2), layer(24, 48))
        self.coarse = nn.Sequential(layer(48, 64, 2), layer(64, 64, 2), layer(64, 64))
        self.scores = nn.Sequential(layer(48 + 64, 64), nn.Conv2d(64, LANDMARKS, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, K, H/2, W/2)."""
        fine = self.fine(2 * images - 1)
        coarse = F.interpolate(self.coarse(fine), fine.shape[-2:], mode="bilinear")
        scores: Tensor = self.scores(torch.cat([fine, coarse], dim=1))
        return scores


def make_sampler() -> PairSampler:
    """Draws pairs x = I o g1 and x' = x o g."""
    controls, aspect = control_grid(5, 5), VIEW[1] / VIEW[0]
    first = WarpRange(rotation=15, scale=0.15, translation=0.1, deformation=0.05)
    second = WarpRange(rotation=30, scale=0.25, translation=0.15, deformation=0.1)
    return PairSampler(
        RandomWarps(first, aspect=aspect, controls=controls),
        RandomWarps(second, aspect=aspect, controls=controls),
        size=VIEW,
        cells=CELLS,
        margin=MARGIN,
    )


def terms_of(score_maps: Tensor, pair: ImagePair) -> dict[str, Tensor]:
    """The terms of the objective, of each pair, from the score maps of all x, then of all x'."""
    original, warped = spatial_softmax(score_maps).chunk(2)  # p(u | x, r) and p(v | x', r)
    in_original, in_warped = soft_argmax(original), soft_argmax(warped)  # Phi(x), Phi(x'), eq. 4
    moved = pair.warp(in_warped)  # g(Phi(x')), in the frame of x
    return {
        "eq. 5": landmark_equivariance(in_original, moved, UNIT),
        "eq. 6": probability_equivariance(original, warped, pair.warped_cells, UNIT),
        "eq. 7": overlap_diversity(original) + overlap_diversity(warped),
        "eq. 8": diversity(original, pooling=2) + diversity(warped, pooling=2),
        "own": near_the_edge(in_original) + near_the_edge(in_warped),
    }


def near_the_edge(landmarks: Tensor) -> Tensor:
    """A term of one's own: how far landmarks reach into the twentieth of the view at each edge."""
    return (landmarks.abs() - 0.9).clamp_min(0).sum(-1).mean(-1)


def train(paths: Sequence[Path], steps: int) -> OwnNetwork:
    """A network that has learned from images alone."""
    torch.manual_seed(0)  # of weights, order and colours
    generator = torch.Generator().manual_seed(0)  # of warps
    network, sampler, pictures = OwnNetwork(), make_sampler(), OwnPictures(paths)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    order = RandomSampler(pictures, replacement=True, num_samples=BATCH * steps)
    for step, batch in enumerate(DataLoader(pictures, BATCH, sampler=order), start=1):
        pair = sampler.sample(to_float_images(batch), sampler.draw(len(batch), generator))
        terms = terms_of(network(torch.cat([pair.original, pair.warped])), pair)
        loss = torch.stack([WEIGHTS[name] * term.mean() for name, term in terms.items()]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps:
            told = ", ".join(f"{name} {term.mean():.3f}" for name, term in terms.items())
            print(f"step {step}: {told}")
    return network


class OwnDetector(ImageDetector):
    """Finds the network's landmarks on any image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(PICTURE, fit="stretch")  # as `read_picture` lays an image into a picture
        self.network = network.eval()

    @property
    def digest(self) -> str:
        """Of the weights: what a regressor knows its detector by."""
        return weights_digest(self.network)

    @property
    def num_landmarks(self) -> int:
        """K."""
        return LANDMARKS

    @torch.no_grad()
    def search(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks in normalised coordinates of the pictures, and their scores."""
        images = to_float_images(torch.from_numpy(pictures))
        points = pixel_centres(*VIEW).expand(len(images), -1, -1, -1)
        maps = spatial_softmax(self.network(sample_view(images, points, MARGIN)))
        landmarks = soft_argmax(maps)
        scores = concentration(maps, landmarks)
        return view_to_picture(landmarks, MARGIN).double().numpy(), scores.double().numpy()


def evaluate(detector: ImageDetector, root: Path, normaliser: str | None) -> SetEvaluation:
    """Errors on the split val of a linear map that was fitted on the split train."""
    annotated = warpmarks.read_annotated(root, split="train", normaliser=normaliser)
    examples = warpmarks.locate_annotated(detector, annotated)
    fit = warpmarks.fit_regressor(examples, annotated.scheme, detector=detector.digest)

    annotated = warpmarks.read_annotated(root, split="val", normaliser=normaliser)
    examples = warpmarks.locate_annotated(detector, annotated)
    predictions = predict_with(fit.regressor, examples)
    return evaluate_predictions(examples, annotated.scheme, predictions)


def main(arguments: list[str]) -> None:
    """Train, write the landmarks of all images, and say what they are worth."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("landmarks", type=Path, help="the CSV file to write")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--normaliser", help="what errors are divided by, see docs/evaluation.md")
    options = parser.parse_args(arguments)
    network = train(warpmarks.find_images(options.set, split="train").paths(), options.steps)
    detector = OwnDetector(network)
    detect_to_file(detector, warpmarks.find_images(options.set), options.landmarks, scores=True)
    found = evaluate(detector, options.set, options.normaliser)
    print(f"error {found.landmarks.mean:.2%}, of the mean shape {found.mean_shape.mean:.2%}")


if __name__ == "__main__":
    sys.exit(run_script(main))

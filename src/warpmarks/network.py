"""The landmark network: images to score maps (sec. 3.2 and 4.1).

In the paper six convolutions with 20, 48, 64, 80, 256 and K filters, with one 2 x 2 max-pool after
the first, so that an H x W image gives K maps of H/2 x W/2 cells. What the paper
leaves open is a setting here:

* **Kernels and dilations.** Unstated. ``paper`` follows the authors' later release of "the NeurIPS
  2017 style network": 5, 5, 5 (dilation 2), 3 (4), 3 (2), 1, which sees 54 pixels. The network
  comes from Zhang et al. 2016, whose 256 units are fully connected; without a recipe they are read
  as a 1 x 1 convolution, which saves over half of all arithmetic: 5, 5, 3 (3), 3 (6), 1, 1 sees 50
  pixels. A field of most of the object tells its left from its right.
* **Coarse maps.** A dilated kernel finds one distinct spot and, with a weight elsewhere in the
  kernel, finds it again so many cells aside: landmarks are then copies of one spot, a lattice as
  stiff as the kernel, which no longer follows a head that turns. ``default`` has no dilation: with
  ``coarse`` further convolutions see means over blocks of 4 x 4 cells, and what they make of the
  whole view is seen, brought back up without sharp places, by the first 1 x 1 convolution beside
  the maps. Where exactly a landmark is must then be told by what is there.
* **Padding.** Zeros tell each cell how far it is from the edge, and landmarks then settle at fixed
  places of the image instead of on the object. Edges are replicated.
* **Last layer.** "Each convolutional layer is followed by a batch normalization and a ReLU" makes
  the score maps flat, and a map whose scores are all cut off to zero is uniform and gets no
  gradient. The last convolution is plain unless ``last_layer`` says ``batchnorm_relu``.
* **Score scale.** Scores are multiplied by a constant before the softmax, because a softmax over a
  thousand cells needs large differences to be sharp.
"""

from collections.abc import Sequence
from typing import Literal, overload

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from warpmarks.normalisation import BatchNorm2d

MEAN, DEVIATION = 0.45, 0.25
"""Images in [0, 1] are brought to about zero mean and unit variance with these."""

COARSE_BLOCK = 4
"""Side in cells of the blocks whose means the coarse convolutions see."""

PaddingMode = Literal["replicate", "reflect", "zeros"]
LastLayer = Literal["plain", "batchnorm_relu"]


class ReLU(nn.Module):
    """max(0, maps), in place where that is faster: on a CPU it is not in bfloat16."""

    def forward(self, maps: Tensor) -> Tensor:
        """The maps without what is negative."""
        in_place = maps.dtype == torch.float32 or maps.device.type != "cpu"
        return F.relu(maps, inplace=in_place)


class Coarse(nn.Module):
    """Maps, and what 3 x 3 convolutions make of their means over blocks.

    Args:
        inputs: channels of the maps.
        filters: of the convolutions, each followed by a batch normalisation and a ReLU.
        padding: what stands beyond the maps' edge.
    """

    def __init__(self, inputs: int, filters: Sequence[int], padding: PaddingMode) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for outputs in filters:
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode=padding, bias=False),
                BatchNorm2d(outputs),
                ReLU(),
            ]
            inputs = outputs
        self.layers = nn.Sequential(*layers)

    def forward(
        self, maps: Float[Tensor, "batch channels rows columns"]
    ) -> tuple[Tensor, Float[Tensor, "batch more block_rows block_columns"]]:
        """The maps, and the coarse ones, with one cell for each block.

        Blocks at the far edges may reach beyond it: there the edge goes on as it is.
        """
        rows, columns = maps.shape[-2:]
        beyond = (0, -columns % COARSE_BLOCK, 0, -rows % COARSE_BLOCK)
        whole = F.pad(maps, beyond, mode="replicate") if any(beyond) else maps
        return maps, self.layers(F.avg_pool2d(whole, COARSE_BLOCK))


class BesideCoarse(nn.Conv2d):
    """A 1 x 1 convolution of maps with the coarse ones, brought up to their cells, beside them.

    What it makes of the coarse maps is computed before they are brought up: a sixteenth of the
    arithmetic, and the same, as the interpolation treats all channels alike.

    Args:
        maps: channels of the maps.
        coarse: channels of the coarse ones.
        outputs: channels that it makes; a normalisation follows, so that there is no bias.
    """

    def __init__(self, maps: int, coarse: int, outputs: int) -> None:
        super().__init__(maps + coarse, outputs, 1, bias=False)
        self._channels = [maps, coarse]

    def forward(  # type: ignore[override]
        self, both: tuple[Tensor, Tensor]
    ) -> Float[Tensor, "batch outputs rows columns"]:
        """The convolution of what `Coarse` gives."""
        maps, coarse = both
        for_maps, for_coarse = self.weight.split(self._channels, dim=1)
        return add_enlarged(
            F.conv2d(maps, for_maps, self.bias), F.conv2d(coarse, for_coarse), COARSE_BLOCK
        )

    def apart(self) -> "Apart":
        """The same as two convolutions; the first has the bias, if folding has made one."""
        convolutions = []
        for weight, bias in zip(
            self.weight.split(self._channels, dim=1), (self.bias, None), strict=True
        ):
            made = skip_init(nn.Conv2d, weight.shape[1], weight.shape[0], 1, bias=bias is not None)
            made.weight = nn.Parameter(weight.detach().clone())
            if bias is not None:
                made.bias = nn.Parameter(bias.detach().clone())
            convolutions.append(made)
        return Apart(*convolutions)


class Apart(nn.Module):
    """What `BesideCoarse` makes, by a convolution of the maps and one of the coarse maps.

    For detection and export: each has weights of its own, as tools that read a graph expect.
    """

    def __init__(self, of_maps: nn.Conv2d, of_coarse: nn.Conv2d) -> None:
        super().__init__()
        self.of_maps, self.of_coarse = of_maps, of_coarse

    def forward(self, both: tuple[Tensor, Tensor]) -> Float[Tensor, "batch outputs rows columns"]:
        """The convolution of what `Coarse` gives."""
        maps, coarse = self.of_maps(both[0]), self.of_coarse(both[1])
        down, wide = _half_enlarged(coarse, COARSE_BLOCK, maps)
        # As `add_enlarged`: quicker forth by a pass, but with its gradient slower.
        rows = maps.permute(0, 2, 3, 1).flatten(2)
        rows.baddbmm_(down.expand(rows.shape[0], -1, -1), wide.flatten(2))
        return rows.unflatten(2, wide.shape[2:]).permute(0, 3, 1, 2)


def add_enlarged(
    maps: Float[Tensor, "batch channels rows columns"],
    coarse: Float[Tensor, "batch channels fewer_rows fewer_columns"],
    factor: int,
) -> Float[Tensor, "batch channels rows columns"]:
    """Maps, to which coarse ones are added, interpolated at cells ``factor`` times smaller.

    In place. Bilinear; cells of the coarse ones beyond the maps' far edges are left out. A product
    with a matrix along each axis: PyTorch's own function and its gradient take longer.
    """
    down, wide = _half_enlarged(coarse, factor, maps)
    larger = (down @ wide.flatten(2)).unflatten(2, wide.shape[2:])
    return maps.add_(larger.permute(0, 3, 1, 2))


def _half_enlarged(
    coarse: Float[Tensor, "batch channels fewer_rows fewer_columns"],
    factor: int,
    maps: Float[Tensor, "batch channels rows columns"],
) -> tuple[Float[Tensor, "rows fewer_rows"], Float[Tensor, "batch fewer_rows columns channels"]]:
    """A matrix that enlarges rows to those of the maps, and coarse maps enlarged across already."""
    down, across = (
        _interpolation(length, factor, cells, maps.device).to(coarse)
        for length, cells in zip(coarse.shape[-2:], maps.shape[-2:], strict=True)
    )
    return down, across @ coarse.permute(0, 2, 3, 1)


def _interpolation(
    length: int, factor: int, cells: int, device: torch.device
) -> Float[Tensor, "cells length"]:
    """The share that each of ``length`` values has in each cell; beyond the ends they go on."""
    places = ((torch.arange(cells, device=device) + 0.5) / factor - 0.5).clamp(0, length - 1)
    return (1 - (places[:, None] - torch.arange(length, device=device)).abs()).clamp_min(0)


def reference_of(network: nn.Module) -> Float[Tensor, "landmarks 2"] | None:
    """Where a network's landmarks usually are, see ``warpmarks.warps.pose``.

    In normalised coordinates of the view. None where it keeps none or does not know it yet.
    """
    reference = getattr(network, "reference", None)
    return reference if isinstance(reference, Tensor) and bool(reference.any()) else None


class LandmarkNetwork(nn.Module):
    """Psi: (B, 3, H, W) images in [0, 1] to (B, K, H/2, W/2) score maps, any real numbers.

    What goes together is checked by ``warpmarks.configuration.NetworkConfig``.

    Args:
        num_landmarks: K.
        filters: of all convolutions but the last.
        kernels: side of each convolution's kernel, odd; one more than ``filters``.
        dilations: of each convolution.
        coarse: filters of the coarse convolutions, see the module; none if empty.
        padding: what stands beyond the image's edge.
        last_layer: what follows the last convolution.
        score_scale: factor on the scores.
        descriptors: channels of the descriptors that training may ask for, see
            ``warpmarks.exchange``.
        reference: whether it keeps where its landmarks usually are, for a second look.
        generator: draws the initial weights, normal with variance 2 / fan_in.
    """

    def __init__(
        self,
        num_landmarks: int,
        *,
        filters: Sequence[int] = (20, 48, 64, 80, 256),
        kernels: Sequence[int] = (5, 5, 3, 3, 1, 1),
        dilations: Sequence[int] = (1, 1, 3, 6, 1, 1),
        coarse: Sequence[int] = (),
        padding: PaddingMode = "replicate",
        last_layer: LastLayer = "plain",
        score_scale: float = 1.0,
        descriptors: int = 0,
        reference: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.score_scale = score_scale
        layers: list[nn.Module] = []
        inputs, outputs = 3, [*filters, num_landmarks]
        last = len(filters)
        for index, (kernel, dilation) in enumerate(zip(kernels, dilations, strict=True)):
            plain = index == last and last_layer == "plain"
            layer: list[nn.Module]
            if coarse and index == list(kernels).index(1):
                layers.append(Coarse(inputs, coarse, padding))
                layer = [BesideCoarse(inputs, coarse[-1], outputs[index])]
            else:
                convolution = nn.Conv2d(
                    inputs,
                    outputs[index],
                    kernel,
                    padding=dilation * (kernel // 2),
                    dilation=dilation,
                    # PyTorch copies the maps even to pad them by nothing.
                    padding_mode=padding if kernel > 1 else "zeros",
                    bias=plain,
                )
                layer = [convolution]
            if not plain:
                layer.append(BatchNorm2d(outputs[index]))
            if index == 0:
                # Before the rectifier, which then has a quarter of the cells: the same maps.
                layer.append(nn.MaxPool2d(2))
            if not plain:
                layer.append(ReLU())
            layers += layer
            inputs = outputs[index]
        self.layers = nn.Sequential(*layers)
        self._before_scores = len(layers) - len(layer)
        self.descriptors = nn.Conv2d(filters[-1], descriptors, 1) if descriptors else None
        self.register_buffer("reference", torch.zeros(num_landmarks, 2) if reference else None)
        self._initialise(generator)

    @overload
    def forward(
        self, images: Float[Tensor, "batch 3 height width"], *, describe: Literal[False] = False
    ) -> Float[Tensor, "batch k rows columns"]: ...

    @overload
    def forward(
        self, images: Float[Tensor, "batch 3 height width"], *, describe: Literal[True]
    ) -> tuple[Float[Tensor, "batch k rows columns"], Float[Tensor, "batch d rows columns"]]: ...

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], *, describe: bool = False
    ) -> (
        Float[Tensor, "batch k rows columns"]
        | tuple[Float[Tensor, "batch k rows columns"], Float[Tensor, "batch d rows columns"]]
    ):
        """Score maps Psi(x) of images, (B, K, H/2, W/2).

        With ``describe`` a pair: the score maps, and descriptors of the same cells, (B, D, H/2,
        W/2), made from the same features.

        Raises:
            ValueError: descriptors are asked for that the network was made without.
        """
        if describe and self.descriptors is None:
            raise ValueError("this network was made without descriptors")
        features = self.layers[: self._before_scores]((images - MEAN) / DEVIATION)
        if not describe:
            return self._scaled(self.layers[self._before_scores :](features))
        score_maps, descriptors = self._scores_and_descriptors(features)
        return self._scaled(score_maps), descriptors

    def state_of(self, landmarks: Sequence[int]) -> dict[str, Tensor]:
        """The state of the same network with these of its landmarks alone, in this order."""
        last = range(self._before_scores, len(self.layers))
        of_landmarks = ("reference", *(f"layers.{index}." for index in last))
        state = self.state_dict()
        for name, tensor in state.items():
            if name.startswith(of_landmarks) and tensor.ndim:
                state[name] = tensor[list(landmarks)]
        return state

    def _scaled(self, score_maps: Tensor) -> Tensor:
        """The scores times their factor; by 1 nothing is gone through, forth or back."""
        return score_maps if self.score_scale == 1 else score_maps * self.score_scale

    def _scores_and_descriptors(
        self, features: Float[Tensor, "batch channels rows columns"]
    ) -> tuple[Tensor, Tensor]:
        """What the last layer and the descriptors' make of the same features.

        Where both are plain 1 x 1 convolutions they are computed as one: reading the features, and
        in the gradient writing them, takes longer than the arithmetic.
        """
        last, others = self.layers[self._before_scores], self.descriptors
        assert isinstance(last, nn.Conv2d)
        assert others is not None
        if last.bias is None or last.kernel_size != (1, 1):
            return self.layers[self._before_scores :](features), others(features)
        assert others.bias is not None
        weights = torch.cat([last.weight, others.weight])
        both = F.conv2d(features, weights, torch.cat([last.bias, others.bias]))
        score_maps, descriptors = both.split([last.out_channels, others.out_channels], dim=1)
        return score_maps, descriptors

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator | None) -> None:
        """Gaussian weights (sec. 4.1), of a size that keeps the variance through ReLUs."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    module.bias.zero_()

"""More landmarks than the network had that a run begins from.

The paper fine-tunes a network of 50 landmarks, and "the adapted network has 51" (sec. 4.3); how is
not said. Here the landmarks that there were stay as they are, and the new ones begin with the
random weights of a fresh network: where the objective finds room for them is for training to say.
"""

from collections.abc import Mapping

from torch import Tensor


def widen(weights: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights, with those of ``fresh`` for landmarks that they do not have.

    Args:
        weights: of a network with K landmarks.
        fresh: of the same network with as many or more.
    """
    return {name: _extended(tensor, fresh.get(name)) for name, tensor in weights.items()}


def _extended(tensor: Tensor, fresh: Tensor | None) -> Tensor:
    if fresh is None or fresh.ndim == 0 or fresh.shape == tensor.shape:
        return tensor
    if fresh.shape[1:] != tensor.shape[1:] or len(fresh) < len(tensor):
        return tensor  # another network, which is told of where the weights are loaded
    extended = fresh.clone()
    extended[: len(tensor)] = tensor
    return extended

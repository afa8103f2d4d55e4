"""Forward and backward errors: do landmarks tell the annotations, and do annotations tell them?

Forward is a linear map from landmarks to annotations, backward one from annotations to landmarks.
A landmark that jumps about is simply not used by the forward map, but the backward map cannot
predict it: forward says that some landmarks are good, backward that all of them are steady. From
Sanchez and Tzimiropoulos, NeurIPS 2019, "Object landmark discovery through unsupervised
adaptation"; the fit is that of its test.py: a ridge on centred coordinates, hence with a bias, of
strength 1e-5 times the largest entry of the inputs' scatter matrix. Theirs was fitted on one image
more than it says, and its backward errors are divided by 10 whatever the number of landmarks; here
they are means.

Both errors are divided by the normaliser of the annotations. They are of the regression of those
papers, not of the one that `warpmarks fit` saves.
"""

import numpy as np
from jaxtyping import Float

RIDGE = 1e-5


def predict_linearly(
    inputs: Float[np.ndarray, "images inputs 2"],
    targets: Float[np.ndarray, "images targets 2"],
    new_inputs: Float[np.ndarray, "new inputs 2"],
    *,
    ridge: float = RIDGE,
) -> Float[np.ndarray, "new targets 2"]:
    """Targets of new images by the ridge from inputs to targets, in the frame of both.

    Each target is fitted on the images that have it and all of the inputs (nan: missing); with no
    such image, and on new images that lack an input, it is nan.

    Args:
        inputs: of the images to fit on; landmarks for forward errors, annotations for backward.
        targets: of the same images.
        new_inputs: of the images to predict.
        ridge: strength, as a share of the largest entry of the inputs' scatter matrix.
    """
    complete = np.isfinite(inputs).all(axis=(1, 2))
    flat_new = new_inputs.reshape(len(new_inputs), -1)
    predicted = np.full((len(new_inputs), *targets.shape[1:]), np.nan)
    for target in range(targets.shape[1]):
        used = complete & np.isfinite(targets[:, target]).all(axis=-1)
        if not used.any():
            continue
        flat, wanted = inputs[used].reshape(used.sum(), -1), targets[used, target]
        mean_input, mean_target = flat.mean(axis=0), wanted.mean(axis=0)
        weights = _ridge_weights(flat - mean_input, wanted - mean_target, ridge)
        predicted[:, target] = (flat_new - mean_input) @ weights + mean_target
    return predicted


def _ridge_weights(
    inputs: Float[np.ndarray, "images inputs"],
    targets: Float[np.ndarray, "images 2"],
    ridge: float,
) -> Float[np.ndarray, "inputs 2"]:
    scatter = inputs.T @ inputs
    strength = ridge * (scatter.max() + 1e-12)
    return np.linalg.solve(scatter + strength * np.eye(len(scatter)), inputs.T @ targets)

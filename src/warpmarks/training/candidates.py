"""More landmarks are learned than a run keeps: those from which the others are told best.

Nothing but diversity drives a few landmarks apart, and it is content as soon as their maps do not
overlap: ten may all stand on one ear. Fifty have to fill the object, and of these, ten are chosen
from which a linear map, as annotated points are told by later, finds the places of the others well.
They are taken one by one, the one that tells most first (forward selection).
"""

import torch
from jaxtyping import Float
from torch import Tensor

OFF = 0.02
"""By how much a landmark is taken to be off along an axis, in halves of the view's shorter side."""


def most_telling(
    landmarks: Float[Tensor, "pictures landmarks 2"], count: int, off: float = OFF
) -> tuple[int, ...]:
    """The landmarks whose places tell most of the places of the others.

    What the chosen ones c tell of another landmark o is the variance of its best linear prediction
    from their places, C_oc (C_cc + off^2)^-1 C_co with C the covariance over pictures, as a share
    of its own C_oo + off^2. In each round the landmark is taken that adds most to what is told of
    those still left beside it, all together. One that moves by chance tells nothing of others, and
    one that stands where a chosen one does tells nothing more.

    Args:
        landmarks: of as many pictures as can be, in halves of the view's shorter side.
        count: how many are chosen, at least 1 and at most all.
        off: see `OFF`.

    Returns:
        Their indices, ascending.
    """
    pictures, total, _ = landmarks.shape
    places = (landmarks - landmarks.mean(0)).double().flatten(1)
    left = (places.T @ places / pictures).unflatten(0, (total, 2)).unflatten(2, (total, 2))
    noise = off**2 * torch.eye(2, dtype=torch.float64)
    variances = left.diagonal(dim1=0, dim2=2).diagonal(dim1=0, dim2=1).sum(1) + noise.trace()
    free = torch.ones(total, dtype=torch.bool)
    others = ~torch.eye(total, dtype=torch.bool)
    for _ in range(count):
        # Row o, column j: what landmark j would add to what is told of landmark o.
        by_itself = left.diagonal(dim1=0, dim2=2).permute(2, 0, 1) + noise
        added = torch.einsum("oajb,jbc,oajc->oj", left, by_itself.inverse(), left)
        gains = (added / variances[:, None] * (others & free[:, None])).sum(0)
        best = int(gains.masked_fill(~free, -1).argmax())
        free[best] = False
        column = left[:, :, best]
        told = torch.einsum("oab,bc,pdc->oapd", column, by_itself[best].inverse(), column)
        left = left - told
    return tuple((~free).nonzero().flatten().tolist())

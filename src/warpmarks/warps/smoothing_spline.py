"""Thin-plate splines that pass near their targets, nearer to the trusted ones.

A smoothing spline minimises

    sum_i trust_i |g(c_i) - target_i|^2 + stiffness * weights^T K weights

The second term is the bending energy (Wahba 1990, ch. 2). The system of an interpolating spline
becomes

    [ K + stiffness / trust    P ] [ weights ]   [ targets ]
    [ P^T                      0 ] [ affine  ] = [    0    ]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from warpmarks.warps.thin_plate_spline import spline_kernel, squared_distances

_LEAST_TRUST = 1e-6


def smoothing_solver(
    controls: Float[Tensor, "controls 2"], trust: Float[Tensor, " controls"], stiffness: float
) -> Float[Tensor, "solution controls"]:
    """The matrix, in float64, that takes N targets to the N weights and the 3 affine rows.

    The spline's values at points are ``spline_terms(points, controls) @ solver @ targets``.

    Args:
        controls: wherever; of the maps that fit equally well, as where all controls lie on a line,
            the one of least weights and affine rows is taken.
        trust: 1 is a target to be met, 0 one to be passed over.
        stiffness: above zero; more of it bends less, and ever more of it leaves an affine map. In
            units of the controls' frame squared.
    """
    controls, trust = controls.double(), trust.double().clamp_min(_LEAST_TRUST)
    count = len(controls)
    system = controls.new_zeros(count + 3, count + 3)
    system[:count, :count] = spline_kernel(squared_distances(controls, controls))
    system[:count, :count] += stiffness * torch.diag(1 / trust)
    system[:count, count] = 1
    system[:count, count + 1 :] = controls
    system[count:, :count] = system[:count, count:].T
    return torch.linalg.pinv(system, hermitian=True)[:, :count]

"""Ridge regression of every weight at once, with leave-one-out errors in closed form.

    minimise over W and c:  |Y - X W - f c|^2 + weight |W|^2

X: (n, p) inputs, Y: (n, m) targets, f: (n,) an input that is not penalised, or none. One
eigendecomposition of the smaller Gram matrix serves all weights. The error on an image of a fit
without that image is its residual over one minus its leverage (Allen's PRESS, 1974), exactly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

RANK = 1e-12
"""Squared singular values below this share of the largest are rounding, not inputs."""

UNDEFINED = 1e-9
"""Without an image that has a leverage of 1, less this, the rest do not determine the fit."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """The decomposed inputs of a ridge regression.

    Attributes:
        basis: orthonormal columns that span the penalised inputs, free of f.
        strengths: squared singular values, one for each column of the basis.
        back: takes what the basis explains of targets, over the square root of the strengths, to W.
        free: f over its length; zeros where there is none.
        inputs: X as given.
        length: of f; 1 where there is none.
    """

    basis: Float[np.ndarray, "images rank"]
    strengths: Float[np.ndarray, " rank"]
    back: Float[np.ndarray, "inputs rank"]
    free: Float[np.ndarray, " images"]
    inputs: Float[np.ndarray, "images inputs"]
    length: float

    @classmethod
    def of(
        cls,
        inputs: Float[np.ndarray, "images inputs"],
        free: Float[np.ndarray, " images"] | None = None,
    ) -> "Ridge":
        """Decompose the inputs; ``free`` is f, zero throughout where it says nothing."""
        length = 0.0 if free is None else float(np.linalg.norm(free))
        if free is None or length == 0:
            unit, length = np.zeros(len(inputs)), 1.0
        else:
            unit = free / length
        basis, strengths, back = thin_svd(inputs - np.outer(unit, unit @ inputs))
        return cls(basis, strengths, back, unit, inputs, length)

    def leverages(self, weight: float) -> Float[np.ndarray, " images"]:
        """The diagonal of the matrix that takes targets to fitted values; in [0, 1]."""
        return self.basis**2 @ self._kept(weight) + self.free**2

    def fitted(
        self, targets: Float[np.ndarray, "images targets"], weight: float
    ) -> Float[np.ndarray, "images targets"]:
        """What the fit says of the images that it was made from."""
        explained = self._kept(weight)[:, None] * (self.basis.T @ targets)
        return self.basis @ explained + np.outer(self.free, self.free @ targets)

    def left_out(
        self, targets: Float[np.ndarray, "images targets"], weight: float
    ) -> Float[np.ndarray, "images targets"]:
        """Target less prediction on each image of a fit without it; nan where there is none."""
        return _over_rest(targets - self.fitted(targets, weight), self.leverages(weight))

    def groups_left_out(
        self,
        targets: Float[np.ndarray, "images targets"],
        weight: float,
        groups: Int[np.ndarray, "groups size"],
    ) -> Float[np.ndarray, "groups targets"]:
        """The same on the first image of each group, of a fit without the whole group.

        By the group's block of the matrix that takes targets to fitted values in place of the
        leverage: (I - block)^-1 residuals.
        """
        columns, kept = self.smoother(weight)
        members = columns[groups]
        rest = np.eye(groups.shape[1]) - (members * kept) @ members.transpose(0, 2, 1)
        defined = np.linalg.eigvalsh(rest)[:, 0] > UNDEFINED
        residuals = (targets - self.fitted(targets, weight))[groups]
        errors = np.full((len(groups), targets.shape[1]), np.nan)
        errors[defined] = np.linalg.solve(rest[defined], residuals[defined])[:, 0]
        return errors

    def solution(
        self, targets: Float[np.ndarray, "images targets"], weight: float
    ) -> tuple[Float[np.ndarray, "inputs targets"], Float[np.ndarray, " targets"]]:
        """W and c."""
        shrunk = self._kept(weight) / np.sqrt(self.strengths)
        weights = self.back @ (shrunk[:, None] * (self.basis.T @ targets))
        return weights, self.free @ (targets - self.inputs @ weights) / self.length

    def smoother(
        self, weight: float
    ) -> tuple[Float[np.ndarray, "images directions"], Float[np.ndarray, " directions"]]:
        """Orthonormal columns Q and shares q: Q diag(q) Q^T takes targets to fitted values."""
        columns = np.concatenate([self.basis, self.free[:, None]], axis=1)
        return columns, np.append(self._kept(weight), 1.0)

    def _kept(self, weight: float) -> Float[np.ndarray, " rank"]:
        return self.strengths / (self.strengths + weight)


def thin_svd(
    inputs: Float[np.ndarray, "rows columns"],
) -> tuple[
    Float[np.ndarray, "rows rank"], Float[np.ndarray, " rank"], Float[np.ndarray, "columns rank"]
]:
    """U, the squared singular values and V, through the smaller Gram matrix; rounding left out."""
    tall = inputs.shape[0] >= inputs.shape[1]
    strengths, vectors = np.linalg.eigh(inputs.T @ inputs if tall else inputs @ inputs.T)
    kept = strengths > RANK * strengths.max(initial=0.0)
    strengths, vectors = strengths[kept], vectors[:, kept]
    other = (inputs if tall else inputs.T) @ vectors / np.sqrt(strengths)
    return (other, strengths, vectors) if tall else (vectors, strengths, other)


def _over_rest(
    residuals: Float[np.ndarray, "images targets"], leverages: Float[np.ndarray, " images"]
) -> Float[np.ndarray, "images targets"]:
    rest = 1 - leverages
    return residuals / np.where(rest > UNDEFINED, rest, np.nan)[:, None]

"""Regressors on disk: a folder of plain JSON and safetensors, made whole or not at all.

regressor.json        points, normaliser, mirror pairs, method, the detector it belongs to
weights.safetensors   in float64 ``weights`` (2N, 2K), ``mean_shape`` (N, 2) and, with bias,
                      ``offset`` (2N,)
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from warpmarks.arguments import expect_path
from warpmarks.datasets.results import REGRESSOR
from warpmarks.errors import InputError
from warpmarks.points import PointScheme, check_names
from warpmarks.pydantic_reasons import first_reason
from warpmarks.regression.regressor import Regressor, expect_regressor
from warpmarks.system.files import atomic_path, fresh_folder, refuse_other_format, write_json

FORMAT = 1
FOLDER = "regressors"
"""Of a run: where its regressors lie, each in a folder with these files."""

RECORD, WEIGHTS = REGRESSOR, "weights.safetensors"


class RegressorRecord(BaseModel):
    """What a regressor is; ``regressor.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[int, Field(ge=1)] = FORMAT
    method: str
    num_landmarks: Annotated[int, Field(ge=1)]
    names: tuple[str, ...]
    normaliser: str
    mirror: tuple[tuple[int, int], ...]
    """Pairs of points, counted from 1."""
    detector: str
    """Digest of the weights of the detector that it belongs to."""
    fitted_on: Annotated[int, Field(ge=1)]
    """Number of annotated images."""
    fitted_names: tuple[str, ...]
    """A short hash of the name of each, sorted; none where they are not known."""
    bias: bool
    about: dict[str, Any] = {}
    """What `warpmarks fit` tells of it: the set, the promise."""


def regressor_path(name: str | Path, run: str | Path | None = None) -> Path:
    """Where a regressor lies: a bare word is a name inside the run, anything else a path.

    Raises:
        InputError: a bare word, where there is no run, or no path at all.
    """
    path = expect_path(name, "regressor", "the name of a regressor or the path of one")
    if not is_bare(name):
        return path
    if run is None:
        raise InputError(
            f"the regressor {name} is a name without a run: give a path such as ./{name}"
        )
    return Path(run) / FOLDER / name


def is_bare(name: str | Path) -> bool:
    """Whether it is a bare word, and so a name inside the run."""
    return str(name) not in {"", ".", ".."} and Path(name).name == str(name)


def save_regressor(
    regressor: Regressor,
    path: str | Path,
    *,
    about: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    beside: Callable[[Path], None] | None = None,
) -> None:
    """Write a regressor as a folder.

    Args:
        regressor: what to write.
        path: the folder, whose parent is made if need be.
        about: plain JSON to keep with it.
        overwrite: replace a regressor that is there.
        beside: is called with the folder, under a name for the time being, to put more into it.

    Raises:
        InputError: something is there that may not be replaced, it cannot be written, or the
            regressor does not say which detector it belongs to.
    """
    path = expect_path(path, "path", "the path of a folder for the regressor")
    regressor = expect_regressor(regressor)
    if not regressor.detector:
        raise InputError(
            f"{path} would belong to no detector: fit the regressor with "
            "fit_regressor(..., detector=detector.digest)"
        )
    refuse_existing(path, overwrite=overwrite)
    record = RegressorRecord(
        method=regressor.method,
        num_landmarks=regressor.num_landmarks,
        **regressor.scheme.record(),
        detector=regressor.detector,
        fitted_on=regressor.fitted_on,
        fitted_names=tuple(sorted(regressor.fitted_names)),
        bias=regressor.offset is not None,
        about=dict(about or {}),
    )
    tensors = {
        "weights": np.ascontiguousarray(regressor.weights, dtype=np.float64),
        "mean_shape": np.ascontiguousarray(regressor.mean_shape, dtype=np.float64),
    }
    if regressor.offset is not None:
        tensors["offset"] = np.ascontiguousarray(regressor.offset, dtype=np.float64)
    with fresh_folder(path) as folder:
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file(tensors, temporary)
        write_json(folder / RECORD, record.model_dump(mode="json"))
        if beside is not None:
            beside(folder)


def load_for(detector: str, name: str, run: Path) -> Regressor:
    """Read a regressor that is to be used with a detector.

    Args:
        detector: its digest.
        name: see `regressor_path`.
        run: the detector's run.

    Raises:
        InputError: see `load_regressor`, or it was fitted to another detector.
    """
    regressor = load_regressor(regressor_path(name, run))
    regressor.check_detector(detector, name=name)
    return regressor


def load_regressor(path: str | Path) -> Regressor:
    """Read a regressor.

    Raises:
        InputError: there is none, it is damaged, its parts do not fit together, or a later version
            has written it.
    """
    path = expect_path(path, "path", "the path of a regressor")
    record = read_record(path)
    try:
        tensors = load_file(path / WEIGHTS)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path / WEIGHTS} is damaged ({' '.join(str(error).split())}): fit the regressor again"
        ) from error
    shapes: dict[str, tuple[int, ...]] = {
        "weights": (2 * len(record.names), 2 * record.num_landmarks),
        "mean_shape": (len(record.names), 2),
    }
    if record.bias:
        shapes["offset"] = (2 * len(record.names),)
    _check_tensors(path, tensors, shapes)
    source = f"{path / RECORD}: normaliser"
    return Regressor(
        tensors["weights"].astype(np.float64),
        tensors["offset"].astype(np.float64) if record.bias else None,
        PointScheme.of_record(record.names, record.normaliser, record.mirror, source=source),
        record.method,
        record.detector,
        record.fitted_on,
        tensors["mean_shape"].astype(np.float64),
        frozenset(record.fitted_names),
    )


def read_record(path: Path) -> RegressorRecord:
    """What a regressor is, without its weights.

    Raises:
        InputError: there is none, it is damaged or inconsistent, or a later version has written it.
    """
    file = path / RECORD
    if not path.exists():
        raise InputError(f"the regressor {path} does not exist{_others(path)}")
    if path.is_file() and (path.parent / RECORD).is_file():
        raise InputError(
            f"{path} is a file of the regressor {path.parent}: name its folder instead"
        )
    if not file.is_file():
        raise InputError(f"{path} is no regressor: there is no {RECORD} in it{_others(path)}")
    try:
        written = json.loads(file.read_text(encoding="utf-8"))
        refuse_other_format(written, FORMAT, file, "fit the regressor again")
        record = RegressorRecord.model_validate(written)
    except ValidationError as error:
        reason = first_reason(error)
        raise InputError(f"{file} is damaged ({reason}): fit the regressor again") from error
    except (ValueError, TypeError, OSError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is damaged ({reason}): fit the regressor again") from error
    check_names(record.names, source=str(file))
    if not record.names or any(
        not 1 <= point <= len(record.names) for pair in record.mirror for point in pair
    ):
        raise InputError(
            f"{file} is damaged (mirror names points that are not there): fit the regressor again"
        )
    return record


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise if ``save_regressor`` would.

    Raises:
        InputError: something is there and may not be replaced.
    """
    if not path.exists():
        return
    if not (path / RECORD).is_file():
        raise InputError(f"{path} exists and is no regressor: choose another --output")
    if not overwrite:
        raise InputError(
            f"{path} holds a regressor already: choose another --output or replace it with "
            "--overwrite"
        )


def _check_tensors(
    path: Path, tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    for name in sorted(shapes.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else "nothing"
        expected = shapes.get(name, "nothing")
        if found != expected:
            raise InputError(
                f"{path / WEIGHTS} does not belong to {RECORD}: {name} is {found}, expected "
                f"{expected}; fit the regressor again"
            )
        if not np.isfinite(tensors[name]).all():
            raise InputError(
                f"{path / WEIGHTS} is damaged ({name} holds values that are not numbers): fit the "
                "regressor again"
            )


def _others(path: Path) -> str:
    if path.parent.name != FOLDER or not path.parent.is_dir():
        return ""
    there = sorted(entry.name for entry in path.parent.iterdir() if (entry / RECORD).is_file())
    return f"; the run has {', '.join(there)}" if there else "; fit one with `warpmarks fit`"

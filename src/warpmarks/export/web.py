"""A folder that any static server serves: a page that detects in the browser, on its own device.

index.html, page.css, page.js, detector.js    the page
model.onnx                                    the exported file
runtime/                                      onnxruntime-web, where its package is at hand
"""

import json
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from warpmarks.detectors.detector import Detector
from warpmarks.errors import InputError
from warpmarks.export.onnx_file import write_onnx
from warpmarks.export.web_runtime import cdn_runtime, copy_runtime, integrity_of
from warpmarks.plots.colours import colour_code, landmark_colours
from warpmarks.points import numbered_names
from warpmarks.regression.regressor import Regressor
from warpmarks.system.files import write_text
from warpmarks.system.whole_folder import whole_folder
from warpmarks.wording import counted

CHECK_SIZE, CHECK_TOLERANCE = 64, 0.25
"""Side of the picture that each engine is tried on, and how far off in its pixels the middle one of
the coordinates that it finds may be."""

_ASSETS = ("page.css", "page.js", "detector.js")


def write_page(
    detector: Detector,
    folder: Path,
    regressor: Regressor | None = None,
    *,
    name: str,
    runtime: Path | None = None,
) -> None:
    """Write the page of a detector, and a regressor if there is one, whole or not at all.

    Args:
        detector: to export.
        folder: to write into, made if need be; other files in it are left alone.
        regressor: whose points the page shows.
        name: of the page.
        runtime: the npm package onnxruntime-web to copy from; None: the page refers to a CDN.

    Raises:
        InputError: the libraries for it are missing, the package is not one or is of no use, or the
            folder cannot be written.
    """
    with whole_folder(folder, last="index.html") as fresh:
        _write_into(fresh, detector, regressor, name=name, runtime=runtime)


def refuse_other_folder(folder: Path) -> None:
    """Raise if there is a folder with something else in it than an earlier page.

    Raises:
        InputError: it is not empty, and no page.
    """
    page = all((folder / asset).is_file() for asset in _ASSETS)
    if folder.is_dir() and not page and any(folder.iterdir()):
        raise InputError(
            f"--output {folder} is not empty and holds no exported page: choose another folder"
        )


def check_picture() -> UInt8[np.ndarray, "size size 3"]:
    """Bytes that a browser makes without reading a file: see detector.js."""
    at = np.arange(CHECK_SIZE * CHECK_SIZE * 3)
    return ((at * 37 + at // 96 * 11) % 256).astype(np.uint8).reshape(CHECK_SIZE, CHECK_SIZE, 3)


def _write_into(
    folder: Path,
    detector: Detector,
    regressor: Regressor | None,
    *,
    name: str,
    runtime: Path | None,
) -> None:
    """The page's files into an empty folder."""
    served = cdn_runtime() if runtime is None else copy_runtime(runtime, folder / "runtime")
    model = folder / "model.onnx"
    # The runtime's file for WebGPU knows no float64, on the processor either.
    write_onnx(detector, model, regressor, precision=torch.float32)
    settings: dict[str, Any] = {
        "model": {"url": model.name, "integrity": integrity_of(model)},
        "runtime": served.files,
        "landmarks": _looks(_landmark_names(detector), named=detector.record.scheme is not None),
        "check": {
            "size": CHECK_SIZE,
            "tolerance": CHECK_TOLERANCE,
            "landmarks": detector(check_picture()).landmarks.flatten().tolist(),
        },
        "points": None if regressor is None else _looks(regressor.scheme.names, named=True),
    }
    package = files("warpmarks.export") / "page"
    for asset in _ASSETS:
        write_text(folder / asset, (package / asset).read_text(encoding="utf-8"))
    page = Template((package / "index.html").read_text(encoding="utf-8")).substitute(
        title=_text(name),
        sentence=_sentence(detector, regressor),
        about=_text(
            f"Written by warpmarks {version('warpmarks')}; detector {detector.digest[:12]}; "
            f"onnxruntime-web {served.version}."
        ),
        origins=served.origin,
        settings=json.dumps(settings).replace("<", "\\u003c"),
    )
    write_text(folder / "index.html", page)


def _sentence(detector: Detector, regressor: Regressor | None) -> str:
    if regressor is not None:
        count, what = regressor.num_points, "point"
    else:
        count, what = detector.num_landmarks, "landmark"
    return f"Finds {counted(count, what)} on a picture or the camera."


def _landmark_names(detector: Detector) -> tuple[str, ...]:
    scheme = detector.record.scheme
    if scheme is not None:
        return scheme.names
    return numbered_names(detector.num_landmarks)


def _looks(names: tuple[str, ...], *, named: bool) -> list[dict[str, object]]:
    colours = landmark_colours(len(names))
    return [
        {"name": name, "named": named, "colour": colour_code(colour)}
        for name, colour in zip(names, colours, strict=True)
    ]


def _text(value: str) -> str:
    readable = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return escape(readable, quote=True)

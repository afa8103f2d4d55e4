"""``warpmarks export``: a run as a file for other programs, or as a page for browsers."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.cli.options import Copies, Overwrite, Run
from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.detectors.detector import Detector
    from warpmarks.regression.regressor import Regressor


class ExportFormat(StrEnum):
    """What a run is exported as."""

    ONNX = "onnx"
    ONNX_INT8 = "onnx-int8"
    TORCH = "torch"
    WEB = "web"


def export(
    run: Run,
    output: Annotated[
        Path,
        typer.Option(
            metavar="FILE|DIR",
            show_default=False,
            help="The file to write, .onnx or .pt2; of --format web a folder.",
        ),
    ],
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="onnx: one file, for onnxruntime and others. onnx-int8: the same, its network in "
            "bytes. torch: a torch.export program, .pt2. web: a folder with a page that "
            "detects in the browser.",
        ),
    ] = ExportFormat.ONNX,
    regressor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="A regressor to fold in, so that the points it was fitted for come out beside the "
            "landmarks: its name inside the run, or its path.",
        ),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGES",
            show_default=False,
            help="Of onnx-int8: images of the kind that it will see, some hundred of which choose "
            "the ranges of its bytes.",
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default="a public CDN, with integrity hashes",
            help="Of web: the npm package onnxruntime-web, whose files are copied into the folder, "
            "e.g. node_modules/onnxruntime-web.",
        ),
    ] = None,
    copies: Copies = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a trained run as one file, or a page, that does without this package."""
    from warpmarks.cli.outputs import check_output_file, check_output_folder
    from warpmarks.detectors.detector import Detector
    from warpmarks.regression.storage import load_for

    if (calibrate is None) == (form is ExportFormat.ONNX_INT8):
        raise InputError(
            "--calibrate belongs to --format onnx-int8: leave it out"
            if calibrate is not None
            else "--format onnx-int8 needs --calibrate IMAGES, images of the kind it will see"
        )
    if runtime is not None and form is not ExportFormat.WEB:
        raise InputError("--runtime belongs to --format web: leave it out")
    if form is ExportFormat.WEB:
        from warpmarks.export.web import refuse_other_folder

        if runtime is not None:
            from warpmarks.export.web_runtime import check_runtime

            check_runtime(runtime)
        refuse_other_folder(output)
        check_output_folder(output, overwrite=overwrite)
    else:
        suffix = ".pt2" if form is ExportFormat.TORCH else ".onnx"
        if output.suffix.lower() != suffix:
            raise InputError(
                f"--output is {output}: --format {form.value} expects a name that ends with "
                f"{suffix}"
                + ("; torch takes .pt2, and web a folder" if form is ExportFormat.ONNX else "")
            )
        check_output_file(output, overwrite=overwrite)
    detector = Detector.load(run, device="cpu", copies=copies)
    carried = None if regressor is None else load_for(detector.digest, regressor, run)
    match form:
        case ExportFormat.ONNX:
            from warpmarks.export.onnx_file import write_onnx

            write_onnx(detector, output, carried)
        case ExportFormat.ONNX_INT8:
            _write_int8(detector, output, carried, calibrate)
        case ExportFormat.TORCH:
            from warpmarks.export.torch_file import write_torch

            write_torch(detector, output, carried)
        case ExportFormat.WEB:
            from warpmarks.export.web import write_page

            write_page(detector, output, carried, name=run.resolve().name, runtime=runtime)
            print(f"{output}: serve it, for instance with python -m http.server -d {output}")
            return
    found = counted(detector.num_landmarks, "landmark")
    if carried is not None:
        found += f" and {counted(carried.num_points, 'point')}"
    print(f"{output}: {found}, {output.stat().st_size / 2**20:.1f} MiB")


def _write_int8(
    detector: "Detector", output: Path, regressor: "Regressor | None", images: Path | None
) -> None:
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.datasets.image_set import find_images
    from warpmarks.export.quantised import write_int8

    assert images is not None
    with terminal_progress() as progress:
        found = find_images(images, progress=progress)
        write_int8(detector, output, found, regressor, progress=progress)

"""An exported detector: the same answers from one ONNX file, through onnxruntime, without torch.

The file holds all that a detector is: its graph takes the bytes of images and gives landmarks in
their pixels (see `warpmarks.export`), and its metadata say what the rest of the package asks of a
detector. Here images are read as for every detector, so that damaged, turned, deep and huge ones
are met in the same way; the graph is given pictures, which it takes as they are.
"""

import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from jaxtyping import Float, UInt8
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from warpmarks.arguments import expect_path
from warpmarks.detectors.base import ImageDetector
from warpmarks.errors import InputError
from warpmarks.points import PointScheme
from warpmarks.pydantic_reasons import first_reason
from warpmarks.regression.regressor import Regressor
from warpmarks.system.files import refuse_other_format

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1
KEY = "warpmarks"
"""Of the file's metadata, with an `ExportRecord` as JSON."""

_CUDA = "CUDAExecutionProvider"

Size = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExportedRegressor(_Entry):
    """A regressor whose points the file gives beside the landmarks; arrays as base64 of float64."""

    names: tuple[str, ...]
    normaliser: str
    mirror: tuple[tuple[int, int], ...]
    """Pairs of points, counted from 1."""
    method: str
    fitted_on: int
    weights: str
    offset: str | None
    mean_shape: str


class ExportRecord(_Entry):
    """What an exported file says of itself; sizes are (height, width)."""

    format: Annotated[int, Field(ge=1)] = FORMAT
    version: str
    """Of the package that wrote it."""
    precision: Literal["float32", "int8"] = "float32"
    num_landmarks: Annotated[int, Field(ge=1)]
    landmark_names: tuple[str, ...] | None = None
    """Of a supervised run, whose landmarks are annotated points."""
    view: Size
    """What the network sees."""
    picture: Size
    """What images are laid into; the view lies ``margin`` inside its edges."""
    margin: float
    fit: Literal["stretch", "crop", "pad"]
    looks: Annotated[int, Field(ge=1)]
    """At each image, and the copies of the object that the last of them sees."""
    copies: Annotated[int, Field(ge=1)]
    digest: str
    """Of the run's weights, see `warpmarks.detectors.detector.Detector.digest`."""
    regressor: ExportedRegressor | None = None


def exported_regressor(regressor: Regressor) -> ExportedRegressor:
    """A regressor as the file's metadata hold it."""
    return ExportedRegressor(
        **regressor.scheme.record(),
        method=regressor.method,
        fitted_on=regressor.fitted_on,
        weights=_as_text(regressor.weights),
        offset=None if regressor.offset is None else _as_text(regressor.offset),
        mean_shape=_as_text(regressor.mean_shape),
    )


def is_exported(path: str | Path) -> bool:
    """Whether a detector is a file and not the folder of a run."""
    return Path(path).suffix.lower() == ".onnx" and not Path(path).is_dir()


class ExportedDetector(ImageDetector):
    """Finds the K landmarks of an exported run on any image.

    >>> detector = ExportedDetector.load("cats.onnx")       # doctest: +SKIP
    >>> detector("cat.jpg").landmarks                       # (K, 2) pixels   # doctest: +SKIP

    With a regressor in the file, ``PointDetector(detector, detector.regressor)`` finds its points.

    Args:
        session: of the file.
        record: what the file says of itself.
        content: hash of the file.
    """

    def __init__(
        self, session: "onnxruntime.InferenceSession", record: ExportRecord, content: str = ""
    ) -> None:
        super().__init__(record.picture, record.fit)
        self.record = record
        self.regressor = None if record.regressor is None else _regressor_in(record)
        self._session, self._content = session, content

    @classmethod
    def load(
        cls, path: str | Path, *, device: str = "auto", threads: int | None = None
    ) -> "ExportedDetector":
        """The detector of an ONNX file that `warpmarks export` wrote.

        Args:
            path: of the file.
            device: auto, cpu or cuda; auto is a GPU where this onnxruntime can use one.
            threads: CPU threads to compute with; as many as onnxruntime chooses if None.

        Raises:
            InputError: no such file, not one of ours, damaged, or of a later version; onnxruntime
                is not installed, or cannot use the device.
        """
        path = expect_path(path, "path", "the path of an ONNX file")
        if not path.is_file():
            raise InputError(f"{path} does not exist: make it with `warpmarks export RUN`")
        session = _open_session(path, device, threads)
        record = _read_record(path, session.get_modelmeta().custom_metadata_map)
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(session, record, content)

    @property
    def num_landmarks(self) -> int:
        """K."""
        return self.record.num_landmarks

    @property
    def digest(self) -> str:
        """SHA-256 of the weights of the run: what a regressor knows its detector by."""
        return self.record.digest

    @property
    def made_by(self) -> str:
        """Of the file: the run's weights in eight bits find other coordinates than in full."""
        return f"{self.digest} {self._content}"

    def search(
        self, pictures: UInt8[np.ndarray, "batch height width 3"]
    ) -> tuple[Float[np.ndarray, "batch landmarks 2"], Float[np.ndarray, "batch landmarks"]]:
        """Landmarks in normalised coordinates of the pictures, and their scores."""
        landmarks, scores = self._session.run(["landmarks", "scores"], {"images": pictures})
        height, width = pictures.shape[1:3]
        normalised = (2 * landmarks.astype(np.float64) + 1) / (width, height) - 1
        return normalised, scores.astype(np.float64)


def _open_session(path: Path, device: str, threads: int | None) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            f"{path} needs onnxruntime, which is not installed: pip install 'warpmarks[export]'"
        ) from error
    on_gpu = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not on_gpu:
        raise InputError(
            "--device is cuda, but this onnxruntime cannot use a GPU: use --device cpu, or install "
            "onnxruntime-gpu"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    providers: list[tuple[str, dict[str, str]]] = [("CPUExecutionProvider", {})]
    if on_gpu and device != "cpu":
        # Or else it rounds what convolutions multiply to 10 bits.
        providers.insert(0, (_CUDA, {"use_tf32": "0"}))
    try:
        session = onnxruntime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # onnxruntime raises many types, of its own and others
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is no ONNX file that can be used ({reason})") from error
    # What was built for a GPU computes without one where the GPU or its libraries are missing.
    if device == "cuda" and _CUDA not in session.get_providers():
        raise InputError(
            "--device is cuda, but onnxruntime could not use the GPU (its CUDA and cuDNN must be "
            "those that onnxruntime-gpu was built for): use --device cpu, or install them"
        )
    return session


def _read_record(path: Path, metadata: dict[str, str]) -> ExportRecord:
    text = metadata.get(KEY)
    if text is None:
        raise InputError(
            f"{path} was not written by `warpmarks export`: it does not say what it finds"
        )
    with suppress(json.JSONDecodeError):  # which is told of below
        refuse_other_format(json.loads(text), FORMAT, path, "export again")
    try:
        record: ExportRecord = ExportRecord.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({first_reason(error)}): export again") from error
    return record


def _regressor_in(record: ExportRecord) -> Regressor:
    held = record.regressor
    assert held is not None
    points = len(held.names)
    return Regressor(
        _as_array(held.weights).reshape(2 * points, 2 * record.num_landmarks),
        None if held.offset is None else _as_array(held.offset),
        PointScheme.of_record(held.names, held.normaliser, held.mirror, source="normaliser"),
        held.method,
        record.digest,
        held.fitted_on,
        _as_array(held.mean_shape).reshape(points, 2),
    )


def _as_text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode("ascii")


def _as_array(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").copy()

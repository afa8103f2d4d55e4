"""Where the page gets onnxruntime-web from: beside it, or a CDN that cannot change a byte of it.

Every file is fetched with its SHA-384, so that a browser refuses one that is not the release's own.
"""

import base64
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from warpmarks.errors import InputError
from warpmarks.system.files import atomic_path

VERSION = "1.30.0"
"""The pinned release, of npm."""

CDN = "https://cdn.jsdelivr.net"

FILES = {
    "webgpu": (
        "ort.webgpu.min.mjs",
        "ort-wasm-simd-threaded.asyncify.mjs",
        "ort-wasm-simd-threaded.asyncify.wasm",
    ),
    "wasm": ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
}
"""Of the package's dist/, for each engine: the library, what loads the binary, the binary."""

# Of the files of the pinned release in the npm registry.
_INTEGRITY = {
    "ort.webgpu.min.mjs": (
        "sha384-FPQBMbud8ICuP0Ii+Gr95KWEX9pKHtUC3lacIp0aPI8WYluKvTsEGQ3AE2Ze3QlL"
    ),
    "ort-wasm-simd-threaded.asyncify.mjs": (
        "sha384-qViEcCGzsR/m8nlQwIsbYh7afN4thuraqFYDQY6huvmoLVoZq/eYawQ1wrv8nnhA"
    ),
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "sha384-EPVDLTxuO663dkZO/pcKJF6vOyyfq/5z9FY1oksN0UWFX2ABH4wDDZQHeNoUleWR"
    ),
    "ort.wasm.min.mjs": "sha384-SfFfy/pvthiOsgaw3KX0bV5TfQ6Iq+oY9KutMe4SxIuHH4cl+DCSD4rTsYOoG1tJ",
    "ort-wasm-simd-threaded.mjs": (
        "sha384-XcXA/MtAf0WpB8e023xQH9CM7RIjiugakT7x99DIwpFf7k56BIFFcAPerIF7FDad"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM"
    ),
}


@dataclass(frozen=True)
class Runtime:
    """The files of the runtime as the page asks for them.

    Attributes:
        version: of onnxruntime-web.
        origin: that the page may fetch from beside its own; empty if none.
        files: url and integrity of each engine's files.
    """

    version: str
    origin: str
    files: dict[str, list[dict[str, str]]]


def cdn_runtime() -> Runtime:
    """The pinned release at the CDN."""
    start = f"{CDN}/npm/onnxruntime-web@{VERSION}/dist"
    return Runtime(
        VERSION,
        CDN,
        {
            engine: [{"url": f"{start}/{name}", "integrity": _INTEGRITY[name]} for name in names]
            for engine, names in FILES.items()
        },
    )


def check_runtime(package: Path) -> str:
    """The version of an npm package that has all files.

    Raises:
        InputError: it is not onnxruntime-web, or lacks a file.
    """
    version = _version_of(package)
    for source in _sources(package).values():
        if not source.is_file():
            raise InputError(
                f"--runtime {package}: there is no {source.relative_to(package)} in its version "
                f"{version}: install onnxruntime-web@{VERSION}"
            )
    return version


def copy_runtime(package: Path, folder: Path) -> Runtime:
    """The files of an npm package, copied into a folder beside the page.

    Raises:
        InputError: it is not onnxruntime-web, lacks a file, or cannot be copied.
    """
    version = check_runtime(package)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror})") from error
    for name, source in _sources(package).items():
        with atomic_path(folder / name) as temporary:
            shutil.copyfile(source, temporary)
    return Runtime(
        version,
        "",
        {
            engine: [
                {"url": f"{folder.name}/{name}", "integrity": integrity_of(folder / name)}
                for name in names
            ]
            for engine, names in FILES.items()
        },
    )


def integrity_of(path: Path) -> str:
    """The file's hash, as browsers check it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha384").digest()
    return f"sha384-{base64.b64encode(digest).decode('ascii')}"


def _sources(package: Path) -> dict[str, Path]:
    return {name: package / "dist" / name for names in FILES.values() for name in names}


def _version_of(package: Path) -> str:
    try:
        told = json.loads((package / "package.json").read_text(encoding="utf-8"))
        name, version = told["name"], str(told["version"])
    except (OSError, ValueError, KeyError, TypeError):
        name, version = None, ""
    if name != "onnxruntime-web":
        raise InputError(
            f"--runtime {package} is not the npm package onnxruntime-web: get it with "
            f"`npm install onnxruntime-web@{VERSION}` and give node_modules/onnxruntime-web"
        )
    return version

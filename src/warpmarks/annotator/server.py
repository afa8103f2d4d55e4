"""The annotator over HTTP: one small handler per address, with all the thinking elsewhere."""

import hashlib
import secrets
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from warpmarks.annotator.annotations import MAX_POINTS
from warpmarks.annotator.encoded_pictures import EncodedPictures
from warpmarks.annotator.exporting import export, format_titles
from warpmarks.annotator.guard import Guard
from warpmarks.annotator.session import NoSuchImage, Session
from warpmarks.annotator.shapes import table
from warpmarks.annotator.store import Conflict
from warpmarks.datasets.reading import UnreadableImage
from warpmarks.errors import InputError
from warpmarks.pydantic_reasons import plain_reason
from warpmarks.regression.storage import RECORD, is_bare, regressor_path, save_regressor
from warpmarks.wording import shown

_PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
# What people label is nobody else's, whatever the environment says.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
_LONGEST_NAME = 100  # bytes


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _SentPoint(_Sent):
    x: float | None
    y: float | None
    visible: bool = True
    accepted: bool = False  # as the page was told; the session says what is


class _SentLabels(_Sent):
    base_version: int
    points: Annotated[list[_SentPoint | None], Field(max_length=MAX_POINTS)]
    image: str | None = None  # its name, as the page knows it


class _SentName(_Sent):
    name: str
    colour: str
    was: int | None = None


_Pair = tuple[int, int]


class _SentScheme(_Sent):
    base_version: int
    points: Annotated[list[_SentName], Field(max_length=MAX_POINTS)]
    mirror: list[_Pair] = []
    normaliser: _Pair | None = None
    drop_labels: bool = False


class _SentExport(_Sent):
    format: str
    what: Literal["labels", "labels+predictions"] = "labels"


class _SentRegressor(_Sent):
    name: str
    overwrite: bool = False


def build_app(session: Session, run: str | Path, *, token: str, host: str, port: int) -> ASGIApp:
    """The application, guarded.

    Args:
        session: the project.
        run: where regressors are saved.
        token: the secret of the page's address.
        host: where the server listens.
        port: as ``host``.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, telemetry=_NO_TELEMETRY)
    _add_errors(app)
    # What a page keeps in the browser belongs to this project, whatever others are called.
    _add_views(app, session, key=_digest(token.encode()))
    _add_changes(app, session)
    _add_exports(app, session, run)
    _add_page(app)
    return Guard(app, token=token, host=host, port=port)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(InputError)
    def refuse(_: Request, error: InputError) -> JSONResponse:
        status = {Conflict: 409, NoSuchImage: 404, UnreadableImage: 404}.get(type(error), 400)
        return _error(status, shown(str(error)))

    @app.exception_handler(RequestValidationError)
    def refuse_request(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return _error(400, shown(f"{where}: {plain_reason(first['msg'])}"[:300]))

    @app.exception_handler(HTTPException)
    def refuse_address(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, f"{error.detail}")


def _add_views(app: FastAPI, session: Session, *, key: str) -> None:
    pictures = EncodedPictures(session.images)
    # Another server at this address may have shown other images, or the points of another run.
    server = secrets.token_hex(8)

    @app.get("/api/project")
    def project() -> Any:
        return {**session.overview(), "key": key, "formats": format_titles()}

    @app.get("/api/version")
    def version() -> Any:
        return session.state()

    @app.get("/api/images/{index}")
    def image(index: int) -> Any:
        return session.image(index)

    @app.get("/api/images/{index}/file")
    def image_file(
        request: Request,
        index: int,
        width: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    ) -> Any:
        session.name_of(index)
        etag = f'"{server}-{index}-{width}"'
        if _is_known(request, etag):
            return _still_so(etag)
        content, media_type = pictures.get(index, width)
        return Response(content, media_type=media_type, headers=_checked(etag))

    @app.get("/api/predictions")
    def predictions(request: Request) -> Any:
        etag = f'"{server}-{session.version}"'
        if _is_known(request, etag):
            return _still_so(etag)
        told = session.predictions()
        return JSONResponse(told, headers=_checked(f'"{server}-{told["version"]}"'))

    @app.get("/api/progress")
    def progress() -> Any:
        return session.progress()

    @app.get("/api/suggestion")
    def suggestion(skip: Annotated[str, Query(alias="not", max_length=100_000)] = "") -> Any:
        found = session.suggestion({int(part) for part in skip.split(",") if part.isdecimal()})
        return {"id": found.index, "reason": found.reason}


def _add_changes(app: FastAPI, session: Session) -> None:
    @app.put("/api/scheme")
    def put_scheme(sent: _SentScheme) -> Any:
        scheme = {
            "points": [{"name": point.name, "colour": point.colour} for point in sent.points],
            "mirror": sent.mirror,
            "normaliser": sent.normaliser,
        }
        was = [point.was for point in sent.points]
        return session.put_scheme(scheme, was, sent.base_version, drop_labels=sent.drop_labels)

    @app.put("/api/images/{index}/points")
    def put_points(index: int, sent: _SentLabels) -> Any:
        values = [point.model_dump() if point else None for point in sent.points]
        try:
            return session.put_labels(index, values, sent.base_version, sent.image)
        except Conflict as conflict:
            changed = session.changed(index, sent.base_version)
            content = {"error": shown(str(conflict)), "changed": changed}
            return JSONResponse(content, status_code=409)

    @app.post("/api/undo")
    def undo() -> Any:
        return session.undo()

    @app.post("/api/redo")
    def redo() -> Any:
        return session.redo()


def _add_exports(app: FastAPI, session: Session, run: str | Path) -> None:
    @app.get("/api/shapes")
    def shapes() -> Any:
        images, excluded, aligned, modes = session.shapes()
        return {
            "count": len(images),
            "excluded": excluded,
            "mean": aligned.mean.tolist() if images else [],
            "aligned": [
                {"id": index, "points": shape.tolist()}
                for index, shape in zip(images, aligned.shapes, strict=True)
            ],
            "modes": [
                {"share": float(share), "displacement": displacement.tolist()}
                for share, displacement in zip(modes.shares, modes.displacements, strict=True)
            ],
        }

    @app.get("/api/shapes.csv")
    def shapes_table() -> Any:
        images, _, aligned, modes = session.shapes()
        names = [session.images.names[index] for index in images]
        text = table(names, session.scheme.names, aligned, modes)
        return _download("shapes.csv", "text/csv; charset=utf-8", text.encode("utf-8", "replace"))

    @app.post("/api/export")
    def export_points(sent: _SentExport) -> Any:
        made = export(session, sent.format, sent.what)
        response = _download(made.name, made.media_type, made.content)
        if made.dropped:
            note = f"This format does not keep: {', '.join(made.dropped)}."
            response.headers["x-warpmarks-notes"] = quote(note)
        return response

    @app.post("/api/regressor")
    def save(sent: _SentRegressor) -> Any:
        _check_regressor_name(sent.name)
        regressor = session.regressor()
        path = regressor_path(sent.name, run)
        if (path / RECORD).is_file() and not sent.overwrite:
            raise Conflict(f"the run has a regressor {sent.name} already: choose another name")
        save_regressor(
            regressor, path, about={"annotated in": "warpmarks annotate"}, overwrite=sent.overwrite
        )
        return {"path": shown(str(path))}


def _check_regressor_name(name: str) -> None:
    """Raise unless it is a name inside the run, which is not hidden there.

    Raises:
        InputError: it is something else.
    """
    plain = is_bare(name) and name.isprintable() and not name.startswith(".")
    if not plain or len(name.encode()) > _LONGEST_NAME:
        raise InputError(
            "give the regressor a short name such as points, without slashes and with no dot at "
            "its beginning"
        )


def _add_page(app: FastAPI) -> None:
    page = _page_files()

    @app.get("/")
    def index(request: Request) -> Any:
        return _page_file(page, "index.html", request)

    @app.get("/{name:path}")
    def page_file(name: str, request: Request) -> Any:
        return _page_file(page, name, request)


def _page_files() -> dict[str, tuple[bytes, str, str]]:
    """Content, media type and ETag of each file of the page; nothing else is ever served."""
    files: dict[str, tuple[bytes, str, str]] = {}
    root = resources.files("warpmarks.annotator").joinpath("static")
    if not root.is_dir():
        return files
    for folder, prefix in ((root, ""), (root.joinpath("assets"), "assets/")):
        for entry in folder.iterdir() if folder.is_dir() else ():
            media_type = _PAGE_TYPES.get(Path(entry.name).suffix)
            if entry.is_file() and media_type is not None:
                content = entry.read_bytes()
                files[f"{prefix}{entry.name}"] = content, media_type, _etag(content)
    return files


def _page_file(page: dict[str, tuple[bytes, str, str]], name: str, request: Request) -> Response:
    if name not in page:
        if name == "index.html":
            return _error(503, "the page is not built: see CONTRIBUTING.md")
        return _error(404, "there is no such address")
    content, media_type, etag = page[name]
    if _is_known(request, etag):
        return _still_so(etag)
    return Response(content, media_type=media_type, headers=_checked(etag))


def _checked(etag: str) -> dict[str, str]:
    """Headers of what a browser keeps, and asks for each time whether it is still so."""
    return {"cache-control": "private, no-cache", "etag": etag}


def _is_known(request: Request, etag: str) -> bool:
    return request.headers.get("if-none-match") == etag


def _still_so(etag: str) -> Response:
    return Response(status_code=304, headers=_checked(etag))


def _etag(content: bytes) -> str:
    return f'"{_digest(content)}"'


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _download(name: str, media_type: str, content: bytes) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)

"""Running the annotator's server until it is stopped."""

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import uvicorn

from warpmarks.annotator.guard import project_token
from warpmarks.annotator.server import build_app
from warpmarks.annotator.session import Session
from warpmarks.errors import InputError

USUAL_PORT = 8417
TOKEN = "token"


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens; without a port at the usual one if it is free, else at any.

    Raises:
        InputError: there is no such address, or the port is taken.
    """
    tried = [port] if port is not None else [USUAL_PORT, 0]
    for number, one in enumerate(tried, start=1):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Named, so that asyncio turns Nagle's algorithm off: each answer would wait for 40 ms.
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, one))
            made.listen(128)
            return made
        except OSError as error:
            made.close()
            if number == len(tried):
                raise InputError(
                    f"cannot listen at {host} port {one} ({error.strerror or error}): choose "
                    "another --port or --host"
                ) from error
    raise AssertionError


def serve(
    session: Session,
    run: Path,
    listening: socket.socket,
    host: str,
    ready: Callable[[str], None],
    tell: Callable[[list[tuple[str, str]]], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        session: the project.
        run: where regressors are saved.
        listening: from `listen`.
        host: as given to `listen`.
        ready: is called with the address to open once it works.
        tell: of images that could not be decoded, see `Session.start`.
    """
    port = listening.getsockname()[1]
    token = project_token(session.project.path / TOKEN)
    app = build_app(session, run, token=token, host=host, port=port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,  # the address with the token is nobody else's
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    reached = reached_at(host)
    shown_host = f"[{reached}]" if ":" in reached else reached
    ready(f"http://{shown_host}:{port}/?token={quote(token)}")
    session.start(tell)
    try:
        server.run(sockets=[listening])
    finally:
        session.stop()


def reached_at(host: str) -> str:
    """Where others reach a server that listens at ``host``, which may be every address there is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return _own_address(address.version) or socket.gethostname()


def _own_address(version: int) -> str | None:
    """The address of the interface that leads outside, if any; nothing is sent."""
    family, outside = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8::1")}[
        version
    ]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((outside, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None

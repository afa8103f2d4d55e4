"""Who may talk to the annotator: this computer's browser, on its own page, with the token.

A page elsewhere can make a browser send requests to the loopback address, so that being there is no
proof of anything. Every request must come under a name of this server (Host), from its own page
(Origin, where the browser sends it), and carry the cookie that only the address with the token
sets. What writes must carry a header that another page cannot send, and JSON of a limited size.
"""

import ipaddress
import os
import re
import secrets
import socket
import stat
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warpmarks.errors import InputError

MAX_BODY = 2**20
"""Bytes of a request: 1,000 points are a tenth of that."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def project_token(path: Path) -> str:
    """The project's secret, which a page that is open outlives a restart with; made if need be.

    Raises:
        InputError: it cannot be written.
    """
    try:
        private = not stat.S_IMODE(path.stat().st_mode) & 0o077
        if private and _TOKEN.fullmatch(held := path.read_text(encoding="ascii").strip()):
            return held
    except (OSError, UnicodeDecodeError):
        pass  # there is none yet
    token = secrets.token_urlsafe(32)
    try:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})") from error
    return token


class Guard:
    """Lets requests through to the application, or answers them itself.

    Args:
        app: the application.
        token: the secret.
        host: where the server listens.
        port: as ``host``.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int) -> None:
        self._app, self._token, self._port = app, token, port
        self._cookie = f"warpmarks-{port}"
        self._names = {"localhost", host.lower()}
        self._any_address = not is_loopback(host)
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return  # there is nothing else to talk to
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None and scope["path"] == "/" and "token" in _query(scope):
            refusal = self._signed_in(_query(scope)["token"])
        elif refusal is None and not self._has_cookie(headers):
            refusal = _refuse(
                403,
                "open the address with the token that `warpmarks annotate` shows",
            )

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    answer[name] = value
                answer.setdefault("cache-control", "no-store")
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, send_safely)
            return
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send_safely)
            return
        body = await _limited_body(receive, headers)
        if body is None:
            await _refuse(413, f"expected at most {MAX_BODY} bytes")(scope, receive, send_safely)
            return
        await self._app(scope, _again(body, receive), send_safely)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._knows(hosts[0]):
            return _refuse(403, "this server is not called that")
        origins = headers.getlist("origin")
        # Somebody may follow a link to the page; what is not a page is asked for by this one only.
        following = scope["path"] == "/" and scope["method"] == "GET"
        own = headers.get("sec-fetch-site", "none") in {"same-origin", "none"} or following
        if (origins and origins != [f"http://{hosts[0]}"]) or not own:
            return _refuse(403, "requests of other pages are refused")
        if scope["method"] in {"GET", "HEAD"}:
            return None
        if headers.get("x-warpmarks") != "1":
            return _refuse(403, "a request that writes needs the header X-Warpmarks: 1")
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return _refuse(415, "a request that writes needs JSON")
        return None

    def _knows(self, host: str) -> bool:
        """Whether a Host header names this server; a name that was rebound to it does not."""
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(\d{1,5}))?", host)
        if match is None or int(match[2] or 80) != self._port:
            return False
        name = match[1].strip("[]").lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback

    def _has_cookie(self, headers: Headers) -> bool:
        for header in headers.getlist("cookie"):
            try:
                held = SimpleCookie(header).get(self._cookie)
            except CookieError:
                continue
            if held is not None and _same(held.value, self._token):
                return True
        return False

    def _signed_in(self, token: str) -> Response:
        if not _same(token, self._token):
            return _refuse(403, "the token in the address is not this server's: use the newest one")
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return response


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach a server there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _query(scope: Scope) -> Mapping[str, str]:
    values = parse_qs(scope["query_string"].decode("latin-1"))
    return {name: listed[0] for name, listed in values.items()}


def _same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def _refuse(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status_code=status)


async def _limited_body(receive: Receive, headers: Headers) -> bytes | None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        return None
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again

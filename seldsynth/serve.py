"""A folder of videos on the loopback interface: its gallery, and a player to look around.

Only what the pages need is given out, only from within the folder, and only to this machine.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seldsynth.errors import ConfigError, SeldsynthError
from seldsynth.report.gallery import PAGE, web_file
from seldsynth.report.player import truth_of

HOST = "127.0.0.1"
_HOSTS = [HOST, "localhost"]
_GIVEN_OUT = frozenset({".mp4", ".wav", ".html", ".css", ".js", ".jpg", ".json", ".csv", ".png"})
_APP_FILES = {".js": "text/javascript", ".css": "text/css"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self' data: 'unsafe-inline'",
}


class _Dataset(StaticFiles):
    """Files of a folder by kind; hidden ones, and links that lead out, are not there."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        parts = PurePosixPath(path).parts
        hidden = any(part.startswith(".") for part in parts if part != ".")
        if hidden or (path != "." and PurePosixPath(path).suffix.lower() not in _GIVEN_OUT):
            raise HTTPException(404)
        return await super().get_response(path, scope)


def make_app(root: Path) -> Starlette:
    """The pages of a folder of videos that has its gallery."""

    async def front(request: Request) -> Response:
        return RedirectResponse(PAGE)

    async def player(request: Request) -> Response:
        return Response(web_file("player.html"), media_type="text/html")

    async def app_file(request: Request) -> Response:
        name = request.path_params["name"]
        kind = _APP_FILES.get(PurePosixPath(name).suffix)
        if kind is None or "/" in name or "\\" in name:
            raise HTTPException(404)
        try:
            return Response(web_file(name), media_type=kind)
        except FileNotFoundError:
            raise HTTPException(404) from None

    def truth(request: Request) -> Response:
        try:
            return JSONResponse(truth_of(root, request.path_params["name"]))
        except SeldsynthError as error:
            detail = str(error).replace(f"{root}/", "")  # where it lies is nobody's business
            raise HTTPException(404, detail=detail) from None

    routes = [
        Route("/", front),
        Route("/-/player", player),
        Route("/-/app/{name}", app_file),
        Route("/-/truth/{name:path}", truth),
        Mount("/", _Dataset(directory=root)),
    ]
    middleware = [
        Middleware(_Headers),
        # A page of another host whose name is made to point here must not read anything.
        Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS),
    ]
    return Starlette(routes=routes, middleware=middleware)


class _Headers:
    """Adds what keeps a browser strict to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on the loopback interface; port 0 is a free one. Raises ConfigError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"--port {port}: {error.strerror}; another --port?") from None
        made.listen(256)
        yield made


def serve(root: Path, made: socket.socket) -> None:
    """Serve a folder until interrupted."""
    config = uvicorn.Config(make_app(root), log_level="warning", lifespan="off")
    uvicorn.Server(config).run(sockets=[made])

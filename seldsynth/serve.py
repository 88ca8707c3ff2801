"""A folder of videos on the loopback interface: its gallery, and a player to look around.

Only what the pages need is given out, only from within the folder, and only to this machine.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seldsynth.errors import ConfigError, SeldsynthError
from seldsynth.report.gallery import PAGE, web_file, web_files
from seldsynth.report.player import truth_of

HOST = "127.0.0.1"
_HOSTS = [HOST, "localhost"]
_GIVEN_OUT = frozenset({".mp4", ".wav", ".html", ".css", ".js", ".jpg", ".json", ".csv", ".png"})
_APP_FILES = {".js": "text/javascript", ".css": "text/css"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OWN_SITES = (
    "same-origin",
    "none",
)  # what browsers send of requests of our pages, and of typed ones


class _Dataset(StaticFiles):
    """Files of a folder by kind; hidden ones, and links that lead out, are not there."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        parts = PurePosixPath(path).parts
        hidden = any(part.startswith(".") for part in parts if part != ".")
        is_page = PurePosixPath(path).suffix.lower() == ".html" and path != PAGE
        if hidden or is_page or PurePosixPath(path).suffix.lower() not in _GIVEN_OUT:
            raise HTTPException(404)
        return await super().get_response(path, scope)


def make_app(root: Path) -> Starlette:
    """The pages of a folder of videos that has its gallery."""
    one_at_a_time = threading.Lock()
    app_files = {name for name in web_files() if PurePosixPath(name).suffix in _APP_FILES}

    async def front(request: Request) -> Response:
        return RedirectResponse(PAGE)

    async def player(request: Request) -> Response:
        return Response(web_file("player.html"), media_type="text/html")

    async def app_file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in app_files:
            raise HTTPException(404)
        return Response(web_file(name), media_type=_APP_FILES[PurePosixPath(name).suffix])

    def truth(request: Request) -> Response:
        try:
            with one_at_a_time:  # of a long recording it takes seconds, and a hundred megabytes
                return JSONResponse(truth_of(root, request.path_params["name"]))
        except SeldsynthError as error:
            detail = str(error).replace(f"{root}/", "")  # where it lies is nobody's business
            raise HTTPException(404, detail=detail) from None
        except (OSError, ValueError):  # a name that no file can have
            raise HTTPException(404) from None

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
    """Adds what keeps a browser strict to every answer, and answers no page of other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if scope["type"] == "http":
            headers = Headers(scope=scope)
            site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
            if site is not None and site not in _OWN_SITES and mode != "navigate":
                await Response(status_code=403)(scope, receive, with_headers)
                return
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
    config = uvicorn.Config(
        make_app(root), log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run(sockets=[made])

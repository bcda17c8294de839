"""The application: every route on its endpoint, and what stands around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed_version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from application.service import Service
from domain.errors import ClewError
from domain.limits import Limits
from interfaces.http import openapi
from interfaces.http.api import Api, Endpoint
from interfaces.http.problems import on_clew_error, on_http_exception
from interfaces.http.routes import OPERATIONS
from interfaces.http.surroundings import Surroundings


def create_app(service: Service, *, limits: Limits | None = None, version: str | None = None) -> Starlette:
    """The interface of a service, which its owner starts and stops. `limits` are those the service was made with.

    `app.state.api` is what endpoints are given: setting its `closing` ends all waiting for answers.
    """
    told = version or installed_version("clew")
    api = Api(service, limits=limits or Limits(), version=told, openapi=openapi.encoded(told))
    app = Starlette(
        routes=_routes(api),
        middleware=[Middleware(Surroundings)],
        exception_handlers={ClewError: on_clew_error, HTTPException: on_http_exception},
    )
    # A path with a slash too many is none of ours: a redirect would lose the body of a POST in many clients.
    app.router.redirect_slashes = False
    app.state.api = api
    return app


def _routes(api: Api) -> list[Route]:
    """One route for each path, so that a method that it does not take is told all those that it does."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation.endpoint
    return [
        # A signal's name may be any text, with slashes in it.
        Route(path.replace("{name}", "{name:path}"), _dispatch(methods, api), methods=list(methods))
        for path, methods in by_path.items()
    ]


def _dispatch(methods: dict[str, Endpoint], api: Api) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await methods[method](request, api)

    return endpoint

"""The Quart application: routes, errors, start and stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Quart
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from veneer_gateway.connection import (
    ADMISSION,
    Admission,
    ExchangeConnection,
    WebsocketRefusal,
    serve_directly,
)
from veneer_gateway.cors import Cors
from veneer_gateway.errors import respond_to_error
from veneer_gateway.exchange import route_path
from veneer_gateway.in_flight import InFlight
from veneer_gateway.metrics import Metrics
from veneer_gateway.registry import Registry
from veneer_gateway.report import Report, Tracing
from veneer_gateway.routes.chat import chat_completions
from veneer_gateway.routes.health import health_routes
from veneer_gateway.routes.metrics import metrics_routes
from veneer_gateway.routes.models import model_routes
from veneer_gateway.routes.openapi import openapi_routes
from veneer_gateway.served import CHAT_PATH
from veneer_gateway.settings import Settings

# Short, so that drain and end stay within the ten seconds that `docker stop` waits.
_FLUSH_SECONDS = 1


class Gateway(Quart):
    """A Quart application that knows which requests it is serving."""

    asgi_http_class = ExchangeConnection
    asgi_websocket_class = WebsocketRefusal

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        metrics_folder: str | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        # No folder of files beside the API.
        super().__init__("veneer_gateway", static_folder=None)
        self.settings = settings
        self.registry = registry
        self.metrics = Metrics(metrics_folder)
        self.tracing = tracing
        self.in_flight = InFlight(
            settings.time_limits,
            settings.max_requests,
            settings.max_requests_per_provider,
            Report(self.metrics, tracing),
        )
        self._admission = Admission(self.in_flight, settings.max_header_bytes)
        self.extensions[ADMISSION] = self._admission
        self._answer = chat_completions(registry, settings)
        self.is_stopping = False
        """Whether the adapters are being stopped, or have been."""
        self._starting: asyncio.Task[None] | None = None

    def asgi_app(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> Coroutine[Any, Any, None]:
        """Serve a request for an answer directly, and all else by Quart."""
        if scope["type"] == "http" and scope["method"] == "POST" and route_path(scope) == CHAT_PATH:
            return serve_directly(scope, receive, send, self._admission, self._answer)
        return super().asgi_app(scope, receive, send)

    async def start(self) -> None:
        """Start the adapters, as long as nobody gives that up."""
        if self.in_flight.is_draining:
            return
        self._starting = asyncio.create_task(
            self.registry.startup(self.settings.startup_timeout_seconds)
        )
        try:
            await asyncio.wait({self._starting})
        finally:
            self._starting.cancel()
        if not self._starting.cancelled():
            self._starting.result()

    def give_up_starting(self) -> bool:
        """Have the adapters that have not started yet not do so; tell whether there may be any."""
        return self._starting is None or self._starting.cancel()

    async def stop(self) -> None:
        """Wait for what is being served, cut what takes too long, and stop the adapters."""
        self.is_stopping = True
        await self.in_flight.finish(self.settings.drain_seconds)
        await self.registry.shutdown(self.settings.startup_timeout_seconds)
        if self.tracing is not None:
            await self.tracing.flush(_FLUSH_SECONDS)

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Route by path alone: a Host that is no host name is no reason to fail."""
        if request is None:
            return super().create_url_adapter(request)
        return self.url_map.bind("gateway", path_info=request.path, default_method=request.method)


def create_app(
    settings: Settings,
    registry: Registry,
    metrics_folder: str | None = None,
    *,
    tracing: Tracing | None = None,
) -> Gateway:
    """Build the gateway that serves the adapters of `registry`.

    The adapters start and stop with the application's ASGI lifespan. Processes that share a
    `metrics_folder`, which PROMETHEUS_MULTIPROC_DIR must name, count as one. `tracing` is where
    each request gets a span, if anywhere: a `veneer_gateway.tracing.Traces`.
    """
    app = Gateway(settings, registry, metrics_folder, tracing)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        PROPAGATE_EXCEPTIONS=False,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False
    # Quart knows the path, for the sake of other methods.
    app.add_url_rule(CHAT_PATH, endpoint="chat.create_chat_completion", methods=["POST"])
    app.register_blueprint(model_routes(registry, settings.models_timeout_seconds))
    app.register_blueprint(metrics_routes(app.metrics))
    app.register_blueprint(health_routes(registry, lambda: app.in_flight.is_draining))
    app.register_blueprint(openapi_routes())
    app.register_error_handler(Exception, respond_to_error)
    app.register_error_handler(HTTPException, respond_to_error)
    app.before_serving(app.start)
    app.after_serving(app.stop)
    if settings.cors_origins:
        layer = Cors(app.asgi_app, app.extensions[ADMISSION], settings.cors_origins)
        app.asgi_app = layer  # type: ignore[method-assign]  # As Quart has it done.
    return app

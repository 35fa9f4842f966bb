"""`GET /healthz`, the process is alive; `GET /readyz`, it can serve."""

from collections.abc import Callable

from quart import Blueprint, Response, jsonify

from veneer_gateway.registry import Registry


def health_routes(registry: Registry, is_draining: Callable[[], bool]) -> Blueprint:
    """Serve the two questions that an orchestrator asks."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    async def healthz() -> Response:
        return jsonify(status="alive")

    @routes.get("/readyz")
    async def readyz() -> Response:
        is_ready = bool(registry.serving) and not is_draining()
        response = jsonify(
            status="ready" if is_ready else "not ready",
            providers=[
                {
                    "name": provider.name,
                    "prefix": provider.prefix,
                    "origin": provider.origin,
                    "failure": provider.failure and type(provider.failure).__name__,
                }
                for provider in registry.providers
            ],
        )
        response.status_code = 200 if is_ready else 503
        return response

    return routes

"""`GET /metrics`, for Prometheus."""

from quart import Blueprint, Response

from veneer_gateway.metrics import CONTENT_TYPE, Metrics


def metrics_routes(counted: Metrics) -> Blueprint:
    """Serve what is counted of the requests."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(counted.encode(), content_type=CONTENT_TYPE)

    return routes

"""`GET /metrics`, for Prometheus."""

from quart import Blueprint, Response

from veneer_gateway.exchange import InFlight
from veneer_gateway.metrics import CONTENT_TYPE


def metrics_routes(in_flight: InFlight) -> Blueprint:
    """Serve what is counted of the requests."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(in_flight.metrics.encode(len(in_flight)), content_type=CONTENT_TYPE)

    return routes

"""`GET /openapi.json`: what is served here, for programs to read."""

import asyncio

from quart import Blueprint, Response

from veneer_gateway.openapi import openapi_json


def openapi_routes() -> Blueprint:
    """Serve the OpenAPI document."""
    routes = Blueprint("openapi", __name__)

    @routes.get("/openapi.json")
    async def get_openapi() -> Response:
        # In a thread, for the first time takes as long as many requests.
        document = await asyncio.to_thread(openapi_json)
        return Response(document, content_type="application/json")

    return routes

"""The HTTP servers that can serve the application, by their names."""

import asyncio
import socket
from importlib import import_module
from typing import Protocol, cast

from veneer_gateway.app import Gateway
from veneer_gateway.settings import ServerName, Settings, SettingsError


class Server(Protocol):
    """A module that serves by one library."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Give the event loop that suits it."""

    async def serve(
        self, app: Gateway, settings: Settings, listener: socket.socket, close: asyncio.Event
    ) -> None:
        """Serve `app` on `listener`, which is closed in the end, until `close` is set.

        New connections are refused then, and idle ones closed; it ends with the last that is open,
        after the application's lifespan.
        """


def find_server(name: ServerName) -> Server:
    """Give the server of this name.

    Raises:
        SettingsError: it is not installed.
    """
    # Only the one that serves is loaded, and need be installed.
    try:
        return cast("Server", import_module(f"veneer_gateway.servers.{name}"))
    except ImportError as error:
        raise SettingsError(
            f"The server {name} needs {error.name}, which is not installed: "
            f"pip install 'veneer-gateway[{name}]'"
        ) from None

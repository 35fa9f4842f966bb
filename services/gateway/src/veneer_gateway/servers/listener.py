"""The socket on which a process listens, alone or together with others."""

import asyncio
import socket
import sys

from veneer_gateway.settings import Settings

BACKLOG = 1024
"""How many connections may wait to be taken."""

_MOST_SECONDS_UNREAD = 300


def listen(settings: Settings) -> socket.socket:
    """Bind `host` and `port`; a port of 0 becomes a free one.

    Raises:
        OSError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    listener = socket.create_server(address, family=family, backlog=BACKLOG)
    _give_up_on_who_stops_reading(listener)
    return listener


def join(settings: Settings) -> socket.socket:
    """Bind `host` and `port` together with others of this user, each to get a share of the clients.

    It does not listen yet, so that nobody waits for one that is not ready.

    Raises:
        OSError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    shared = socket.socket(family)
    try:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            shared.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            shared.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        shared.bind((settings.host, settings.port))
    except OSError:
        shared.close()
        raise
    _give_up_on_who_stops_reading(shared)
    return shared


async def accept_no_more(number: int) -> None:
    """Have asyncio's loop take no more connections by a listener, and begin what it has taken.

    CPython 3.13 fails at each that it took just before the listener is closed, and writes a
    traceback for it when the process ends.
    """
    asyncio.get_running_loop().remove_reader(number)
    await asyncio.sleep(0)


def _give_up_on_who_stops_reading(listener: socket.socket) -> None:
    """Have the system reset such a connection; no server that we have would ever let it go.

    Connections inherit the option, those too that come before anybody serves them.
    """
    if sys.platform == "linux":
        milliseconds = _MOST_SECONDS_UNREAD * 1000
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)

"""How many files and sockets the process may have open."""

import sys

if sys.platform != "win32":
    import resource

_ENOUGH = 65_536


def raise_descriptor_limit() -> None:
    """Take what the system allows, which is often more than it gives unasked.

    A thousand clients and the upstreams behind them need more than the usual 1024.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

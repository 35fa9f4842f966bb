"""The proxies that the environment names, as far as an error has to tell of them."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_variables() -> list[str]:
    """Give the names of those that are set; their values may hold a password."""
    names = {"all", "http", "https", "no"} & {*getproxies()}
    return [f"{name.upper()}_PROXY" for name in sorted(names)]


def is_proxied(url: str) -> bool:
    """Tell whether the way to `url` leads through a proxy."""
    proxies, parts = getproxies(), urlsplit(url)
    has_proxy = parts.scheme in proxies or "all" in proxies
    return has_proxy and not proxy_bypass(parts.hostname or "")

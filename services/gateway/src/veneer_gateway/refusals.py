"""What the head of a response says of an error."""

import math
import re

from veneer_protocol import ApiError

_HEADER_SAFE = re.compile(r"[!-~]{1,200}", re.ASCII)


def headers_of(error: ApiError) -> list[tuple[bytes, bytes]]:
    """Give when to try again, and the upstream's own id of the request, where they are known."""
    headers = []
    if (seconds := error.retry_after_seconds) is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(seconds)))
    if _HEADER_SAFE.fullmatch(upstream_id := error.upstream_request_id or ""):
        headers.append((b"x-upstream-request-id", upstream_id.encode()))
    return headers

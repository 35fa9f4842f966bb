"""Every failure that the dummy's headers ask for, as a client of the gateway meets it."""

import asyncio
import json
import re
import time
from typing import Any

import httpx2
import pytest

from tests.checkout import ROOT
from tests.contract.test_chat import HELLO
from veneer_gateway.testing import RunningGateway

in_both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def ask(base_url: str, stream: bool, /, **headers: str) -> httpx2.Response:
    return httpx2.post(
        f"{base_url}/v1/chat/completions",
        json={"model": "dummy/echo-1", "messages": HELLO, "stream": stream},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def frames(response: httpx2.Response) -> list[Any]:
    """Give what the events of a stream hold, the last one first parsed if it is JSON."""
    data = [frame.removeprefix("data: ") for frame in response.text.split("\n\n") if frame]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def words(response: httpx2.Response) -> list[str]:
    chunks = [frame for frame in frames(response) if frame != "[DONE]" and "choices" in frame]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    return [delta["content"] for delta in deltas if "content" in delta]


@in_both_ways
@pytest.mark.parametrize("count", [1, 3, 40, 1000])
def test_the_answer_has_as_many_words_as_asked_for(base_url: str, count: int, stream: bool) -> None:
    response = ask(base_url, stream, x_dummy_words=str(count))

    if stream:
        assert len(words(response)) == count
    else:
        assert response.json()["usage"]["completion_tokens"] == count


@in_both_ways
def test_it_waits_before_the_first_word_and_between_words(base_url: str, stream: bool) -> None:
    waits = {"x_dummy_delay_ms": "120", "x_dummy_gap_ms": "30", "x_dummy_words": "4"}
    started = time.monotonic()

    response = ask(base_url, stream, **waits)

    assert response.status_code == 200
    assert time.monotonic() - started >= 0.12 + 3 * 0.03


@in_both_ways
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "server_error"),
        (529, "server_error"),
    ],
)
def test_it_refuses_with_any_status(base_url: str, status: int, kind: str, stream: bool) -> None:
    response = ask(base_url, stream, x_dummy_status=str(status), x_dummy_retry_after="7")

    assert response.status_code == status
    assert response.json()["error"]["type"] == kind
    assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("fail", "dummy_upstream_failed"),
        ("die", "invalid_provider_response"),
        ("malformed", "invalid_provider_response"),
    ],
)
@pytest.mark.parametrize("after", [0, 1, 3, 8])
@in_both_ways
def test_a_fault_after_some_words_is_an_error_and_never_a_good_end(
    base_url: str, fault: str, code: str, after: int, stream: bool
) -> None:
    response = ask(base_url, stream, **{f"x_dummy_{fault}_after": str(after)})

    if stream and after:
        assert response.status_code == 200
        assert len(words(response)) == after
        assert frames(response)[-1]["error"]["code"] == code
    else:
        assert response.status_code == 502
        assert response.json()["error"]["code"] == code


@in_both_ways
def test_a_fault_beyond_the_end_never_comes(base_url: str, stream: bool) -> None:
    response = ask(base_url, stream, x_dummy_words="5", x_dummy_fail_after="6")

    assert response.status_code == 200
    assert not stream or frames(response)[-1] == "[DONE]"


@pytest.mark.parametrize("after", ["0", "2"])
@in_both_ways
async def test_it_hangs_until_the_client_leaves(
    gateway: RunningGateway, after: str, stream: bool
) -> None:
    body = {"model": "dummy/echo-1", "messages": HELLO, "stream": stream}

    async with httpx2.AsyncClient(timeout=0.3) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.post(
                f"{gateway.url}/v1/chat/completions",
                json=body,
                headers={"x-dummy-hang-after": after},
            )

    await asyncio.to_thread(gateway.wait_for_open_requests, 0)


@pytest.mark.parametrize("value", ["", "-1", "1.5", "many", "\uff11", "1" * 20, "4000000000"])
@pytest.mark.parametrize("name", ["delay-ms", "gap-ms", "words", "status", "fail-after"])
def test_a_value_that_is_no_whole_number_is_refused(base_url: str, name: str, value: str) -> None:
    body = {"model": "dummy/echo-1", "messages": HELLO}
    header = [(f"x-dummy-{name}".encode(), value.encode())]

    response = httpx2.post(f"{base_url}/v1/chat/completions", json=body, headers=header)

    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["param"], error["code"]) == (f"x-dummy-{name}", "invalid_dummy_header")


def test_every_header_is_in_the_readme() -> None:
    source = (ROOT / "packages/providers-dummy/src/veneer_providers_dummy/faults.py").read_text()
    readme = (ROOT / "packages/providers-dummy/README.md").read_text()

    read = set(re.findall(r'"(x-dummy-[a-z-]+)"', source))

    assert len(read) == 10
    assert set(re.findall(r"^\| `(x-dummy-[a-z-]+):", readme, re.MULTILINE)) == {
        *read,
        "x-dummy-tag",
    }

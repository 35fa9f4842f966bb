"""Wrong with the headers of a caller."""

import logging
from typing import ClassVar

from openai.types.chat import ChatCompletion

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
    Headers,
    ModelNotFoundError,
    RequestContext,
)


class Sees(Right):
    """Looks at the headers of every request."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.see(context.headers, request)
        return await super().create_chat_completion(request, context)

    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        raise NotImplementedError


class TakesAHeaderOut(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        headers.raw = tuple(pair for pair in headers.raw if pair[0] != b"authorization")


class TestTakesAHeaderOut(Check):
    wrong = TakesAHeaderOut
    breaks = "test_headers_are_left_as_they_came"


class LogsAHeader(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        logging.getLogger("right").debug("asked with %s", dict(headers))


class TestLogsAHeader(Check):
    wrong = LogsAHeader
    breaks = "test_no_secret_gets_into_a_log"


class LogsATenant(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        logging.getLogger("right").info("asked by %s", headers["x-tenant-token"])


class TestLogsATenant(Check):
    wrong = LogsATenant
    breaks = "test_no_secret_gets_into_a_log"
    headers: ClassVar = {"X-Tenant-Token": "tenant-token-7"}


class LogsAHeaderBesideTheMessage(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        logging.getLogger("right").info("asked", extra={"key": headers["x-api-key"]})


class TestLogsAHeaderBesideTheMessage(Check):
    wrong = LogsAHeaderBesideTheMessage
    breaks = "test_no_secret_gets_into_a_log"


class PrintsAHeader(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        print(headers["cookie"])


class TestPrintsAHeader(Check):
    wrong = PrintsAHeader
    breaks = "test_no_secret_gets_into_a_log"


class TellsAHeader(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        if request.model_name != "one":
            error = ModelNotFoundError(request.model)
            error.message += f" Not for {headers['authorization']}."
            raise error


class TestTellsAHeader(Check):
    wrong = TellsAHeader
    breaks = "test_no_secret_gets_into_an_error"

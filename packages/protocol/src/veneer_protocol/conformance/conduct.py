"""How an adapter behaves: headers, cancellation, what it leaves behind, side by side."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from blockbuster import BlockingError

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.conformance.asking import (
    QUESTION,
    Answer,
)
from veneer_protocol.conformance.checks import (
    blocking_calls_refused,
    check_secrets,
    compare,
    everything,
    find,
    sockets,
)
from veneer_protocol.conformance.harness import Harness
from veneer_protocol.conformance.promises import (
    ADAPTER,
    CLOSED,
    ENDINGS,
    SERVED,
    STREAM,
    promise,
)
from veneer_protocol.conformance.serving import Served
from veneer_protocol.conformance.stage import CANCEL_SECONDS, Stage
from veneer_protocol.errors import ApiError


class ConductTests(Harness):
    """The tests of how an adapter behaves."""

    # Headers.

    @promise(ADAPTER, "No header is changed", after=[SERVED])
    def test_headers_are_left_as_they_came(self, served: Served) -> None:
        for ask in (served.complete, served.stream):
            ask()
            left = served.last_headers()

            for name, value in served.headers.items():
                if left.get(name) != value or (name.encode(), value.encode()) not in left.raw:
                    pytest.fail(f"the header {name} was changed in the context", pytrace=False)

    @promise(ADAPTER, "no value of one gets into a log")
    def test_no_secret_gets_into_a_log(
        self,
        direct: Stage,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            direct.list_models()
            direct.complete()
            direct.stream()
            for ask in (direct.complete, direct.stream):
                with suppress(ApiError):
                    ask({"model": direct.unknown_model})

        lines = [everything(record) for record in caplog.records]
        check_secrets(direct.headers, {"a log record": lines, "the output": capfd.readouterr()})

    @promise(
        ADAPTER,
        "no value of one gets into a log or the text of an error",
        after=["test_a_failing_upstream_is_told_as_an_error"],
    )
    @pytest.mark.parametrize("mode", ["plain", "stream"])
    def test_no_secret_is_told_where_the_upstream_fails(
        self, failing_adapter: ProviderAdapter, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with self.on_stage(failing_adapter) as stage, caplog.at_level(logging.DEBUG):
            ask = stage.complete if mode == "plain" else stage.stream
            told = []
            try:
                ask({"model": stage.any_model})
            except ApiError as error:
                told.append(error.to_json().decode())
            lines = [everything(record) for record in caplog.records]

            check_secrets(stage.headers, {"a log record": lines, "an error": told})

    @promise(ADAPTER, "or the text of an error")
    def test_no_secret_gets_into_an_error(self, direct: Stage) -> None:
        for ask in (direct.complete, direct.stream):
            with suppress(ApiError):
                try:
                    ask({"model": direct.unknown_model})
                except ApiError as error:
                    told = [error.to_json().decode(), str(error.upstream_request_id)]
                    check_secrets(direct.headers, {"an error": told})

    # Cancellation, and what is left behind.

    @promise(ADAPTER, "or its stream closed")
    def test_a_stream_closed_between_two_chunks_ends(self, direct: Stage) -> None:
        direct.close_stream()

    @promise(ADAPTER, "it lets that pass, tidies up in `finally`, and ends within two seconds")
    def test_a_cancelled_plain_request_ends(self, direct: Stage) -> None:
        direct.interrupt_completion()

    @promise(
        ADAPTER,
        "it lets that pass, tidies up in `finally`, and ends within two seconds",
        after=[CLOSED],
    )
    def test_a_stream_cancelled_before_its_first_chunk_ends(self, direct: Stage) -> None:
        direct.interrupt_first_chunk()

    @promise(
        ADAPTER,
        "it lets that pass, tidies up in `finally`, and ends within two seconds",
        after=[CLOSED],
    )
    def test_a_stream_cancelled_after_its_first_chunk_ends(self, direct: Stage) -> None:
        direct.interrupt_stream()

    @promise(
        ADAPTER,
        "When the client leaves, the method that works for it is cancelled",
        after=[SERVED, *ENDINGS],
    )
    @pytest.mark.parametrize(
        ("stream", "after_first_chunk"),
        [(False, False), (True, False), (True, True)],
        ids=["plain request", "before the first chunk", "mid-stream"],
    )
    def test_the_work_ends_when_the_client_leaves(
        self, served: Served, stream: bool, after_first_chunk: bool
    ) -> None:
        ended = served.leave(stream=stream, after_first_chunk=after_first_chunk)

        seconds = self.timeout_seconds if served.finishes_in_background else CANCEL_SECONDS
        if not ended.wait(seconds):
            pytest.fail(f"it goes on {seconds:g} s after the client has left", pytrace=False)

    @promise(
        ADAPTER,
        "What a request opens, a task or a generator, is gone when it is over",
        after=ENDINGS,
    )
    def test_a_request_leaves_nothing_behind(self, direct: Stage) -> None:
        # What is opened for all requests to come may stay, and is there from now on.
        direct.complete()
        direct.stream()
        direct.remember_what_is_open()

        direct.complete()
        direct.stream()
        for ask in (direct.complete, direct.stream):
            with suppress(ApiError):
                ask({"model": direct.unknown_model})
        direct.close_stream()
        direct.interrupt_completion()
        direct.interrupt_first_chunk()
        direct.interrupt_stream()

        if left := direct.leftovers():
            pytest.fail(f"still there: {'; '.join(left)}", pytrace=False)

    @promise(ADAPTER, "what the adapter opens is gone after `shutdown`")
    def test_the_adapter_leaves_nothing_behind(self, adapter: ProviderAdapter) -> None:
        before = sockets()
        stage = self.stage(adapter)
        stage.start()
        try:
            stage.complete()
            stage.stream()
        finally:
            tasks = stage.stop(patience_seconds=CANCEL_SECONDS)

        if tasks:
            pytest.fail(f"still there: {', '.join(map(repr, tasks))}", pytrace=False)
        deadline = time.monotonic() + CANCEL_SECONDS
        while (left := sockets() - before) and time.monotonic() < deadline:
            time.sleep(0.01)  # The other side of a connection closes a little later.
        if left:
            pytest.fail(f"{len(left)} sockets are still open", pytrace=False)

    # Side by side.

    @promise(ADAPTER, "Requests that run at the same time do not mix", after=[SERVED])
    def test_requests_at_the_same_time_do_not_mix(self, served: Served) -> None:
        questions = [f"{QUESTION} Begin with the word w{number}." for number in range(8)]

        def ask(question: str) -> Answer:
            if questions.index(question) % 2:
                return Answer.of_chunks(served.stream(content=question))
            return Answer.of_completion(served.complete(content=question))

        alone = [ask(question) for question in questions]
        with ThreadPoolExecutor(len(questions)) as threads:
            together = list(threads.map(ask, questions))

        for one, other in zip(alone, together, strict=True):
            compare("text", one.text, other.text, "asked alone", "asked beside others")

    @promise(STREAM, "A reader may take its time, and misses nothing")
    def test_a_slow_reader_misses_nothing(self, direct: Stage) -> None:
        fast = Answer.of_chunks(direct.stream())
        slow = Answer.of_chunks(direct.stream(pauses=200))

        compare("text", fast.text, slow.text, "read fast", "read slowly")

    @promise(ADAPTER, "The event loop is never blocked")
    def test_the_event_loop_is_never_blocked(self, direct: Stage) -> None:
        def be_refused() -> None:
            with suppress(ApiError):
                direct.complete({"model": direct.unknown_model})

        for ask in (direct.list_models, direct.complete, direct.stream, be_refused):
            try:
                with blocking_calls_refused():
                    ask()
            except Exception as error:
                blocking = find(BlockingError, error)
                if blocking is None:
                    raise
                pytest.fail(str(blocking), pytrace=False)

"""The page about clients tells of those that are tried, and what they are held to."""

from dataclasses import replace

from tests.clients.matrix import CLIENTS
from tests.clients.table import PAGE, cells, differences, known, rows
from tests.clients.trial import Result


def test_the_page_has_a_row_for_each_client_with_what_the_matrix_knows() -> None:
    shown = [(name, *rest) for name, _version, _sent, *rest in map(cells, rows(PAGE.read_text()))]

    assert shown == [(client.name, *known(client)) for client in CLIENTS]


def test_a_run_that_finds_what_the_page_does_not_tell_says_so_but_of_versions() -> None:
    as_told = Result(CLIENTS[0], "0.0.1", ("messages[].refusal: null",), seconds=1)
    other = replace(as_told, sent=("seed: 1",))

    assert differences([as_told]) == []
    assert differences([other]) == [
        "openai-python sends `seed: 1`, and clients.md does not say so."
    ]

"""The page about clients tells of those that are tried, and what they are held to."""

from tests.clients.matrix import CLIENTS
from tests.clients.table import PAGE, cells, known, rows


def test_the_page_has_a_row_for_each_client_with_what_the_matrix_knows() -> None:
    shown = [(name, *rest) for name, _version, _sent, *rest in map(cells, rows(PAGE.read_text()))]

    assert shown == [(client.name, *known(client)) for client in CLIENTS]

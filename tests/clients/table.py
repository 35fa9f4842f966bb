"""The page that tells what was found: `docs/reference/clients.md`."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path

from tests.clients.matrix import BEYOND, Client
from tests.clients.trial import Result

PAGE = Path(__file__).parents[2] / "docs/reference/clients.md"
_COLUMNS = (
    *("client", "version", "sends on its own", "401, 404, 429 become", "after a 429", "hangs up"),
    *("beyond the core", "needs"),
)
_HEAD = f"| {' | '.join(_COLUMNS)} |\n|{' --- |' * len(_COLUMNS)}\n"


def rows(page: str) -> list[str]:
    """Give the rows of the table."""
    _, _, after = page.partition(_HEAD)
    return list(takewhile(lambda line: line.startswith("|"), after.splitlines()))


def cells(row: str) -> list[str]:
    """Give what a row holds; first, the client that it is about."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def write(results: Sequence[Result], clients: Iterable[Client]) -> bool:
    """Put `results` into the page, which keeps the rows of others; tell whether it changed."""
    page = PAGE.read_text()
    old = {cells(row)[0]: row for row in rows(page)}
    new = old | {result.client.name: _row(result) for result in results}
    kept = [new[client.name] for client in clients if client.name in new]
    changed = page.replace(_HEAD + _lines(old.values()), _HEAD + _lines(kept))
    PAGE.write_text(changed)
    return changed != page


def differences(results: Iterable[Result]) -> list[str]:
    """Tell where `results` are not what the page says; its versions may be behind."""
    told = {name: sent for name, _version, sent, *_ in map(cells, rows(PAGE.read_text()))}
    return [
        f"{result.client.name} sends {_sent(result)}, and {PAGE.name} does not say so."
        for result in results
        if told.get(result.client.name) != _sent(result)
    ]


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _row(result: Result) -> str:
    cells = (result.client.name, result.version, _sent(result), *known(result.client))
    return f"| {' | '.join(cells)} |"


def _sent(result: Result) -> str:
    return ", ".join(f"`{one}`" for one in result.sent) or "nothing"


def known(client: Client) -> tuple[str, ...]:
    """Give what a row tells that the matrix knows, and each run holds a client to."""
    kinds = dict.fromkeys((client.errors.on_401, client.errors.on_404, client.errors.on_429))
    again = "waits and asks again" if client.tries > 1 else "does not ask again"
    errors = ", ".join(f"`{kind}`" for kind in kinds)
    beyond = ", ".join(words for step, words in BEYOND.items() if step in client.steps)
    return errors, again, str(client.hangs_up), beyond or "not tried", client.needs or "nothing"

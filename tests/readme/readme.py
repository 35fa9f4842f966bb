"""The READMEs, taken apart: their code blocks, and a way to do what they say."""

import json
import re
import subprocess
from itertools import pairwise

from tests.checkout import ROOT

READMES = ["README.md", "README.ko.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(readme: str) -> list[tuple[str, str]]:
    """Give the (language, text) of every code block, in order."""
    return FENCE.findall((ROOT / readme).read_text())


def commands(readme: str) -> list[str]:
    return [text for language, text in blocks(readme) if language == "sh"]


def answered(readme: str) -> list[tuple[str, str, str]]:
    """Give every curl command with the (language, text) of the answer shown below it, if any."""
    listed = [*blocks(readme), ("", "")]
    return [
        (command, *(following if following[0] in {"json", "text"} else ("", "")))
        for (language, command), following in pairwise(listed)
        if language == "sh" and command.startswith("curl")
    ]


def curls(*, acme: bool) -> list[tuple[str, str, str]]:
    """Give those of both READMEs that are for the dummy, or for the reader's own provider."""
    return [case for readme in READMES for case in answered(readme) if ("acme" in case[0]) == acme]


def assert_shown(expected: object, actual: object) -> None:
    """Compare JSON; an expected text may end in an ellipsis, and a time of creation may differ."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict)
        assert set(actual) == set(expected)
        for name in expected:
            if name != "created":
                assert_shown(expected[name], actual[name])
    elif isinstance(expected, list):
        assert isinstance(actual, list)
        assert len(actual) == len(expected)
        for one, other in zip(expected, actual, strict=True):
            assert_shown(one, other)
    elif isinstance(expected, str) and expected.endswith("…"):
        assert isinstance(actual, str)
        assert actual.startswith(expected.removesuffix("…"))
    else:
        assert actual == expected


def assert_lines_shown(expected: str, actual: str) -> None:
    """Find the lines in this order, others between them; an ellipsis is any text of a line."""
    lines = [re.escape(line).replace("…", "[^\n]*") for line in expected.splitlines()]
    assert re.search("^" + "$.*^".join(lines) + "$", actual, re.DOTALL | re.MULTILINE), actual


def run_curl(command: str, language: str, shown: str) -> None:
    """Run `command` verbatim and hold its answer to the one that is shown."""
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True
    )
    if language == "json":
        assert_shown(json.loads(shown), json.loads(done.stdout))
    elif language == "text":
        assert_lines_shown(shown, done.stdout)
    else:
        # The one whose answer is told in words: parts are joined by a newline.
        content = json.loads(done.stdout)["choices"][0]["message"]["content"]
        assert "hello\nproxy" in content

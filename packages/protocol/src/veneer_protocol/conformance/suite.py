"""All that every adapter promises, as tests."""

from veneer_protocol.conformance.answers import AnswerTests
from veneer_protocol.conformance.conduct import ConductTests
from veneer_protocol.conformance.declared import DeclaredTests


# pytest runs the tests of the last base first, on which the others build.
class AdapterConformance(DeclaredTests, ConductTests, AnswerTests):
    """Subclass this, give the fixture `adapter`, and every promise of the contract is tested.

    The adapter is asked directly and through the real gateway. Point it at an upstream of the
    test's own, one that gives the same answer to the same question, in more than one piece.

    What the model that is asked declares by `features` is asked for too. Without knowing the model
    it can be said whether a request is answered, whether the tools that are called are those of the
    request and as `tool_choice` has it, whether an answer in JSON parses, and whether log
    probabilities come.

    What it cannot see: what your upstream really does, whether the words are good ones, work that
    keeps the event loop busy, and calls that block it other than by sleeping, sockets and SQLite.

    Where it says more of itself, more is tested: the fixture `failing_adapter` gives one whose
    upstream does not answer; `honours_stop` and `honours_token_limit` are True where it keeps to
    the limits; `model`, `headers` and `timeout_seconds` are what its requests need.
    """

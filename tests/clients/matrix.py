"""The clients that are tried: what to install, what to run, and what is to come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ANSWER = "You say: hello there."
EXPECTED: Mapping[str, object] = {
    "plain": ANSWER,
    "stream": ANSWER,
    "second": f"You say: and again. Before, I said: {ANSWER}",
    "person": {"name": "Ann", "age": 7},
    "same_person": {"name": "Ann", "age": 7},
    "tool": "I hear: sunny in Seoul.",
    "tool_stream": "I hear: sunny in Seoul.",
    "schema": {"name": "Ann", "age": 7},
    "by_default": "refused",
    "elsewhere": "TypeError",  # As a browser calls all that it does not let a page read.
}
"""What each step gives. A stream comes in pieces."""


BEYOND = {"tool": "tools", "tool_stream": "streamed tools", "schema": "schemas"}
"""The steps that ask for more than the core subset, as the table calls them."""


@dataclass(frozen=True)
class Errors:
    """The classes by which a client tells errors, by their status."""

    on_401: str = "AuthenticationError"
    on_404: str = "NotFoundError"
    on_429: str = "RateLimitError"


class HangUp(StrEnum):
    """Whether a client closes its connection when its stream is closed."""

    AT_ONCE = "yes"
    BY_GARBAGE = "when Python collects garbage"
    NEVER = "no"
    NO_STREAMS = "has no streams"

    @property
    def is_seen(self) -> bool | None:
        """Whether the adapter is cancelled while the client's process lives on."""
        return None if self is HangUp.NO_STREAMS else self is not HangUp.NEVER


@dataclass(frozen=True)
class Client:
    """One client."""

    name: str
    """As it is called on the command line and in the table."""
    packages: tuple[str, ...]
    """What is installed, as pip or npm write it; the version of the first is told."""
    script: str
    """In `scripts`; a page runs in a browser."""
    steps: tuple[str, ...] = ("plain", "second", "stream")
    """What it must do."""
    errors: Errors = field(default_factory=Errors)
    hangs_up: HangUp = HangUp.AT_ONCE
    tries: int = 2
    """How often it asks one who says 429, where it may ask twice."""
    tests: str | None = None
    """Its own tests for servers, in `scripts`, which pytest runs."""
    needs: str = ""
    """What is to be set, besides URL and key, where an adapter takes the core subset only."""

    @property
    def is_python(self) -> bool:
        """Whether it comes from the index of Python packages, and not from npm."""
        return self.script.endswith(".py")

    @property
    def is_page(self) -> bool:
        """Whether a browser runs it."""
        return self.script.endswith(".html")


_CORE = ("plain", "second", "stream")
_ALL = (*_CORE, *BEYOND)
_AI_SDK = Errors("APICallError", "APICallError", "RetryError")
_INSTRUCTOR = Errors(*["InstructorRetryException"] * 3)
_LANGCHAIN = Errors("OpenAIAuthenticationError", "OpenAIModelNotFoundError", "OpenAIRateLimitError")
_PYDANTIC_AI = Errors("ModelAuthenticationError", "ModelNotFoundError", "ModelRateLimitError")

CLIENTS = (
    Client("openai-python", ("openai>=3,<4",), "openai_python.py", steps=_ALL),
    Client("openai-node", ("openai@6",), "openai_node.mjs", steps=_ALL),
    Client(
        "openai-browser",
        ("openai@6",),
        "browser.html",
        steps=(*_ALL, "elsewhere"),
        needs="`VENEER_CORS_ORIGINS` at the gateway, `dangerouslyAllowBrowser`",
    ),
    Client(
        "langchain-python",
        ("langchain-openai>=1,<2", "langchain-tests>=1,<2"),
        "langchain_python.py",
        steps=_ALL,
        errors=_LANGCHAIN,
        tests="langchain_standard.py",
        needs="`stream_usage=True`, where the usage of streams is wanted",
    ),
    Client(
        "langchain-node",
        ("@langchain/openai@1", "@langchain/core@1"),
        "langchain_node.mjs",
        steps=_ALL,
    ),
    Client(
        "ai-sdk-openai",
        ("@ai-sdk/openai@3", "ai@6"),
        "ai_sdk_openai.mjs",
        steps=(*_ALL, "by_default"),
        errors=_AI_SDK,
        needs="`.chat()`, as its default is the Responses API",
    ),
    Client(
        "ai-sdk-openai-compatible",
        ("@ai-sdk/openai-compatible@2", "ai@6"),
        "ai_sdk_compatible.mjs",
        steps=_ALL,
        errors=_AI_SDK,
        needs="`supportsStructuredOutputs`, for schemas",
    ),
    Client(
        "pydantic-ai",
        ("pydantic-ai-slim[openai]>=2,<3",),
        "pydantic_ai_agent.py",
        steps=_ALL,
        errors=_PYDANTIC_AI,
        needs="`OpenAIChatModel`",
    ),
    Client(
        "openai-agents",
        ("openai-agents>=0.24,<1",),
        "openai_agents.py",
        steps=_ALL,
        needs="`OpenAIChatCompletionsModel`; `set_tracing_disabled(True)`, as traces go to OpenAI",
    ),
    Client(
        "litellm",
        ("litellm>=1.100,<2", "mcp"),
        "litellm_sdk.py",
        steps=_ALL,
        needs="`openai/` before the model; `mcp` installed, for tools",
    ),
    Client(
        "llm",
        ("llm>=0.36,<1",),
        "llm_models.py",
        hangs_up=HangUp.NEVER,
        tries=3,
        needs="an entry in `extra-openai-models.yaml`",
    ),
    Client(
        "llama-index",
        ("llama-index-llms-openai-like>=0.8,<1",),
        "llama_index_llm.py",
        hangs_up=HangUp.BY_GARBAGE,
        needs="`OpenAILike` with `is_chat_model=True`",
    ),
    Client(
        "instructor",
        ("instructor>=1.17,<2",),
        "instructor_client.py",
        steps=("person", "same_person", "by_default", "schema"),
        errors=_INSTRUCTOR,
        hangs_up=HangUp.NO_STREAMS,
        needs="`Mode.MD_JSON` where there are no tools, as its default is these",
    ),
)

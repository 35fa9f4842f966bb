"""LangChain's own integration tests for chat models, of the core subset and of more."""

from asking import HELPER, KEY, URL, WORDS
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestCore(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, object]:
        # At another address than OpenAI's it does not ask for the usage of a stream by itself.
        return {"model": WORDS, "base_url": URL, "api_key": KEY, "stream_usage": True}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def supports_json_mode(self) -> bool:
        return False


class TestBeyond(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {"model": HELPER, "base_url": URL, "api_key": KEY, "stream_usage": True}

    @property
    def supports_json_mode(self) -> bool:
        return True

"""The openai package's models to the JSON of the wire: the fields that were set, null or not."""

from typing import TypeVar

from openai.types import Model
from openai.types.chat import ChatCompletion
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from veneer_protocol.errors import InvalidProviderResponseError

T = TypeVar("T")

_NO_JSON = "The provider's answer holds something that cannot be written as JSON."
_COMPLETION = TypeAdapter(ChatCompletion)
_MODEL = TypeAdapter(Model)
_MODELS = TypeAdapter(list[Model])


def encode_completion(completion: ChatCompletion) -> bytes:
    """Give the body of an answer that is not streamed.

    Reference: https://platform.openai.com/docs/api-reference/chat/object
    """
    return encode_json(_COMPLETION, completion)


def encode_model(model: Model) -> bytes:
    """Give the body of `GET /v1/models/{id}`.

    Reference: https://platform.openai.com/docs/api-reference/models/object
    """
    return encode_json(_MODEL, model)


def encode_models(models: list[Model]) -> bytes:
    """Give the body of `GET /v1/models`.

    Reference: https://platform.openai.com/docs/api-reference/models/list
    """
    return b'{"object":"list","data":%b}' % encode_json(_MODELS, models)


def encode_text(text: str) -> bytes:
    """Give `text` as a JSON string.

    Raises:
        InvalidProviderResponseError: it holds half a surrogate pair.
    """
    try:
        return to_json(text)
    except PydanticSerializationError as error:
        raise InvalidProviderResponseError(_NO_JSON) from error


def encode_json(adapter: TypeAdapter[T], value: T) -> bytes:
    """Encode `value` by `adapter`, without the fields that nobody set.

    Raises:
        InvalidProviderResponseError: it holds what JSON cannot, such as half a surrogate pair.
    """
    try:
        # A provider may add fields, or values newer than our openai package: no warnings.
        return adapter.dump_json(value, exclude_unset=True, warnings=False)
    except PydanticSerializationError as error:
        raise InvalidProviderResponseError(_NO_JSON) from error

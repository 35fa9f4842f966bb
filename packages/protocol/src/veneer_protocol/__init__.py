"""The contract between the Veneer gateway and its providers."""

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.answers.encoding import encode_completion, encode_model, encode_models
from veneer_protocol.answers.guard import StreamGuard, check_completion, check_models
from veneer_protocol.answers.replies import FinishReason, Reply, tool_call, usage
from veneer_protocol.answers.sse import DONE, encode_error, encode_event
from veneer_protocol.completions import complete
from veneer_protocol.context import Headers, RequestContext
from veneer_protocol.definition import check_features, check_prefix
from veneer_protocol.errors import (
    ApiError,
    AuthenticationError,
    InvalidProviderResponseError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderNotFoundError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)
from veneer_protocol.features import Feature
from veneer_protocol.frames import Frames, open_stream
from veneer_protocol.requests.messages import Message
from veneer_protocol.requests.parsing import parse_request
from veneer_protocol.requests.parts import TextPart
from veneer_protocol.requests.request import ChatCompletionRequest, StreamOptions
from veneer_protocol.requests.schema import request_schema
from veneer_protocol.text import TextAdapter

__all__ = [
    "DONE",
    "ApiError",
    "AuthenticationError",
    "ChatCompletionRequest",
    "Feature",
    "FinishReason",
    "Frames",
    "Headers",
    "InvalidProviderResponseError",
    "InvalidRequestError",
    "Message",
    "ModelNotFoundError",
    "PermissionDeniedError",
    "ProviderAdapter",
    "ProviderNotFoundError",
    "RateLimitError",
    "Reply",
    "RequestContext",
    "ServerError",
    "ServiceUnavailableError",
    "StreamGuard",
    "StreamOptions",
    "TextAdapter",
    "TextPart",
    "UpstreamError",
    "UpstreamTimeoutError",
    "check_completion",
    "check_features",
    "check_models",
    "check_prefix",
    "complete",
    "encode_completion",
    "encode_error",
    "encode_event",
    "encode_model",
    "encode_models",
    "open_stream",
    "parse_request",
    "request_schema",
    "tool_call",
    "usage",
]

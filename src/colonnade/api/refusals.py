"""Wishes that this server cannot fulfil, refused by name.

What is listed here would change the answer, so leaving it out in silence would be a lie. Wishes
that change nothing (``store``, ``metadata``, ``service_tier`` ...) pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from colonnade.api.schema.chat import ChatRequest
    from colonnade.api.schema.requests import GenerationFields

_CONSTRAINTS = (
    "grammar",
    "json_schema",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
)


def refuse_constraints(request: GenerationFields) -> None:
    """Refuse to promise a form of the answer.

    Raises:
        Failure: the request asks for one.
    """
    for name in _CONSTRAINTS:
        if getattr(request, name):
            raise _unsupported(name, "Constrained answers are not supported yet.")
    if request.response_format is not None and request.response_format.type != "text":
        kind = request.response_format.type
        raise _unsupported("response_format", f"The form {kind!r} is not supported yet.")


def refuse_unsupported(request: ChatRequest) -> None:
    """Refuse the first wish of a chat request that cannot be fulfilled.

    Raises:
        Failure: there is one.
    """
    refuse_constraints(request)
    _refuse_calls(request)
    if request.modalities is not None and request.modalities != ["text"]:
        raise _unsupported("modalities", "Only text can be generated.")
    if request.audio is not None:
        raise _unsupported("audio", "Only text can be generated.")
    if request.web_search_options is not None:
        raise _unsupported("web_search_options", "This server does not search the web.")
    if request.moderation is not None:
        raise _unsupported("moderation", "This server has no moderation model.")


def _refuse_calls(request: ChatRequest) -> None:
    if request.tools and request.tool_choice != "none":
        raise _unsupported("tools", "Tool calls are not supported yet.")
    if not request.tools and request.tool_choice not in (None, "none", "auto"):
        msg = "'tool_choice' asks for a call, but there are no 'tools'."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="tool_choice")
    if request.functions and request.function_call != "none":
        raise _unsupported("functions", "Function calls are not supported yet.")
    if not request.functions and request.function_call not in (None, "none", "auto"):
        msg = "'function_call' asks for a call, but there are no 'functions'."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="function_call")


def _unsupported(param: str, message: str) -> Failure:
    return Failure(FailureKind.UNSUPPORTED, message, param=param)

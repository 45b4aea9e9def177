"""Wishes that this server cannot fulfil, refused by name.

What is listed here would change the answer, so leaving it out in silence would be a lie. Wishes
that change nothing (``store``, ``metadata``, ``service_tier`` ...) pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from colonnade.api.schema.chat import ChatRequest


def refuse_unsupported(request: ChatRequest) -> None:
    """Refuse the first wish of a chat request that cannot be fulfilled.

    Raises:
        Failure: there is one.
    """
    if request.modalities is not None and request.modalities != ["text"]:
        raise _unsupported("modalities", "Only text can be generated.")
    if request.audio is not None:
        raise _unsupported("audio", "Only text can be generated.")
    if request.web_search_options is not None:
        raise _unsupported("web_search_options", "This server does not search the web.")
    if request.moderation is not None:
        raise _unsupported("moderation", "This server has no moderation model.")


def _unsupported(param: str, message: str) -> Failure:
    return Failure(FailureKind.UNSUPPORTED, message, param=param)

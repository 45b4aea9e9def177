"""Requests that are nearly right: sound bodies with something changed, cut off, or made huge."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_AWKWARD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, 1e-320,
    "", " ", "\0", "\ud800", "a" * 10_000, "<|im_end|>", "{{ 7 * 7 }}", "../../etc/passwd",
    [], [None], [[]], {}, {"": None}, {"type": "object"}, {"$ref": "#"}, [{}] * 100,
    "data:image/png;base64,AAAA", "\u202e", "NaN", "Infinity", "1e999",
)  # fmt: skip

_NAMES = (
    "model", "messages", "prompt", "tools", "tool_choice", "response_format", "stream", "n", "stop",
    "max_tokens", "temperature", "logit_bias", "seed", "grammar", "json_schema", "suffix", "input",
    "session_id", "message", "client_id", "context", "model_path", "role", "content", "name",
    "best_of", "logprobs", "top_logprobs", "echo", "samplers", "chat_template_kwargs", "limit",
)  # fmt: skip


def values() -> st.SearchStrategy[Any]:
    """Anything that JSON can hold, and mostly what is awkward."""
    leaves = st.sampled_from(_AWKWARD) | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=5), inner, max_size=4)
        ),
        max_leaves=8,
    )


@st.composite
def bodies(draw: st.DrawFn, examples: Sequence[Mapping[str, Any]]) -> bytes:
    """A body for a route that takes such ``examples``."""
    body = json.loads(json.dumps(draw(st.sampled_from(examples))))
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, body)
    text = json.dumps(body).encode()
    how = draw(st.integers(0, 19))
    if how == 0:
        return text[: draw(st.integers(0, len(text)))]
    if how == 1:
        return draw(st.binary(max_size=40))
    if how == 2:
        place = draw(st.integers(0, len(text)))
        return text[:place] + draw(st.binary(min_size=1, max_size=4)) + text[place:]
    if how == 3:
        deep = draw(st.integers(1, 5000))
        return b"[" * deep + text + b"]" * deep
    return text


def _change(draw: st.DrawFn, body: Any) -> None:  # noqa: ANN401 - JSON
    """Change one thing somewhere in a body."""
    while True:
        if isinstance(body, dict):
            names = st.sampled_from(sorted(body)) if body else st.nothing()
            key = draw(names | st.sampled_from(_NAMES) | st.text(max_size=5))
            inner = body.get(key)
        elif isinstance(body, list) and body:
            key = draw(st.integers(0, len(body) - 1))
            inner = body[key]
        else:
            return
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            body = inner
            continue
        if draw(st.integers(0, 4)) or not isinstance(body, dict):
            body[key] = deepcopy(draw(values()))  # or the next change would be one of the value
        else:
            body.pop(key, None)
        return


def headers() -> st.SearchStrategy[dict[str, str]]:
    """Headers that clients send, or should not."""
    return st.dictionaries(
        st.sampled_from(
            ["content-type", "content-encoding", "accept", "origin", "authorization", "x-api-key",
             "x-request-id", "host", "expect", "x-forwarded-for", "traceparent", "cookie"]
        ),
        st.sampled_from(
            ["application/json", "text/plain", "gzip", "deflate", "*/*", "text/html", "null",
             "http://evil.example", "Bearer x", "127.0.0.1", "100-continue", "1.2.3.4, 5.6.7.8",
             "00-0-0-0", "x" * 5000, "application/json; charset=latin-1"]
        ),
        max_size=2,
    )  # fmt: skip

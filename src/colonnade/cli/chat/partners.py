"""Who answers: a server over HTTP, or a model loaded into a worker of this process."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from colonnade.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from httpx2 import AsyncClient, Response

    from colonnade.generation import Generator, ServedModel

Message = dict[str, str]


class Piece(NamedTuple):
    """More of an answer, or of the thought before it."""

    text: str
    thought: bool = False


class Partner(Protocol):
    """Answers a conversation."""

    name: str

    def answer(self, messages: Sequence[Message]) -> AsyncGenerator[Piece]:
        """Yield the answer piece by piece.

        Raises:
            CommandError: there is no answer; the conversation may go on.
        """
        ...


class ModelPartner:
    """The model of this process."""

    def __init__(
        self, generator: Generator, model: ServedModel, max_tokens: int | None = None
    ) -> None:
        self.name = model.id
        self._generator = generator
        self._sampling = model.sampling
        self._max_tokens = max_tokens

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[Piece]:
        """Yield the answer piece by piece."""
        from colonnade.generation import ChatPrompt, ReasoningDelta, TextDelta, Turn
        from colonnade.messages import Decoding, Failure

        decoding = Decoding(sampling=self._sampling, max_tokens=self._max_tokens)
        turn = Turn(None, ChatPrompt(tuple(messages)), decoding)
        try:
            generation = await self._generator.start(turn)
            try:
                async for event in generation:
                    if isinstance(event, TextDelta | ReasoningDelta):
                        yield Piece(event.text, thought=isinstance(event, ReasoningDelta))
            finally:
                await generation.aclose()
        except Failure as failure:
            raise CommandError(failure.message) from failure


class ServerPartner:
    """A server that speaks OpenAI's chat completions."""

    def __init__(self, client: AsyncClient, model: str, fields: Mapping[str, object]) -> None:
        """Take what goes into every request beside the messages."""
        self.name = model
        self._client = client
        self._fields = {**fields, "model": model, "stream": True}

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[Piece]:
        """Yield the answer piece by piece."""
        from httpx2 import HTTPError

        body = {**self._fields, "messages": list(messages)}
        try:
            async with self._client.stream("POST", "chat/completions", json=body) as response:
                await _raise_for_error(response)
                async for line in response.aiter_lines():
                    for piece in _pieces(line):
                        yield piece
        except HTTPError as error:
            raise CommandError(_unreachable(error)) from error


@asynccontextmanager
async def connect(
    url: str, api_key: str, fields: Mapping[str, object]
) -> AsyncIterator[ServerPartner]:
    """Ask the server for its model; the first one it names is talked to.

    ``fields`` go into every request.

    Raises:
        CommandError: there is no such server.
    """
    from httpx2 import AsyncClient, HTTPError, InvalidURL, Timeout

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    base = (url if "://" in url else f"http://{url}").rstrip("/")
    base = base if base.endswith("/v1") else base + "/v1"
    try:
        # A long prompt may keep the first piece waiting for minutes.
        client = AsyncClient(base_url=base, headers=headers, timeout=Timeout(10.0, read=None))
    except InvalidURL as error:
        msg = f"{url!r} is not a URL"
        raise CommandError(msg) from error
    async with client:
        try:
            response = await client.get("models", timeout=10.0)
            await _raise_for_error(response)
            model = response.json()["data"][0]["id"]
        except HTTPError as error:
            raise CommandError(_unreachable(error, url)) from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            msg = f"{url} does not answer as an OpenAI-compatible server does"
            raise CommandError(msg) from error
        yield ServerPartner(client, model, fields)


def _pieces(line: str) -> list[Piece]:
    """Read what one line of the event stream adds."""
    if not line.startswith("data:"):
        return []
    data = line.removeprefix("data:").strip()
    if data == "[DONE]":
        return []
    try:
        chunk = json.loads(data)
        failure = chunk.get("error")
        choices = chunk.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        content = delta.get("content")
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        msg = f"the server sent what is no piece of an answer: {data[:80]}"
        raise CommandError(msg) from error
    if failure:
        raise CommandError(_error_message(failure))
    found = [Piece(thought, thought=True)] if isinstance(thought, str) else []
    return [*found, Piece(content)] if isinstance(content, str) else found


async def _raise_for_error(response: Response) -> None:
    if not response.is_error:
        return
    body = await response.aread()
    try:
        message = _error_message(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError, RecursionError):
        message = f"the server answered {response.status_code}"
    raise CommandError(message)


def _error_message(error: Any) -> str:  # noqa: ANN401 - another server's JSON
    return str(error.get("message", error) if isinstance(error, dict) else error)


def _unreachable(error: Exception, url: str = "the server") -> str:
    detail = str(error).partition("\n")[0] or type(error).__name__
    return f"{url} cannot be reached: {detail}"

"""From the outputs of one choice to its events."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from colonnade.generation.events import (
    CallArguments,
    CallStart,
    EndReason,
    Finished,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from colonnade.messages import FinishReason
from colonnade.prompt.output import CallStart as ParsedStart
from colonnade.prompt.output import Content
from colonnade.prompt.output import Reasoning as ParsedReasoning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.generation.events import Delta, Event
    from colonnade.messages import Finish, Output, TokenLogprob
    from colonnade.prompt.output import OutputParser, Parsed

_ID_BYTES = 12


class PlainReader:
    """A choice whose text is its answer."""

    def __init__(self, choice: int) -> None:
        self._choice = choice

    def read(self, output: Output) -> list[Event]:
        """The events of one output."""
        if output.so_far is not None and output.read:
            return [PromptProgress(self._choice, output.read, usage_of(output.so_far))]
        events: list[Event] = []
        if output.text or output.logprobs or output.ids:
            events.append(TextDelta(self._choice, output.text, output.logprobs, output.ids))
        if output.finish is not None:
            reason = EndReason(output.finish.reason.value)
            usage = usage_of(output.finish)
            events.append(Finished(self._choice, reason, usage, _stop(output.finish)))
        return events


class ParsingReader:
    """A choice whose text holds thoughts and calls beside the answer.

    Tokens, their ids and their log probabilities belong to the next event that comes out, for a
    parser holds text back until it knows what that is.
    """

    def __init__(self, choice: int, parser: OutputParser, custom: frozenset[str]) -> None:
        self._choice = choice
        self._parser = parser
        self._custom = custom
        """Names of the tools that take text."""
        self._called = False
        self._reasoning_tokens = 0
        self._waiting_tokens = 0
        self._waiting_logprobs: tuple[TokenLogprob, ...] = ()
        self._waiting_ids: tuple[int, ...] = ()

    def read(self, output: Output) -> list[Event]:
        """The events of one output."""
        if output.so_far is not None and output.read:
            return [PromptProgress(self._choice, output.read, usage_of(output.so_far))]
        self._waiting_tokens += output.tokens
        self._waiting_logprobs += output.logprobs
        self._waiting_ids += output.ids
        parsed = self._parser.feed(output.text) if output.text else []
        if output.finish is None:
            return [*self._deltas(parsed)]
        deltas = self._deltas([*parsed, *self._parser.finish()])
        if self._waiting_logprobs or self._waiting_ids:
            deltas.append(TextDelta(self._choice, "", self._waiting_logprobs, self._waiting_ids))
        return [*deltas, self._end(output.finish)]

    def _deltas(self, parsed: Sequence[Parsed]) -> list[Delta]:
        if not parsed:
            return []
        if isinstance(parsed[0], ParsedReasoning):
            self._reasoning_tokens += self._waiting_tokens
        logprobs, self._waiting_logprobs, self._waiting_tokens = self._waiting_logprobs, (), 0
        ids, self._waiting_ids = self._waiting_ids, ()
        first = self._delta(parsed[0], logprobs, ids)
        return [first, *(self._delta(each) for each in parsed[1:])]

    def _delta(
        self,
        parsed: Parsed,
        logprobs: tuple[TokenLogprob, ...] = (),
        ids: tuple[int, ...] = (),
    ) -> Delta:
        choice = self._choice
        match parsed:
            case Content(text):
                return TextDelta(choice, text, logprobs, ids)
            case ParsedReasoning(text):
                return ReasoningDelta(choice, text, logprobs, ids)
            case ParsedStart(index, name, own_id):
                self._called = True
                call_id = own_id or f"call_{secrets.token_hex(_ID_BYTES)}"
                custom = name in self._custom
                return CallStart(choice, index, call_id, name, custom, logprobs, ids)
            case _:
                return CallArguments(choice, parsed.index, parsed.text, logprobs, ids)

    def _end(self, finish: Finish) -> Finished:
        reason = EndReason(finish.reason.value)
        if self._called and finish.reason is FinishReason.STOP:
            reason = EndReason.TOOL_CALLS
        usage = usage_of(finish, self._reasoning_tokens)
        return Finished(self._choice, reason, usage, _stop(finish))


Reader = PlainReader | ParsingReader


def _stop(finish: Finish) -> str | int | None:
    return finish.stop_string if finish.stop_token is None else finish.stop_token


def usage_of(finish: Finish, reasoning_tokens: int = 0) -> Usage:
    """The counts and times of a choice."""
    return Usage(
        finish.prompt_tokens,
        finish.cached_tokens,
        finish.completion_tokens,
        finish.queue_ms,
        finish.prompt_ms,
        finish.decode_ms,
        reasoning_tokens,
        finish.forced_tokens,
        finish.drafted_tokens,
        finish.accepted_tokens,
        finish.predicted_tokens,
        finish.predicted_right_tokens,
        finish.image_tokens,
        finish.audio_tokens,
    )

"""From a turn to a running generation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from colonnade.generation.accounts import NoAccounts, Used, counted
from colonnade.generation.builders import shared_builders
from colonnade.generation.embedding import Embeddings
from colonnade.generation.events import Event, Finished, Usage
from colonnade.generation.folding import fold
from colonnade.generation.preparation import prepare
from colonnade.generation.reader import usage_of
from colonnade.generation.turn import ChatPrompt, CompletionPrompt, Turn, asking
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls import blamed_tool
from colonnade.watch import about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from colonnade.engine import Stream
    from colonnade.generation.accounts import Accounts
    from colonnade.generation.builders import Builders
    from colonnade.generation.folding import Folded
    from colonnade.generation.models import Models, ServedModel
    from colonnade.generation.preparation import Prepared
    from colonnade.generation.reader import Reader
    from colonnade.messages import TokenLogprob
    from colonnade.prompt.schema import Narrowing


_ABOUT_THE_REQUEST = (FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class Completed:
    """A generation that has come to its end, by the id of its model."""

    model: str
    choices: list[Folded]
    usage: Usage
    prompt_text: str
    narrowings: tuple[Narrowing, ...] = ()
    """Values that the request's schemas allow, and the answer could not have."""
    prompt_ids: tuple[int, ...] = ()
    prompt_logprobs: tuple[TokenLogprob, ...] = ()
    """The prompt's tokens, where they were asked for, as the ids."""

    @property
    def first(self) -> Folded:
        """The first choice: the only one, where no more were asked for."""
        return self.choices[0]


class Generation:
    """A generation under way: iterate over its events, or close it to give it up.

    The prompt is accepted already when this exists, so nothing that the request's own fault can
    cause comes later: an exception from the iteration is a ``Failure`` of the server.
    """

    def __init__(
        self,
        model: str,
        stream: Stream,
        choices: int,
        reader: Callable[[int], Reader],
        prompt_text: str,
        narrowings: tuple[Narrowing, ...] = (),
        note: Callable[[Used], None] = lambda _: None,
        touch: Callable[[], None] = lambda: None,
    ) -> None:
        """``note`` takes, once, what was used when it ends; ``touch`` is told of the end."""
        self.model = model
        self.prompt_text = prompt_text
        """The prompt as the model read it; empty where it came as token ids."""
        self.narrowings = narrowings
        """Values that the request's schemas allow, and the answer cannot have."""
        self._stream = stream
        self._note = note
        self._touch = touch
        self._readers = [reader(choice) for choice in range(choices)]
        self.finished: list[Finished] = []
        self.so_far: dict[int, Usage] = {}
        """The account of each choice up to its last event, where asked for."""

    @property
    def prompt_tokens(self) -> int:
        """Number of tokens in the prompt."""
        return self._stream.prompt_tokens

    @property
    def prompt_ids(self) -> tuple[int, ...]:
        """The ids of the prompt's tokens, where asked for."""
        return self._stream.prompt_ids

    @property
    def prompt_logprobs(self) -> tuple[TokenLogprob, ...]:
        """The prompt's tokens, where asked for; there before the first event."""
        return self._stream.prompt_logprobs

    @property
    def usage(self) -> Usage:
        """The sum over the choices finished so far (the prompt counted once)."""
        first = min(self.finished, key=lambda finished: finished.choice).usage
        return replace(
            Usage.total(finished.usage for finished in self.finished),
            prompt_tokens=first.prompt_tokens,
            cached_tokens=first.cached_tokens,
            image_tokens=first.image_tokens,
            audio_tokens=first.audio_tokens,
            queue_ms=first.queue_ms,
            prompt_ms=first.prompt_ms,
        )

    async def batches(self) -> AsyncIterator[list[Event]]:
        """Yield whatever events are there, as often as some are, until each choice has finished.

        A slow reader gets many at once, and can pass them on so.
        """
        async for outputs in self._stream.batches():
            events = [
                event for output in outputs for event in self._readers[output.choice].read(output)
            ]
            for output in outputs:
                if output.so_far is not None:
                    self.so_far[output.choice] = usage_of(output.so_far)
            self.finished += [event for event in events if isinstance(event, Finished)]
            if events:
                yield events

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events of all choices one by one; otherwise as ``batches``."""
        async for events in self.batches():
            for event in events:
                yield event

    async def aclose(self) -> None:
        """Cancel what is still running, and note what was used. Does nothing after the end."""
        await self._stream.aclose()
        self._touch()
        note, self._note = self._note, lambda _: None
        read = self._stream.prompt_tokens if self._stream.started else 0
        note(Used(prompt_tokens=read, completion_tokens=self._stream.generated))


class Generator:
    """Starts generations. One per server."""

    def __init__(
        self,
        models: Models,
        builders: Builders | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        """``accounts``: who may use how much, and has; without any, nobody counts."""
        self._models = models
        self._accounts = NoAccounts() if accounts is None else accounts
        self._builders = shared_builders() if builders is None else builders
        self.embeddings = Embeddings(models, self._accounts)
        """What embeds and scores, with the same models."""

    async def start(self, turn: Turn, *, joining: bool = False) -> Generation:
        """Render and submit a turn, and wait until the engine accepts it.

        ``joining``: it belongs to a request that was accepted already, so a full queue takes it.

        Raises:
            Failure: the model is unknown or away, the template refuses the messages, the prompt
                does not fit, the wished form cannot be held to, the queue is full, or the client
                has a quota that is used up.
        """
        self._accounts.admit(asking.get())
        model = await self._models.obtain(turn.model)
        found = about.get()
        if found is not None:
            found.model = model.called(turn.model)
        try:
            return await self._start(turn, model, joining=joining)
        except Failure as failure:
            # It went between its finding and the submission, and another one took its place.
            gone = failure.kind is FailureKind.MODEL_UNAVAILABLE and model not in self._models
            if not gone:
                raise
            successor = await self._models.obtain(turn.model)
            return await self._start(turn, successor, joining=joining)

    async def _start(self, turn: Turn, model: ServedModel, *, joining: bool) -> Generation:
        with model.use.held():
            return await self._submit(turn, model, joining=joining)

    async def _submit(self, turn: Turn, model: ServedModel, *, joining: bool) -> Generation:
        _check_ability(turn, model)
        adapters = model.adapters.chosen(turn.model, turn.adapters)
        if not joining:
            model.engine.check_room(asking.get(), turn.urgency)
        prepared = await prepare(turn, model, self._builders, asking.get())
        try:
            stream = await model.engine.submit(
                prepared.prompt,
                prepared.decoding,
                add_bos=prepared.add_bos,
                infill_suffix=prepared.infill_suffix,
                joining=joining,
                client=asking.get(),
                urgency=turn.urgency,
                adapters=adapters,
            )
        except Failure as failure:
            if failure.kind in _ABOUT_THE_REQUEST and prepared.decoding.constraint is not None:
                # the engine knows of a grammar, and not where it comes from
                failure.param = failure.param or _blamed(turn, prepared, failure)
            raise
        return Generation(
            model.called(turn.model),
            stream,
            turn.decoding.n,
            prepared.reader,
            prepared.text,
            prepared.narrowings,
            counted(self._accounts, asking.get()),
            model.use.touch,
        )

    async def complete(self, turn: Turn) -> Completed:
        """Generate the whole answer to a turn.

        Raises:
            Failure: as ``start``, or the generation failed under way.
        """
        generation = await self.start(turn)
        try:
            choices = await fold(generation, turn.decoding.n)
            return Completed(
                generation.model,
                choices,
                generation.usage,
                generation.prompt_text,
                generation.narrowings,
                generation.prompt_ids,
                generation.prompt_logprobs,
            )
        finally:
            await generation.aclose()


def _blamed(turn: Turn, prepared: Prepared, failure: Failure) -> str:
    """The field of the request that a grammar's failure comes from."""
    tools = turn.prompt.tools if isinstance(turn.prompt, ChatPrompt) else None
    constraint = prepared.decoding.constraint
    if tools is not None and constraint is not None:
        index = blamed_tool(constraint.grammar, failure.message)
        if index is not None and index < len(tools.tools):
            custom = tools.tools[index].custom is not None
            return f"tools[{index}].{'custom.format' if custom else 'function.parameters'}"
    return "tools" if turn.form is None else turn.form.param


def _check_ability(turn: Turn, model: ServedModel) -> None:
    info = model.engine.info
    if not info.decoder:
        msg = f"The model {model.id!r} cannot generate text: it is made for embeddings."
        raise Failure(FailureKind.UNSUPPORTED, msg, param="model")
    media = turn.prompt.media if isinstance(turn.prompt, ChatPrompt) else ()
    for part in media:
        if part.kind not in info.media:
            msg = f"The model {model.id!r} takes no {part.kind} input."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="messages")
    if isinstance(turn.prompt, CompletionPrompt) and (
        turn.prompt.suffix is not None and not info.infill
    ):
        msg = f"The model {model.id!r} has no infill tokens: it cannot fill a gap."
        raise Failure(FailureKind.UNSUPPORTED, msg, param="suffix")

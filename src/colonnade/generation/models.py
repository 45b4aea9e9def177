"""The models that can be asked for, each an engine with its chat template."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from colonnade.generation.adapters import Adapters
from colonnade.generation.constraints import Constraints
from colonnade.generation.use import Use
from colonnade.messages import Failure, FailureKind, Sampling
from colonnade.prompt.schema import SchemaLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.engine import AnyEngine, Embedder
    from colonnade.generation.engines import ServingEngine
    from colonnade.prompt.calls import CallFormat
    from colonnade.prompt.reasoning import ReasoningFormat
    from colonnade.prompt.rendering import Rendered, Study, Wish


@dataclass(frozen=True, slots=True)
class EmbeddingDefaults:
    """How texts are embedded where a request does not say."""

    prefix: str = ""
    """What is put before texts of which it is not said what they are."""
    query_prefix: str = ""
    """What is put before queries."""
    document_prefix: str = ""
    """What is put before documents."""
    normalize: bool = True
    """Whether embeddings are scaled to a length of 1."""


@dataclass(frozen=True)
class ServedModel:
    """A model under the name that clients use. ``created`` is in seconds since the epoch."""

    id: str
    created: int
    engine: ServingEngine
    """What generates; of a model that only embeds, what does that."""
    template: Renders
    schema_limits: SchemaLimits = field(default_factory=SchemaLimits)
    """How large and deep a request's schemas may be."""
    sampling: Sampling = field(default_factory=Sampling)
    """How tokens are drawn where a request does not say."""
    load_seconds: float = 0.0
    embedder: Embedder | None = None
    """What embeds, or scores: ``engine`` itself, of a model that does nothing else, or a worker of
    its own on the same file. None where the model is not to be asked for embeddings."""
    embedding: EmbeddingDefaults = EmbeddingDefaults()
    adapters: Adapters = field(default_factory=Adapters)
    """What requests may have applied to it."""
    use: Use = field(default_factory=Use)
    """Who uses it now."""

    @property
    def engines(self) -> tuple[AnyEngine, ...]:
        """Everything that has a worker."""
        members, embedder = self.engine.members, self.embedder
        return members if embedder is None or embedder in members else (*members, embedder)

    @property
    def names(self) -> tuple[str, ...]:
        """What requests may call it: its id, and that with each of its adapters."""
        return (self.id, *self.adapters.names_with(self.id))

    def called(self, name: str | None) -> str:
        """Its id for a request that names it so: with the adapter that the name chooses."""
        adapter = self.adapters.named(name)
        return f"{self.id}:{adapter}" if adapter else self.id

    @property
    def busy(self) -> bool:
        """Whether anybody is about to ask something of it, or waits for an answer."""
        return self.use.holders > 0 or any(engine.active for engine in self.engines)

    @property
    def call_format(self) -> CallFormat:
        """How the model writes tool calls."""
        return self.template.study.call_format

    @property
    def reasoning(self) -> ReasoningFormat | None:
        """How the model writes its thoughts, if it has any."""
        return self.template.study.reasoning

    @property
    def thinks_unasked(self) -> bool:
        """Whether thoughts come without being asked for."""
        return self.template.study.thinks_unasked

    @cached_property
    def constraints(self) -> Constraints:
        """The constraints on this model's answers."""
        return Constraints(self.engine.info.grammar_tokens, self.schema_limits)

    async def close(self, failure: Failure | None = None) -> None:
        """End its processes. Requests under way fail, with a ``failure`` of their own."""
        engines = [each.close(failure) for each in self._parts]
        await asyncio.gather(*engines, self.template.close())

    async def retire(self, failure: Failure | None = None) -> None:
        """As ``close``; what the engine knows of earlier prompts stays, where it was told to keep
        it."""
        engines = [each.retire(failure) for each in self._parts]
        await asyncio.gather(*engines, self.template.close())

    @property
    def _parts(self) -> list[ServingEngine]:
        """What is closed: the engine, and the embedder where that is another one."""
        if self.embedder is None or self.embedder in self.engine.members:
            return [self.engine]
        return [self.engine, self.embedder]


class Renders(Protocol):
    """A chat template that renders somewhere else."""

    @property
    def study(self) -> Study:
        """What it was found to be."""

    async def render(self, wish: Wish, client: str) -> Rendered:
        """Render a prompt in a client's turn. Raises ``Failure``."""

    async def close(self) -> None:
        """End what renders."""


class Source(Protocol):
    """What knows models that are not loaded, and has them loaded."""

    @property
    def loads(self) -> bool:
        """Whether it knows any that a request may have loaded."""

    def named(self, name: str) -> str | None:
        """The id of the model that goes by a name; None where there is none."""

    def default(self) -> str | None:
        """The id of the model for requests that name none."""

    def unknown(self, name: str) -> Failure:
        """What to say of a name that no model has."""

    async def load(self, model: str) -> ServedModel:
        """Load the model of an id, if it is not loaded yet. Raises ``Failure``."""


class Models:
    """The models that are loaded, by id; the first one is the default, unless a source says which.

    With a source, those that it knows can be obtained as well.
    """

    def __init__(self, *, any_name: bool = False, source: Source | None = None) -> None:
        """``any_name``: the default one answers to names that nobody has, too."""
        self._any_name = any_name
        self._source = source
        self._models: dict[str, ServedModel] = {}

    def add(self, model: ServedModel) -> None:
        """Serve a model, in place of any other of its id."""
        self._models[model.id] = model

    def remove(self, model: ServedModel) -> None:
        """Serve a model no longer."""
        if self._models.get(model.id) is model:
            del self._models[model.id]

    def __contains__(self, model: object) -> bool:
        """Whether this very model is served."""
        return any(each is model for each in self._models.values())

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(list(self._models.values()))

    def is_here(self, name: str | None) -> bool:
        """Whether ``obtain`` has nothing to wait for: it is loaded, or cannot be had."""
        wanted = self._known(name)
        return wanted is None or wanted in self._models

    def find(self, name: str | None) -> ServedModel:
        """The loaded model of that name; None and the empty string mean the default.

        Raises:
            Failure: model_not_found, model_unavailable where it is not loaded, or no_model where
                there is no default.
        """
        wanted = self._id(name)
        if wanted in self._models:
            return self._models[wanted]
        raise Failure(FailureKind.MODEL_UNAVAILABLE, f"The model {wanted!r} is not loaded.")

    def check(self, name: str | None) -> None:
        """See whether a model goes by a name, loaded or not.

        Raises:
            Failure: model_not_found, or no_model where there is no default.
        """
        self._id(name)

    async def obtain(self, name: str | None) -> ServedModel:
        """As ``find``, but one that is not loaded is loaded first.

        What is returned stays as long as the caller's task does not wait for anything; hold it
        (``ServedModel.use``) where it does.

        Raises:
            Failure: as ``find``, or it cannot be loaded.
        """
        wanted = self._id(name)
        model = self._models.get(wanted)
        if model is None:
            if self._source is None:
                return self.find(name)
            model = await self._source.load(wanted)
        model.use.touch()
        return model

    @property
    def on_demand(self) -> bool:
        """Whether a request may have a model loaded, where none is."""
        return not self._models and self._source is not None and self._source.loads

    def _id(self, name: str | None) -> str:
        """The id of the model that a request means.

        Raises:
            Failure: there is none.
        """
        found = self._known(name)
        if found is None:
            raise self._unknown(name)
        return found

    def _known(self, name: str | None) -> str | None:
        """The id of the model that a request means, None where there is none."""
        if name and name in self._models:
            return name
        source = self._source
        found = source.named(name) if source is not None and name else None
        if found is not None:
            return found
        default = self._default()
        if default is not None and (not name or self._any_name):
            return default
        return None

    def _default(self) -> str | None:
        if self._source is not None:
            return self._source.default()
        return next(iter(self._models), None)

    def _unknown(self, name: str | None) -> Failure:
        if self._source is not None and name is not None:
            return self._source.unknown(name)
        if name is None or not self._models:
            return Failure(FailureKind.NO_MODEL, "No model is loaded.")
        known = ", ".join(map(repr, self._models))
        msg = f"The model {name[:200]!r} is not served here. Served: {known}."
        return Failure(FailureKind.MODEL_NOT_FOUND, msg, param="model")

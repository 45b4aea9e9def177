"""The models that can be asked for, each an engine with its chat template."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from colonnade.generation.adapters import Adapters
from colonnade.generation.constraints import Constraints
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


class Models:
    """The served models by id; the first one is the default."""

    def __init__(self, *, any_name: bool = False) -> None:
        """``any_name``: the default one answers to names that nobody has, too."""
        self._any_name = any_name
        self._models: dict[str, ServedModel] = {}

    def add(self, model: ServedModel) -> None:
        """Serve a model, in place of any other of its id."""
        self._models[model.id] = model

    def replace(self, old: ServedModel | None, new: ServedModel) -> None:
        """Serve a model in another one's place."""
        others = [model for model in self if model is not old and model.id != new.id]
        self._models = {model.id: model for model in (new, *others)}

    def remove(self, model: ServedModel) -> None:
        """Serve a model no longer."""
        if self._models.get(model.id) is model:
            del self._models[model.id]

    def __contains__(self, model: object) -> bool:
        """Whether this very model is served."""
        return any(each is model for each in self._models.values())

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def find(self, model: str | None) -> ServedModel:
        """The model of that id; None and the empty string mean the default.

        Raises:
            Failure: model_not_found, or no_model when none is served at all.
        """
        if not self._models:
            raise Failure(FailureKind.NO_MODEL, "No model is loaded.")
        if model in self._models:
            return self._models[model]
        adapted = next((each for each in self if model in each.names), None)
        if adapted is not None:
            return adapted
        if not model or self._any_name:
            return next(iter(self))
        known = ", ".join(repr(name) for each in self for name in each.names)
        msg = f"The model {model[:200]!r} is not served here. Served: {known}."
        raise Failure(FailureKind.MODEL_NOT_FOUND, msg, param="model")

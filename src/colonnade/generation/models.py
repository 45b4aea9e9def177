"""The models that can be asked for, each an engine with its chat template."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from colonnade.generation.constraints import Constraints
from colonnade.messages import Failure, FailureKind, Sampling
from colonnade.prompt import Guard
from colonnade.prompt.calls import choose_call_format
from colonnade.prompt.reasoning import find_reasoning
from colonnade.prompt.schema import SchemaLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.engine import Engine
    from colonnade.prompt import ChatTemplate
    from colonnade.prompt.calls import CallFormat
    from colonnade.prompt.reasoning import ReasoningFormat


@dataclass(frozen=True)
class ServedModel:
    """A model under the name that clients use. ``created`` is in seconds since the epoch."""

    id: str
    created: int
    engine: Engine
    template: ChatTemplate
    schema_limits: SchemaLimits = field(default_factory=SchemaLimits)
    """How large and deep a request's schemas may be."""
    sampling: Sampling = field(default_factory=Sampling)
    """How tokens are drawn where a request does not say."""
    load_seconds: float = 0.0

    def get_ready(self) -> None:
        """Find out what is found out once, some tens of milliseconds' work, before it is needed."""
        _ = self.guard, self.call_format, self.thinks_unasked, self.constraints

    @cached_property
    def guard(self) -> Guard:
        """Keeps users' text from becoming this model's control tokens."""
        info = self.engine.info
        return Guard(
            name
            for token, name in info.special_tokens.items()
            if token in info.control_tokens or name in self.template.source
        )

    @cached_property
    def call_format(self) -> CallFormat:
        """How the model writes tool calls."""
        return choose_call_format(self.template, self._special)

    @cached_property
    def reasoning(self) -> ReasoningFormat | None:
        """How the model writes its thoughts, if it has any."""
        return find_reasoning(self.template, self._special)

    @cached_property
    def thinks_unasked(self) -> bool:
        """Whether thoughts come without being asked for: where the template has a switch for them,
        it is on by itself."""
        off = self.template.switches.off
        if self.reasoning is None or not off:
            return self.reasoning is not None
        greeting = [{"role": "user", "content": "Hello"}]
        try:
            return self.template.render(greeting) != self.template.render(greeting, off)
        except Failure:
            return True

    @cached_property
    def constraints(self) -> Constraints:
        """The constraints on this model's answers."""
        return Constraints(self.engine.info.grammar_tokens, self.schema_limits)

    @property
    def _special(self) -> frozenset[str]:
        return frozenset(self.engine.info.special_tokens.values())


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
        if not model or self._any_name:
            return next(iter(self))
        known = ", ".join(repr(name) for name in self._models)
        msg = f"The model {model[:200]!r} is not served here. Served: {known}."
        raise Failure(FailureKind.MODEL_NOT_FOUND, msg, param="model")

"""The LoRA adapters of a model: what they are called, and which of them a request gets.

A request names one by the model's name (``base:adapter``), or several with their scales (the field
``lora``); for any other the defaults count, which are none unless the operator says otherwise.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colonnade.messages import AdapterSet

    Wish = tuple[int | str, float]
    """An adapter by its place or name, and its scale."""

LARGEST_SCALE = 100.0
"""Beyond it a model says nothing but noise."""

_LATEST = ":latest"
"""The tag that Ollama's clients put behind a name without one."""

_SHOWN = 100
"""Characters of a name that are repeated in an error."""


class Adapter(NamedTuple):
    """An adapter as the operator has declared it."""

    name: str
    path: str
    scale: float = 0.0
    """Where a request does not say."""


class Adapters:
    """Those of one model, in the order in which they are declared: their ids are their places."""

    def __init__(self, declared: Iterable[Adapter] = ()) -> None:
        self.declared = tuple(declared)
        self.scales = [each.scale for each in self.declared]
        """Of each, where a request does not say."""
        self._places = {each.name: place for place, each in enumerate(self.declared)}

    @property
    def names(self) -> tuple[str, ...]:
        """By place."""
        return tuple(self._places)

    def names_with(self, model: str) -> tuple[str, ...]:
        """What requests may call a model of this name with one of its adapters."""
        return tuple(f"{model}:{name}" for name in self._places)

    def named(self, model: str | None) -> str:
        """The adapter in a name that a request gives a model; empty where there is none."""
        if not model or not self._places:
            return ""
        for name in (model, model.removesuffix(_LATEST)):
            base, _, adapter = name.rpartition(":")
            if base and adapter in self._places:
                return adapter
        return ""

    def chosen(self, model: str | None, wishes: Sequence[Wish]) -> AdapterSet:
        """What a request is answered with, by the name that it gives the model and its field
        ``lora``.

        Raises:
            Failure: there is no such adapter, or both choose one.
        """
        named = self.named(model)
        if named and wishes:
            msg = f"The model's name chooses the adapter {named!r} already: leave out 'lora'."
            raise _invalid("lora", msg)
        if named:
            return _set({self._places[named]: 1.0})
        return _set(self._wished(wishes) if wishes else dict(enumerate(self.scales)))

    def set_scales(self, wishes: Sequence[Wish]) -> None:
        """Let these count where a request does not say; those that are left out are not applied.

        Raises:
            Failure: there is no such adapter.
        """
        wished = self._wished(wishes)
        self.scales = [wished.get(place, 0.0) for place in range(len(self.declared))]

    def _wished(self, wishes: Sequence[Wish]) -> dict[int, float]:
        """Scales by place."""
        found: dict[int, float] = {}
        for number, (adapter, scale) in enumerate(wishes):
            place = self._place(adapter, f"lora[{number}].id")
            if place in found:
                msg = f"'lora[{number}].id' is {_text(adapter)}, which is in the list already."
                raise _invalid("lora", msg)
            found[place] = scale
        return found

    def _place(self, adapter: int | str, where: str) -> int:
        if isinstance(adapter, str):
            place = self._places.get(adapter)
        else:
            place = adapter if 0 <= adapter < len(self.declared) else None
        if place is not None:
            return place
        known = ", ".join(f"{place} ({name!r})" for place, name in enumerate(self.names))
        told = f"This model's adapters: {known}." if known else "This model has no adapters."
        raise _invalid("lora", f"{where!r} is {_text(adapter)}. {told}")


def _set(scales: dict[int, float]) -> AdapterSet:
    """In the one way in which a set is written."""
    rounded = ((place, _float32(scales[place])) for place in sorted(scales))
    return tuple((place, scale) for place, scale in rounded if scale)


def _float32(number: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


def _text(adapter: int | str) -> str:
    return repr(adapter[:_SHOWN]) if isinstance(adapter, str) else str(adapter)


def _invalid(param: str, message: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)

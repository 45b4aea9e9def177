"""The process that runs a model's chat template: ``python -m colonnade.prompt.renderer``.

On standard input come orders from the server: the seconds of a processor that there are, and a
pickled ``Choice``, the first time, or ``Wish``. What goes to standard output is MessagePack:
the process runs a stranger's program, if only in a sandbox, and nothing that it says while it
serves is more than data. The one exception is the study of a template, which is pickled.
"""

from __future__ import annotations

import gc
import pickle
import struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.child import TimeIsUpError, begin, serve, within
from colonnade.prompt.choose import Chosen, choose_template, chosen_again
from colonnade.prompt.rendering import Rendered, Renderer, Study, Wish, study

if TYPE_CHECKING:
    from colonnade.messages import ModelInfo

SECONDS = struct.Struct("<d")
_MEMORY = 1 << 30
"""Bytes of address space. The process itself takes a tenth, a prompt of 32 MB about half."""
_LONGEST = 2000
"""Characters of what a template may say for itself."""


class Choice(NamedTuple):
    """Take the template of a model, as ``choose_template`` has it; ``known`` is what another
    process has found out of it, pickled."""

    info: ModelInfo
    override: str | None
    hint: str
    known: bytes = b""


class Known(NamedTuple):
    """What is found out of a model's template."""

    chosen: Chosen
    study: Study


class Studied(Struct, tag=True, array_like=True):
    """A template is ready. ``known`` is a pickled ``Known``."""

    known: bytes


class Refused(Struct, tag=True, array_like=True):
    """A failure's parts."""

    kind: FailureKind
    message: str
    param: str | None = None


class Late(Struct, tag=True, array_like=True):
    """It takes more than the seconds that there were."""


Outcome: TypeAlias = Rendered | Studied | Refused | Late


class Child:
    """Answers orders."""

    def __init__(self) -> None:
        self._renderer: Renderer | None = None

    def answer(self, body: bytes) -> bytes:
        """Answer an order."""
        return msgspec.msgpack.encode(self._outcome(body))

    def _outcome(self, body: bytes) -> Outcome:
        try:
            (seconds,) = SECONDS.unpack_from(body)
            order: Choice | Wish = pickle.loads(memoryview(body)[SECONDS.size :])  # noqa: S301 - ours
            del body
            with within(seconds):
                if isinstance(order, Choice):
                    return self._choose(order)
                assert self._renderer is not None  # noqa: S101 - chosen first
                return self._renderer.render(order)
        except Failure as failure:
            message = failure.message[:_LONGEST].encode(errors="replace").decode()
            return Refused(failure.kind, message, failure.param)
        except TimeIsUpError:
            return Late()
        except RecursionError:
            return _refused("The messages are nested too deeply for the chat template.")
        except MemoryError:
            return _refused("The chat template takes too much memory.")

    def _choose(self, choice: Choice) -> Studied:
        info = choice.info
        if choice.known:
            known: Known = pickle.loads(choice.known)  # noqa: S301 - it came from such a process
            template = chosen_again(info, known.chosen)
        else:
            template = choose_template(info, override=choice.override, hint=choice.hint)
            special = frozenset(info.special_tokens.values())
            known = Known(Chosen.of(template), study(template, special))
        self._renderer = Renderer(template, known.study, info)
        gc.freeze()  # it is there for good
        return Studied(choice.known or pickle.dumps(known, pickle.HIGHEST_PROTOCOL))


def _refused(message: str) -> Refused:
    return Refused(FailureKind.TEMPLATE_REFUSED, message, "messages")


def main() -> None:
    """Serve the server."""
    serve(*begin(_MEMORY), Child().answer)


if __name__ == "__main__":
    # Under its own name: what is pickled names its module.
    from colonnade.prompt import renderer

    renderer.main()

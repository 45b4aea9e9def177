"""Composition root of the worker process."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import msgspec

from colonnade.machine.cgroups import cpu_quota
from colonnade.messages import (
    CacheShare,
    Cancel,
    Embed,
    LoadFailed,
    Loading,
    LoadModel,
    Look,
    Ready,
    Retire,
    Submit,
)
from colonnade.orphans import die_with_parent
from colonnade.watch import hook_uncaught, say_uncaught
from colonnade.worker.channel import Channel, ChannelHandler
from colonnade.worker.drafting import DraftModel
from colonnade.worker.embedding.intake import EmbedIntake
from colonnade.worker.embedding.loop import EmbedLoop
from colonnade.worker.grammar import Bounds, GrammarCompiler
from colonnade.worker.intake import Intake
from colonnade.worker.kept import Keeper, adopt
from colonnade.worker.llama import (
    LlamaEncoder,
    LlamaModel,
    ModelError,
    describe,
    invariant_rows,
    library_build,
    open_draft,
    openmp_waits,
    with_task,
)
from colonnade.worker.loop import Loop
from colonnade.worker.pulse import Pulse, Task, Work, end_process
from colonnade.worker.speculation import DraftGuesser, Guesser, LookupGuesser
from colonnade.worker.spinning import Spinning
from colonnade.worker.threads import compute_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.worker.ports import TokenTable

_PROGRESS_STEP = 0.01
_STACK = 64 << 20

_OWN_DEPTH = 32
"""Brackets that are put around a schema to make a grammar of it."""

_SWITCH_SECONDS = 0.0005
"""After which a thread in Python gives way to another one: Python's own 5 ms are as long as a step,
and the loop wants the GIL back after each."""

_log = logging.getLogger(__name__)


def run(descriptor: int, load: LoadModel, keep: int, kept: int) -> int:
    """Load the model and serve the socket until the other side closes it. States for a later worker
    go to the file ``keep``; those of an earlier one are in ``kept``, -1 for none.

    Returns the exit code where the model cannot be loaded. Otherwise the process ends where it
    stands: nothing in it outlives it, and freeing a model takes time that nobody wants to wait.
    """
    for each in (signal.SIGINT, signal.SIGTERM):  # the server process decides when to end
        signal.signal(each, signal.SIG_IGN)
    die_with_parent()
    sys.setswitchinterval(_SWITCH_SECONDS)
    channel = Channel(socket.socket(fileno=descriptor))
    logging.basicConfig(level=logging.WARNING, handlers=[ChannelHandler(channel)])
    hook_uncaught(say_uncaught)
    pulse = Pulse(channel.send, load.hang_seconds, end=end_process)
    pulse.start()
    load = with_task(load)
    if load.task == "embed":
        return _embed(channel, pulse, load)
    bounds = Bounds(load.max_grammar_size, load.max_grammar_depth + _OWN_DEPTH)
    grammars = None

    def prepare(table: Callable[[], TokenTable]) -> Callable[[], None]:
        nonlocal grammars
        grammars = GrammarCompiler(table, bounds)
        return grammars.prepare()

    try:
        model = LlamaModel(load, _Progress(channel, pulse), prepare)
        guesser = _guesser(model.fitted, model)
        invariant = invariant_rows(model) if load.batch_invariant else 0
    except ModelError as error:
        channel.send(LoadFailed(str(error)))
        return 1
    load, info = model.fitted, describe(model)
    work = Work.of(info)
    loop = Loop(
        model,
        channel.send,
        prefill_step_ms=load.prefill_step_ms,
        cache_size=load.cache_size << 20,
        guesser=guesser,
        spinning=_spinning(load, channel),
        invariant_rows=invariant,
        pulse=pulse.step,
        work=work,
        keep=Keeper(keep, _build(model)),
        projector=model.projector,
        encoding=pulse.encoding,
    )
    if kept >= 0:
        _adopt(kept, loop, model)
    grammars = grammars or GrammarCompiler(model.token_table, bounds)
    intake = Intake(
        model, model.vocabulary, grammars, loop.commands.put, channel.send, model.projector
    )
    channel.send(Ready(info, load))
    _begin(channel, intake, pulse)
    loop.run()
    return 0


def _embed(channel: Channel, pulse: Pulse, load: LoadModel) -> int:
    """The same for a worker that embeds."""
    try:
        encoder = LlamaEncoder(load, _Progress(channel, pulse))
    except ModelError as error:
        channel.send(LoadFailed(str(error)))
        return 1
    info = describe(encoder)
    loop = EmbedLoop(
        encoder,
        channel.send,
        alone=load.batch_invariant,
        pulse=pulse.step,
        work=Work.of(info),
    )
    intake = EmbedIntake(
        encoder, encoder.vocabulary, encoder.around, loop.commands.put, channel.send
    )
    channel.send(Ready(info, encoder.load))
    _begin(channel, intake, pulse)
    loop.run()
    return 0


def _begin(channel: Channel, intake: Intake | EmbedIntake, pulse: Pulse) -> None:
    """Take requests in from here on, in a thread."""
    pulse.loading.end()
    threading.stack_size(_STACK)  # some pre-tokenizers recurse, and so do compilers of grammars
    threading.Thread(
        target=_take, args=(channel, intake, pulse.intake), name="intake", daemon=True
    ).start()


def _build(model: LlamaModel) -> str:
    """What states have to be of to be used here, beyond what the server knew before loading."""
    return f"{library_build()} {model.slots} {model.ctx_size}"


def _adopt(kept: int, loop: Loop, model: LlamaModel) -> None:
    """Take over an earlier worker's states. Their file is gone when the last of them is."""
    found = adopt(
        kept,
        loop.states,
        build=_build(model),
        ctx_size=model.ctx_size,
        vocab_size=model.vocabulary.size,
    )
    os.close(kept)
    _log.debug("%d states of an earlier worker are here", found)


def _guesser(load: LoadModel, model: LlamaModel) -> Guesser | None:
    """What guesses tokens: the draft model, or earlier text.

    Raises:
        ModelError: the draft model cannot be loaded, or does not fit.
    """
    if load.draft_path:
        draft = open_draft(load, model)
        return DraftGuesser(DraftModel(draft, model.vocabulary.size, load.prefill_step_ms))
    return LookupGuesser() if load.speculate and not load.batch_invariant else None


def _spinning(load: LoadModel, channel: Channel) -> Spinning | None:
    """What decides how the model's threads wait, where that is ours to decide.

    Under a quota, threads that spin use up the time that they will lack in the end.
    """
    threads = compute_threads(load.threads, load.workers)
    waits = openmp_waits(threads) if load.choose_wait else None
    if waits is None:
        return None
    quota = cpu_quota()
    dearer = 1.0 if quota is None else max(1.0, threads / quota)
    return Spinning(waits, channel.send, dearer=dearer)


def _take(channel: Channel, intake: Intake | EmbedIntake, pulse: Task) -> None:
    """Feed the loop from the socket; end the process when the other side closes.

    A fault here would leave a loop that nobody can reach, so it ends the process too.
    """
    try:
        for message in channel.receive():
            pulse.begin()
            match message:
                case Submit() if isinstance(intake, Intake):
                    intake.submit(message)
                case Embed() if isinstance(intake, EmbedIntake):
                    intake.submit(message)
                case Cancel():
                    intake.cancel(message)
                case Look():
                    intake.look(message)
                case Retire() if isinstance(intake, Intake):
                    intake.retire(message)
                case CacheShare() if isinstance(intake, Intake):
                    intake.share(message)
            pulse.end()
    except ConnectionError:
        pass  # the other side is gone all the same
    except BaseException:  # noqa: BLE001 - logged, and it ends the process
        _log.exception("the intake failed")
        os._exit(70)
    os._exit(0)


class _Progress:
    """Tells the server process how far loading is, in steps of one percent."""

    def __init__(self, channel: Channel, pulse: Pulse) -> None:
        self._channel = channel
        self._pulse = pulse
        self._told = -1.0

    def __call__(self, progress: float) -> bool:
        self._pulse.loading.goes_on()
        if progress - self._told >= _PROGRESS_STEP or progress == 1.0:
            self._told = progress
            try:
                self._channel.send(Loading(progress))
            except OSError:
                return False
        return True


def parse(arguments: list[str]) -> tuple[int, LoadModel, int, int]:
    """What ``run`` needs, from the command line that the server process makes."""
    descriptor, load, keep, kept = arguments
    return int(descriptor), msgspec.json.decode(load, type=LoadModel), int(keep), int(kept)

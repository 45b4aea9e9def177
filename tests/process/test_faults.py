"""Workers that die, hang, or cannot be started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from colonnade.engine import Engine
from colonnade.messages import Decoding, Failure, FailureKind, LoadModel, Sampling, TokenPart
from tests.process.test_engine import ENDLESS, SHORT, _finish, _submit, _until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

HANG = 1.5
"""Seconds of silence; a busy machine makes a worker silent for a good part of one."""


async def _failure(answer: object) -> Failure:
    with pytest.raises(Failure) as caught:
        await answer  # type: ignore[misc]
    return caught.value


def _kill(engine: Engine, number: signal.Signals = signal.SIGKILL) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, number)


async def test_a_worker_that_is_stopped_is_replaced(start_engine: StartEngine) -> None:
    engine = await start_engine(hang_seconds=HANG)
    running = await _submit(engine, decoding=ENDLESS)
    await _until(lambda: running.started)
    _kill(engine, signal.SIGSTOP)
    failure = await _failure(_finish(running))
    assert failure.kind is FailureKind.WORKER_DIED
    assert "nothing was heard of it" in failure.message
    assert "it hung" in engine.trouble
    assert (await _finish(await _submit(engine))).completion_tokens == 5


async def test_an_idle_worker_is_not_taken_for_one_that_hangs(start_engine: StartEngine) -> None:
    engine = await start_engine(hang_seconds=1.2)
    pid = engine.pid
    await asyncio.sleep(2.4)  # three times what a worker may be silent
    assert engine.pid == pid


async def test_a_request_that_workers_die_of_is_refused_and_others_are_served(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(slots=4)
    kinds = []
    for _ in range(3):
        deadly = asyncio.create_task(_submit(engine, "of this they die", ENDLESS))
        neighbour = await _submit(engine, "beside it", ENDLESS)
        try:
            stream = await deadly
        except Failure as failure:
            kinds.append(failure.kind)
            await neighbour.aclose()
            continue
        await _until(lambda stream=stream: stream.started)
        _kill(engine)
        kinds.append((await _failure(_finish(stream))).kind)
        await asyncio.gather(_finish(neighbour), return_exceptions=True)  # it may be done before
        assert (await _finish(await _submit(engine, "of something else"))).completion_tokens == 5
    assert kinds[0] is FailureKind.WORKER_DIED
    assert kinds[1:] == [FailureKind.DEADLY_REQUEST] * 2


async def test_what_several_ask_at_once_is_blamed_once(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=4)
    streams = [await _submit(engine, "of all", ENDLESS) for _ in range(4)]
    await _until(lambda: all(stream.started for stream in streams))
    _kill(engine)
    for stream in streams:
        assert (await _failure(_finish(stream))).kind is FailureKind.WORKER_DIED
    assert (await _finish(await _submit(engine, "of all", ENDLESS))).completion_tokens > 5


async def test_what_stood_in_the_queue_is_not_blamed(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=1)
    for _ in range(3):
        running = await _submit(engine, f"runs {time.monotonic()}", ENDLESS)
        await _until(lambda running=running: running.started)
        waiting = await _submit(engine, "waits", ENDLESS)
        _kill(engine)
        for stream in (running, waiting):
            assert (await _failure(_finish(stream))).kind is FailureKind.WORKER_DIED
    assert await _submit(engine, "waits", SHORT)


async def test_a_request_that_was_answered_since_is_not_blamed(start_engine: StartEngine) -> None:
    engine = await start_engine()
    long = Decoding(sampling=Sampling(temperature=0), max_tokens=100, ignore_eos=True)
    for _ in range(3):
        stream = await _submit(engine, "innocent", long)
        await _until(lambda stream=stream: stream.started)
        _kill(engine)
        assert (await _failure(_finish(stream))).kind is FailureKind.WORKER_DIED
        assert (await _finish(await _submit(engine, "innocent", long))).completion_tokens == 100


async def test_what_was_answered_before_is_not_blamed_soon(start_engine: StartEngine) -> None:
    engine = await start_engine()
    assert (await _finish(await _submit(engine, "of all", ENDLESS))).completion_tokens > 5
    kinds = []
    for _ in range(4):
        stream = await _submit(engine, "of all", ENDLESS)
        await _until(lambda stream=stream: stream.started)
        _kill(engine)
        kinds.append((await _failure(_finish(stream))).kind)
    assert kinds == [FailureKind.WORKER_DIED] * 3 + [FailureKind.DEADLY_REQUEST]


async def test_llama_cpp_dies_of_a_request_itself(start_engine: StartEngine) -> None:
    engine = await start_engine("embedding")  # no door lets such a request through
    kinds = [(await _failure(_answered(engine))).kind for _ in range(3)]
    assert kinds == [FailureKind.WORKER_DIED] + [FailureKind.DEADLY_REQUEST] * 2
    assert engine.totals.ends["deadly_request"] == 1, "the other one was not taken"


async def _answered(engine: Engine) -> None:
    await _finish(await engine.submit((TokenPart((9,) * 300),), ENDLESS))


async def test_three_failures_to_load_again_are_enough(
    random_model: RandomModel, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    shutil.copy(random_model("llama"), path)
    engine = await Engine.start(LoadModel(str(path), threads=1, huge_pages="off"))
    try:
        path.write_bytes(b"GGUF" + bytes(100))
        _kill(engine)
        await _until(lambda: not engine.ready)
        failure = await _failure(_submit(engine))
        assert failure.kind is FailureKind.MODEL_FAILED
        assert "3 times in a row" in failure.message
        assert "could not be loaded" in failure.message
        assert str(tmp_path) not in failure.message
        assert engine.trouble == failure.message
    finally:
        await engine.close()


async def test_what_was_said_long_ago_is_not_why_a_worker_died(
    start_engine: StartEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colonnade.engine.process._LAST_WORDS", 0.1)
    engine = await start_engine(tuning={"kv_overrides": {"llama.no_such_key": 1}})
    await asyncio.sleep(0.2)  # longer than what counts as last words
    _kill(engine)
    await _until(lambda: "the worker process died" in caplog.text)
    assert "(signal SIGKILL);" in caplog.text
    assert "no_such_key" not in caplog.text.partition("signal SIGKILL")[2]


_STEP_THAT_NEVER_ENDS = """
import threading
from colonnade.worker.pulse import Pulse, end_process
told = []

def end():
    print(told[-1].message, flush=True)
    end_process()

pulse = Pulse(told.append, 0.4, end=end)
pulse.start()
pulse.loading.end()
pulse.step.begin()
threading.Event().wait()
"""


def test_a_step_that_never_ends_ends_the_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STEP_THAT_NEVER_ENDS], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 71
    assert "a step of the model had not ended" in done.stdout

"""The server's end of the socket to a worker."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from colonnade.engine.kept import StatesFile
from colonnade.engine.process import End, WorkerProcess, _Connection
from colonnade.messages import Cancel, Loading, encode_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.messages import FromWorker

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ends() -> AsyncIterator[tuple[_Connection, socket.socket]]:
    """A connection, and the worker's end."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, sock=ours)
    yield connection, theirs
    await connection.close()
    theirs.close()


async def test_what_comes_before_somebody_follows_is_not_lost(ends) -> None:
    connection, theirs = ends
    frame = encode_frame(Loading(0.25))
    theirs.sendall(frame + frame[:3])
    while not connection._early:  # noqa: ASYNC110 - it has nobody to tell yet
        await asyncio.sleep(0)
    taken: list[FromWorker] = []
    following = asyncio.create_task(connection.follow(taken.append))
    theirs.sendall(frame[3:] + encode_frame(Loading(1.0)))
    theirs.close()
    await following
    assert taken == [Loading(0.25), Loading(0.25), Loading(1.0)]


async def test_what_makes_no_sense_is_raised_where_the_worker_is_followed(ends) -> None:
    connection, theirs = ends
    following = asyncio.create_task(connection.follow(lambda _: None))
    theirs.sendall(b"\x01\x00\x00\x00\xc1")
    with pytest.raises(ValueError, match="MessagePack"):
        await following


async def test_so_is_what_fails_in_taking_it(ends) -> None:
    connection, theirs = ends

    def fail(_: object) -> None:
        raise LookupError

    following = asyncio.create_task(connection.follow(fail))
    theirs.sendall(encode_frame(Loading(1.0)))
    with pytest.raises(LookupError):
        await following


async def test_what_is_sent_to_one_that_is_gone_goes_nowhere(ends) -> None:
    connection, theirs = ends
    theirs.close()
    await connection.follow(lambda _: None)
    connection.send(encode_frame(Cancel(1)))
    await connection.close()
    await connection.close()


async def test_a_worker_that_is_killed_as_it_ends_has_ended_in_its_own_way() -> None:
    for _ in range(50):
        ours, theirs = socket.socketpair()
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", "kill -KILL $$", stdin=theirs, stderr=asyncio.subprocess.PIPE
        )
        theirs.close()
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, sock=ours)
        worker = WorkerProcess(process, connection, StatesFile.make())
        await worker.follow(lambda _: None)
        worker.kill()
        assert await worker.wait() == End("signal SIGKILL")

"""The comparison with llama-server, with ourselves in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.processes import running_embeddings
from benchmarks.seeing import conversations, same_answers

if TYPE_CHECKING:
    from tests.conftest import RandomModel, RandomProjector


def test_a_server_says_what_it_says_itself(
    random_model: RandomModel, random_projector: RandomProjector
) -> None:
    flags = ("--mmproj", str(random_projector("omni")), "--slots", "1")
    with running_embeddings(str(random_model("llama")), 1, *flags) as server:
        for sound in (False, True):
            same = same_answers(server.port, server.port, sound=sound)
            assert same == list(conversations(sound=sound))

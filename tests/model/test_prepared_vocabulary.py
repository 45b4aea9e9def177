"""What grammars need of a vocabulary is made ready while a model is loaded, beside the rest."""

from __future__ import annotations

from contextlib import closing
from threading import Event, Thread

import pytest

from colonnade.messages import Constraint, LoadModel
from colonnade.worker.grammar import GrammarCompiler
from colonnade.worker.llama import LlamaModel, ModelError, model


def test_it_is_ready_when_the_model_is(random_model) -> None:
    asked = []
    made = []

    def prepare(table):
        def counted():
            asked.append(1)
            return table()

        made.append(GrammarCompiler(counted))
        return made[0].prepare()

    load = LoadModel(str(random_model("llama")), ctx_size=64, slots=1, threads=1)
    with closing(LlamaModel(load, lambda _: True, prepare)):
        assert asked == [1]
        assert made[0].matcher(Constraint('start: "a"\n')).mask().any()
        assert asked == [1]


def test_it_is_not_made_for_a_model_that_only_embeds(random_model) -> None:
    asked = []

    def prepare(table):
        asked.append(table)
        return lambda: None

    load = LoadModel(str(random_model("embedding")), ctx_size=64, slots=1, threads=1)
    with closing(LlamaModel(load, lambda _: True, prepare)):
        assert not asked


def test_a_model_is_not_freed_under_it(random_model, monkeypatch) -> None:
    """Where the context cannot be had, the thread still reads the model's vocabulary."""
    go_on = Event()
    tables = []

    def prepare(table):
        def read():
            go_on.wait()
            tables.append(table())

        thread = Thread(target=read)
        thread.start()
        return thread.join

    def no_context(*_):
        go_on.set()
        msg = "no room"
        raise ModelError(msg)

    monkeypatch.setattr(model, "open_context", no_context)
    load = LoadModel(str(random_model("llama")), ctx_size=64, slots=1, threads=1)
    with pytest.raises(ModelError):
        LlamaModel(load, lambda _: True, prepare)
    assert tables[0].names

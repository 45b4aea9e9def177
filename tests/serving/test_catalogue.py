"""By which names a model is found."""

from __future__ import annotations

from itertools import islice, permutations

import pytest

from colonnade.hub import ModelError
from colonnade.messages import FailureKind
from colonnade.serving.catalogue import Catalogue
from colonnade.serving.entry import Entry, Origin


def _entry(name: str, origin: Origin = Origin.DIRECTORY, **fields) -> Entry:
    def plan():
        raise ModelError(name)

    return Entry(id=name, origin=origin, plan=plan, **fields)


def _allowed(text: str) -> Entry | None:
    return None if text.endswith("?") else _entry(text.partition(":")[2], Origin.ALLOWED)


@pytest.fixture
def catalogue() -> Catalogue:
    catalogue = Catalogue(("hf:good/*", "pkg:p*"), _allowed)
    catalogue.put(Origin.DIRECTORY, [_entry("a"), _entry("dir/b", aliases=("b", "shared"))])
    catalogue.put(Origin.TABLE, [_entry("a", Origin.TABLE), _entry("t", Origin.TABLE)])
    return catalogue


def test_by_id_alias_and_tag(catalogue) -> None:
    for name in ("dir/b", "b", "shared", "b:latest", "dir/b:latest"):
        assert catalogue.find(name).id == "dir/b"
    assert catalogue.find("c") is None
    assert catalogue.find("b:other") is None


def test_a_table_comes_before_a_directory(catalogue) -> None:
    assert catalogue.find("a").origin is Origin.TABLE
    assert [entry.id for entry in catalogue] == ["a", "t", "dir/b"]


def test_an_alias_hides_no_id(catalogue) -> None:
    catalogue.add(_entry("x", Origin.TABLE, aliases=("dir/b", "new")))
    assert catalogue.find("dir/b").id == "dir/b"
    assert catalogue.find("new").id == "x"


def test_what_is_allowed_is_known_once_it_is_named(catalogue) -> None:
    first = catalogue.find("hf:good/model:Q4")
    assert first.id == "good/model:Q4"
    assert catalogue.find("good/model:Q4") is first
    assert catalogue.find("pkg:parts").id == "parts"
    assert catalogue.find("hf:bad/model") is None
    assert catalogue.find("hf:good/odd?") is None
    assert catalogue.find("hf:good/" + "x" * 1000) is None


def test_only_so_many_are_remembered_of_those(catalogue) -> None:
    for number in range(1100):
        assert catalogue.find(f"hf:good/{number}") is not None
    assert len(catalogue.layer(Origin.ALLOWED)) == 1000


def test_unknown_names_are_told_with_near_ones(catalogue) -> None:
    failure = catalogue.unknown("dir/bb")
    assert failure.kind is FailureKind.MODEL_NOT_FOUND
    assert "'dir/b'" in failure.message
    assert "Served: 'a', 't', 'dir/b'." in catalogue.unknown("zzzzzz").message
    assert catalogue.unknown("").param == "model"
    assert Catalogue((), _allowed).unknown("x").kind is FailureKind.NO_MODEL


def test_a_removed_model_is_not_found(catalogue) -> None:
    catalogue.remove(catalogue.find("t"))
    assert catalogue.find("t") is None
    other = _entry("dir/b")
    catalogue.remove(other)  # of the same name, and another one
    assert catalogue.find("b") is not None


def test_the_nearest_of_very_many_is_told() -> None:
    catalogue = Catalogue((), _allowed)
    names = ["".join(order) for order in islice(permutations("abcdefgh"), 900)]
    catalogue.put(Origin.DIRECTORY, [_entry(name) for name in (*names, "qwen3-0.6b")])
    assert "Did you mean 'qwen3-0.6b'?" in catalogue.unknown("qwen3-0.6").message
    assert "'abcdefgh'" in catalogue.unknown("abcdefghi").message

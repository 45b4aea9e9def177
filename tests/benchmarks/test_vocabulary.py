"""The made-up vocabulary is complete and consistent at every size."""

import pytest

from benchmarks.vocabulary import SPECIAL, make_vocabulary


@pytest.mark.parametrize("size", [512, 1024, 4096, 151_936])
def test_has_the_size_asked_for_and_no_token_twice(size):
    vocabulary = make_vocabulary(size)
    assert len(vocabulary.tokens) == len(vocabulary.types) == size
    assert len(set(vocabulary.tokens)) == size
    assert vocabulary.tokens[-len(SPECIAL) :] == list(SPECIAL)


def test_every_merge_is_of_tokens_into_a_token():
    vocabulary = make_vocabulary(4096)
    tokens = set(vocabulary.tokens)
    for merge in vocabulary.merges:
        left, right = merge.split(" ")
        assert {left, right, left + right} <= tokens


def test_every_token_but_bytes_and_specials_has_its_merge():
    vocabulary = make_vocabulary(4096)
    assert len(vocabulary.merges) == 4096 - 256 - len(SPECIAL)


def test_a_larger_vocabulary_continues_a_smaller_one():
    small, large = make_vocabulary(1000), make_vocabulary(2000)
    ordinary = small.first_special
    assert large.tokens[:ordinary] == small.tokens[:ordinary]


def test_refuses_a_size_too_small_for_all_bytes():
    with pytest.raises(ValueError, match="512 tokens or more"):
        make_vocabulary(100)

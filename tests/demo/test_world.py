"""The dialogues that the demo model is made from."""

from itertools import pairwise

import pytest

from demo_model.evaluate import correct
from demo_model.render import render
from demo_model.world import converse, lists
from demo_model.world.words import RESERVED, is_held_out


def _names(dialogue):
    return {tool["function"]["name"] for tool in dialogue.tools}


def _right_answer(message):
    text = render([message], generate=False)
    return text.removeprefix("<|im_start|>assistant\n").removesuffix("<|im_end|>\n")


@pytest.mark.parametrize("held_out", [False, True])
def test_a_seed_gives_one_dialogue(held_out):
    for number in range(50):
        seed = f"same/{number}"
        assert converse(seed, held_out=held_out) == converse(seed, held_out=held_out)


def test_different_seeds_give_different_dialogues():
    texts = {render(converse(f"many/{n}").messages) for n in range(300)}
    assert len(texts) > 270


def test_listed_words_belong_to_one_split():
    for words in (
        lists.FIRST_NAMES,
        lists.CITIES,
        lists.NOUNS,
        lists.VERBS,
        lists.JOBS,
        lists.FOODS,
    ):
        held_out = [word for word in words if is_held_out(word)]
        assert held_out
        assert len(held_out) < len(words) / 2


def test_words_of_old_examples_are_held_out():
    assert all(is_held_out(word) for word in RESERVED)


def test_tool_names_are_never_shared_between_splits():
    trained = {name for n in range(3000) for name in _names(converse(f"split/{n}"))}
    held_out = {name for n in range(1000) for name in _names(converse(f"split/{n}", held_out=True))}
    assert trained
    assert held_out
    assert not trained & held_out
    assert "get_weather" not in trained


@pytest.mark.parametrize("held_out", [False, True])
def test_the_written_answers_pass_their_own_checks(held_out):
    for number in range(400):
        dialogue = converse(f"check/{number}", held_out=held_out)
        for place, check in dialogue.checks.items():
            message = dialogue.messages[place]
            text = _right_answer(message)
            thought = message.get("reasoning_content")
            if thought:
                text = f"<think>\n{thought}\n</think>\n\n{text}"
            assert correct(check, text), (check, text)


def test_an_answer_follows_each_question():
    for number in range(200):
        roles = [message["role"] for message in converse(f"roles/{number}").messages]
        assert roles[-1] == "assistant"
        assert all(after == "assistant" for role, after in pairwise(roles) if role == "user")

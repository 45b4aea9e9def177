"""Constraints, triggers and thoughts in a real worker: on weights that know nothing of them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec
import pytest

from colonnade.engine import Bounds, Engine
from colonnade.messages import (
    Constraint,
    Decoding,
    Failure,
    FailureKind,
    Finish,
    FinishReason,
    GrammarSyntax,
    LoadModel,
    Sampling,
    TextPart,
    Thought,
    TokenLogprob,
)
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import JsonForm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.engine import Stream
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

DEMO = files("colonnade") / "demo" / "demo.gguf"
COMPACT = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["first", "second"]},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
    "x-guidance": COMPACT,
}
GREEDY = Sampling(temperature=0)
HOT = Sampling(temperature=2, top_k=0, top_p=1, min_p=0, seed=3)


def json_constraint(schema: object = PERSON) -> Constraint:
    return Constraint(f"start: %json {json.dumps(schema)}")


@pytest.fixture
async def demo() -> AsyncIterator[Engine]:
    """The embedded model: it has tokens for thoughts and calls."""
    load = LoadModel(str(DEMO), slots=4, threads=1, ctx_size=512)
    engine = await Engine.start(load, bounds=Bounds(queue_size=64))
    yield engine
    await engine.close()


async def _submit(engine: Engine, decoding: Decoding, text: str = "Hello") -> Stream:
    return await engine.submit((TextPart(text),), decoding)


async def _read(stream: Stream) -> tuple[str, Finish, list[TokenLogprob]]:
    text, tokens = "", []
    finish: Finish | None = None
    async for output in stream:
        text += output.text
        tokens += output.logprobs
        finish = output.finish or finish
    assert finish is not None
    return text, finish, tokens


async def _say(engine: Engine, decoding: Decoding, text: str = "Hello") -> tuple[str, Finish]:
    said, finish, _ = await _read(await _submit(engine, decoding, text))
    return said, finish


def _is_person(text: str) -> bool:
    value = json.loads(text)
    assert list(value) == ["name", "age", "kind"]
    assert len(value["name"]) <= 12
    assert 0 <= value["age"] <= 150
    return value["kind"] in ("first", "second")


@pytest.mark.parametrize("kind", ["llama", "qwen2", "sliding", "hybrid", "recurrent"])
@pytest.mark.parametrize("sampling", [GREEDY, HOT, msgspec.structs.replace(HOT, mirostat=2)])
async def test_the_answer_is_of_the_grammar(
    start_engine: StartEngine, kind: str, sampling: Sampling
) -> None:
    engine = await start_engine(kind)
    text, finish = await _say(engine, Decoding(sampling, constraint=json_constraint()))
    assert _is_person(text)
    assert finish.reason is FinishReason.STOP
    assert 0 < finish.forced_tokens < finish.completion_tokens


async def test_forced_tokens_are_not_drawn(demo: Engine) -> None:
    only = Constraint('start: "a text that leaves no choice at all"')
    text, finish = await _say(demo, Decoding(GREEDY, constraint=only))
    assert text == "a text that leaves no choice at all"
    assert finish.forced_tokens == finish.completion_tokens
    assert finish.reason is FinishReason.STOP


async def test_logprobs_say_what_the_model_thought(demo: Engine) -> None:
    wishes = Decoding(GREEDY, constraint=json_constraint(), logprobs=2)
    text, finish, tokens = await _read(await _submit(demo, wishes))
    plain, _ = await _say(demo, msgspec.structs.replace(wishes, logprobs=None))
    assert text == plain
    assert b"".join(token.token for token in tokens).decode() == text
    assert len(tokens) == finish.completion_tokens
    assert all(token.logprob is not None and token.logprob <= 0 for token in tokens)
    # the model would have said something else: what it preferred is still reported
    assert any(token.id not in {each.id for each in token.top} for token in tokens)


async def test_the_limit_cuts_forced_text(demo: Engine) -> None:
    only = Constraint('start: "one two three four five six seven eight nine ten"')
    for most in (1, 3):
        text, finish = await _say(demo, Decoding(GREEDY, max_tokens=most, constraint=only))
        assert finish.reason is FinishReason.LENGTH
        assert finish.completion_tokens == most
        assert "one two three four five six seven eight nine ten".startswith(text)


async def test_a_stop_string_does_not_cut_what_a_grammar_holds(demo: Engine) -> None:
    """The form says where its text ends; half of it would be no answer."""
    only = Constraint('start: "one two three four " /[a-z]{4}/')
    wishes = Decoding(GREEDY, stop=("three", "r"), constraint=only)
    text, finish = await _say(demo, wishes)
    assert re.fullmatch(r"one two three four [a-z]{4}", text)
    assert finish.reason is FinishReason.STOP


async def test_a_stop_string_ends_the_free_text_before_a_trigger(demo: Engine) -> None:
    marker = Constraint('start: "5, " "3, now " /[a-c]{4}/', triggers=("5, ",))
    prompt = "<|im_start|>user\nCount from 1 to 9.<|im_end|>\n<|im_start|>assistant\n"
    stopped = Decoding(GREEDY, stop=("3,",), constraint=marker)
    text, _ = await _say(demo, stopped, prompt)
    assert text == "1, 2, "
    later = Decoding(GREEDY, stop=("5, 3", "now"), constraint=marker)
    text, _ = await _say(demo, later, prompt)
    assert re.fullmatch(r"1, 2, 3, 4, 5, 3, now [a-c]{4}", text)


async def test_choices_go_their_own_ways(demo: Engine) -> None:
    stream = await _submit(demo, Decoding(HOT, n=6, constraint=json_constraint()))
    texts = [""] * 6
    async for output in stream:
        texts[output.choice] += output.text
    assert all(map(_is_person, texts))
    assert len(set(texts)) > 1


async def test_many_constraints_side_by_side(demo: Engine) -> None:
    def number(index: int) -> Constraint:
        return Constraint(f'start: "{index}: " /[a-z]{{5}}/')

    answers = await asyncio.gather(
        *(_say(demo, Decoding(HOT, constraint=number(index))) for index in range(20))
    )
    for index, (text, _) in enumerate(answers):
        assert re.fullmatch(rf"{index}: [a-z]{{5}}", text)


async def test_a_bias_does_not_break_the_grammar(demo: Engine) -> None:
    every = tuple((token, -100.0) for token in range(300))
    wishes = Decoding(msgspec.structs.replace(HOT, logit_bias=every), constraint=json_constraint())
    assert _is_person((await _say(demo, wishes))[0])
    greedy = msgspec.structs.replace(GREEDY, logit_bias=every)
    assert _is_person((await _say(demo, Decoding(greedy, constraint=json_constraint())))[0])


async def test_penalties_see_forced_tokens(demo: Engine) -> None:
    sampling = msgspec.structs.replace(HOT, repeat_penalty=1.3, dry_multiplier=0.8)
    text, _ = await _say(demo, Decoding(sampling, constraint=json_constraint()))
    assert _is_person(text)


async def test_a_trigger_hands_over_to_the_grammar(demo: Engine) -> None:
    """The text is free until the marker; here the prompt makes the model count."""
    marker = Constraint('start: "5, " "now letters: " /[a-c]{4}/', triggers=("5, ",))
    prompt = "<|im_start|>user\nCount from 1 to 9.<|im_end|>\n<|im_start|>assistant\n"
    text, finish = await _say(demo, Decoding(GREEDY, constraint=marker), prompt)
    assert re.fullmatch(r"1, 2, 3, 4, 5, now letters: [a-c]{4}", text)
    assert finish.reason is FinishReason.STOP


async def test_a_trigger_within_a_token_cuts_it(demo: Engine) -> None:
    """The trigger ends inside the token " 5" or ",": what the grammar forbids is not said."""
    marker = Constraint('start: "4" "!" /[a-c]{2}/', triggers=("4",))
    prompt = "<|im_start|>user\nCount from 1 to 9.<|im_end|>\n<|im_start|>assistant\n"
    text, _ = await _say(demo, Decoding(GREEDY, constraint=marker), prompt)
    assert re.fullmatch(r"1, 2, 3, 4![a-c]{2}", text)


async def test_without_its_trigger_the_text_is_free(demo: Engine) -> None:
    marker = Constraint('start: "zzz" "!"', triggers=("zzz",))
    prompt = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    free, _ = await _say(demo, Decoding(GREEDY), prompt)
    assert (await _say(demo, Decoding(GREEDY, constraint=marker), prompt))[0] == free


async def test_special_tokens_in_a_grammar(demo: Engine) -> None:
    special = demo.info.grammar_tokens
    opening, closing = special["<tool_call>"], special["</tool_call>"]
    call = Constraint(f'start: <[{opening}]> "\\n" /[a-z]{{3}}/ "\\n" <[{closing}]>')
    text, _ = await _say(demo, Decoding(HOT, constraint=call))
    assert re.fullmatch(r"<tool_call>\n[a-z]{3}\n</tool_call>", text)


@pytest.mark.parametrize(
    "text", ["<tool_call>hello</tool_call>", "a<think>", "<<think>>", "<think"]
)
async def test_text_that_names_special_tokens_is_text(demo: Engine, text: str) -> None:
    """llama.cpp reads user-defined tokens out of any text; a grammar's text is just that."""
    for wish in (json.dumps(text), f'{json.dumps(text)} | "other"'):
        said, _ = await _say(demo, Decoding(HOT, constraint=Constraint(f"start: {wish}")))
        assert said in (text, "other")
    either = f'start: "<" ({json.dumps(text)} | "b") "</think>"'
    said, _ = await _say(demo, Decoding(HOT, constraint=Constraint(either)))
    assert said in (f"<{text}</think>", "<b</think>")


THOUGHT = Thought("<think>", "</think>", ending="\n</think>\n\n")


async def test_an_open_thought_ends_before_the_constraint(demo: Engine) -> None:
    thought = msgspec.structs.replace(THOUGHT, open=True, budget=6)
    wishes = Decoding(GREEDY, constraint=json_constraint(), thought=thought)
    text, _ = await _say(demo, wishes, "<|im_start|>assistant\n<think>\n")
    thought_text, answer = text.split("</think>\n\n")
    assert _is_person(answer)
    assert thought_text


async def test_no_budget_is_no_thought(demo: Engine) -> None:
    thought = msgspec.structs.replace(THOUGHT, open=True, budget=0)
    wishes = Decoding(GREEDY, constraint=json_constraint(), thought=thought)
    text, _ = await _say(demo, wishes, "<|im_start|>assistant\n<think>\n")
    assert text.startswith("\n</think>\n\n")
    assert _is_person(text.removeprefix("\n</think>\n\n"))


async def test_a_budget_closes_a_thought_without_any_constraint(demo: Engine) -> None:
    bias = ((demo.info.grammar_tokens["</think>"], -100.0),)
    thought = msgspec.structs.replace(THOUGHT, open=True, budget=5)
    sampling = msgspec.structs.replace(GREEDY, logit_bias=bias)
    wishes = Decoding(sampling, max_tokens=40, ignore_eos=True, thought=thought)
    text, _ = await _say(demo, wishes, "<|im_start|>assistant\n<think>\n")
    assert text.count("</think>") == 1


async def test_the_model_may_think_before_a_constrained_answer(demo: Engine) -> None:
    """It opens the thought by itself, which the grammar alone would forbid."""
    thought = msgspec.structs.replace(THOUGHT, budget=8)
    bias = ((demo.info.grammar_tokens["<think>"], 100.0),)
    sampling = msgspec.structs.replace(GREEDY, logit_bias=bias)
    wishes = Decoding(sampling, constraint=json_constraint(), thought=thought)
    text, _ = await _say(demo, wishes)
    assert text.startswith("<think>")
    assert _is_person(text.split("</think>\n\n", 1)[1])
    never = ((demo.info.grammar_tokens["<think>"], -100.0),)
    sampling = msgspec.structs.replace(GREEDY, logit_bias=never)
    wishes = msgspec.structs.replace(wishes, sampling=sampling)
    assert _is_person((await _say(demo, wishes))[0])


async def test_a_thought_ends_rather_than_the_turn(demo: Engine) -> None:
    """The model's end of turn inside a thought would leave the asked-for answer out."""
    end = ((demo.info.grammar_tokens["<|im_end|>"], 100.0),)
    thought = msgspec.structs.replace(THOUGHT, open=True)
    sampling = msgspec.structs.replace(GREEDY, logit_bias=end)
    wishes = Decoding(sampling, constraint=json_constraint(), thought=thought)
    text, _ = await _say(demo, wishes)
    assert text.startswith("\n</think>\n\n")
    assert _is_person(text.removeprefix("\n</think>\n\n"))


async def test_shown_control_tokens_are_text(demo: Engine) -> None:
    end = demo.info.grammar_tokens["<|im_start|>"]
    sampling = msgspec.structs.replace(GREEDY, logit_bias=((end, 100.0),))
    hidden, _ = await _say(demo, Decoding(sampling, max_tokens=2))
    shown, _ = await _say(demo, Decoding(sampling, max_tokens=2, shown=(end,)))
    assert (hidden, shown) == ("", "<|im_start|><|im_start|>")


async def test_gbnf(demo: Engine) -> None:
    grammar = 'root ::= "yes" | "no" ("!" | [0-9]{2})'
    constraint = Constraint(grammar, GrammarSyntax.GBNF)
    text, _ = await _say(demo, Decoding(HOT, constraint=constraint))
    assert re.fullmatch(r"yes|no(!|[0-9]{2})", text)


BAD = {
    "no rule": ("start: (", "lark", "grammar"),
    "no start": ("nothing: 'x'", "lark", "grammar"),
    "unknown rule": ('start: "x" missing', "lark", "missing"),
    "bad regex": ("start: /(/", "lark", "grammar"),
    "deep rule": ("start: " + "(" * 20_000 + '"x"' + ")" * 20_000, "lark", "deep"),
    "deep regex": ("start: /" + "(" * 20_000 + "x" + ")" * 20_000 + "/", "lark", "deep"),
    "deep gbnf": ("root ::= " + "(" * 400 + '"x"' + ")" * 400, "gbnf", "grammar"),
    "unfinished": ('root ::= "unfinished', "gbnf", "grammar"),
    "unknown gbnf rule": ("root ::= other", "gbnf", "grammar"),
    "no value": (
        'start: %json {"type": "string", "minLength": 5, "maxLength": 3}',
        "lark",
        "grammar",
    ),
    "no operator": ('start: "x" * 5000000', "lark", "grammar"),
    "large": ("start: " + '"x" ' * 2_000_000, "lark", "characters"),
}
COSTLY = {
    "counted": "start: /(a{1,900}){1,900}(b{1,900}){1,900}/",
    "many states": "start: /((a|b)*c.{30}){50}/ /((d|e)*f.{30}){50}/",
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_grammar_is_refused_and_others_go_on(demo: Engine, name: str) -> None:
    grammar, syntax, words = BAD[name]
    beside = await _submit(demo, Decoding(GREEDY, max_tokens=60, ignore_eos=True))
    constraint = Constraint(grammar, GrammarSyntax(syntax))
    begun = time.monotonic()
    with pytest.raises(Failure, match=words) as caught:
        await _submit(demo, Decoding(HOT, constraint=constraint))
    assert caught.value.kind is FailureKind.INVALID_REQUEST
    assert time.monotonic() - begun < 2
    _, finish, _ = await _read(beside)
    assert finish.completion_tokens == 60


@pytest.mark.parametrize("name", COSTLY)
async def test_a_costly_grammar_does_not_hold_others_up(demo: Engine, name: str) -> None:
    """Whether it is followed or given up is llguidance's business; it is not for long."""
    beside = await _submit(demo, Decoding(GREEDY, max_tokens=60, ignore_eos=True))
    stream = await _submit(demo, Decoding(HOT, max_tokens=20, constraint=Constraint(COSTLY[name])))
    try:
        await _read(stream)
    except Failure as failure:
        kind = failure.kind
    else:
        kind = FailureKind.UNSUPPORTED
    assert kind is FailureKind.UNSUPPORTED
    _, finish, _ = await _read(beside)
    assert finish.completion_tokens == 60


async def test_an_empty_grammar_is_an_empty_answer(demo: Engine) -> None:
    text, finish = await _say(
        demo, Decoding(HOT, constraint=Constraint("root ::= ", GrammarSyntax.GBNF))
    )
    assert (text, finish.reason) == ("", FinishReason.STOP)


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("logprobs", [None, 0])
async def test_no_key_and_no_item_comes_twice(demo: Engine, logprobs: int | None) -> None:
    """The model cannot help it: there are few keys, and it draws whatever comes."""
    words = ["a", "aa", "aab", "b"]
    schema = {
        "type": "object",
        "propertyNames": {"enum": words},
        "minProperties": 2,
        "additionalProperties": {
            "type": "array",
            "uniqueItems": True,
            "items": {"enum": words},
            "minItems": 2,
        },
    }
    constraint = build_constraint(JsonForm(schema, "schema"), None, None, {}, after_thought=False)
    assert constraint is not None
    assert constraint.differences is not None
    found = set()
    for seed in range(3):
        sampling = msgspec.structs.replace(HOT, seed=seed)
        decoding = Decoding(sampling, n=4, constraint=constraint, logprobs=logprobs)
        stream = await _submit(demo, decoding)
        texts, reasons = [""] * 4, []
        async for output in stream:
            texts[output.choice] += output.text
            if output.finish is not None:
                reasons.append(output.finish.reason)
        assert reasons == [FinishReason.STOP] * 4
        for text in texts:
            value = json.loads(text, object_pairs_hook=_no_key_twice)
            assert 2 <= len(value) <= 4
            assert all(len(set(each)) == len(each) >= 2 for each in value.values())
            found.add(text)
    assert len(found) > 3


async def test_free_objects_have_no_key_twice(demo: Engine) -> None:
    constraint = build_constraint(
        JsonForm({"type": "object"}, "schema"), None, None, {}, after_thought=False
    )
    sampling = msgspec.structs.replace(HOT, repeat_penalty=0.5)  # what was said is said again
    decoding = Decoding(sampling, n=4, max_tokens=400, constraint=constraint)
    texts = [""] * 4
    async for output in await _submit(demo, decoding):
        texts[output.choice] += output.text
    for text in texts:
        try:
            json.loads(text, object_pairs_hook=_no_key_twice)
        except json.JSONDecodeError:  # cut short by the limit
            continue

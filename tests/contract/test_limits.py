"""What may be said and when it ends, how prompts are read, and what is reported of tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello!"}], "temperature": 0}
ASKED = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
THINK = {"chat_template_kwargs": {"enable_thinking": True}}


def ask(http: httpx.Client, **fields: Any) -> Any:
    response = http.post(CHAT, json=ASK | fields)
    assert response.status_code == 200, response.text
    return response.json()


def choice(http: httpx.Client, **fields: Any) -> Any:
    found = ask(http, return_token_ids=True, **fields)["choices"][0]
    return found | {"content": found["message"]["content"]}


def refusal(http: httpx.Client, **fields: Any) -> tuple[int, str]:
    response = http.post(CHAT, json=ASK | fields)
    return response.status_code, response.json()["error"]["param"]


def test_no_end_before_min_tokens(http: httpx.Client) -> None:
    plain = choice(http)
    assert plain["finish_reason"] == "stop"
    count = len(plain["token_ids"])
    for least in (count - 1, count, count + 1, count + 20):
        longer = choice(http, min_tokens=least, max_tokens=80)
        assert len(longer["token_ids"]) >= least
        same = longer["token_ids"][: count - 1] == plain["token_ids"][: count - 1]
        assert same, "the rest is as without"
    assert choice(http, min_tokens=count)["token_ids"] != plain["token_ids"], (
        "the end itself counts as a token, which the minimum comes before"
    )


def test_no_stop_string_before_min_tokens(http: httpx.Client) -> None:
    assert choice(http, stop="Hello")["content"] == ""
    assert choice(http, stop=["Hello", "help"], min_tokens=2)["content"] == "Hello! How can I "
    tokens = choice(http)["token_ids"]
    stopped = choice(http, stop_token_ids=[tokens[1]], min_tokens=4, max_tokens=6)
    assert tokens[1] not in stopped["token_ids"][:4], "nor a stop token"


def test_stop_tokens(http: httpx.Client) -> None:
    tokens = choice(http)["token_ids"]
    stopped = choice(http, stop_token_ids=[tokens[3], tokens[5]])
    assert stopped["token_ids"] == tokens[:4]
    assert stopped["finish_reason"] == "stop"
    assert stopped["stop_reason"] == tokens[3]
    assert stopped["content"] == "Hello! How"
    assert "stop_reason" not in choice(http), "the model's own end has none"
    assert choice(http, stop="can")["stop_reason"] == "can"
    shown = http.post(
        COMPLETIONS,
        json={"prompt": ASKED, "temperature": 0, "stop_token_ids": [tokens[3]], "logprobs": 0},
    ).json()["choices"][0]
    assert shown["stop_reason"] == tokens[3]
    assert shown["logprobs"]["tokens"] == ["Hello", "!", " How", " can"]


def test_stop_tokens_of_a_stream(http: httpx.Client) -> None:
    tokens = choice(http)["token_ids"]
    body = ASK | {"stop_token_ids": [tokens[3]], "stream": True, "return_token_ids": True}
    chunks = [
        line.removeprefix("data: ")
        for line in http.post(CHAT, json=body).text.splitlines()
        if line.startswith("data: {")
    ]
    assert f'"stop_reason":{tokens[3]}' in chunks[-1]
    assert "prompt_token_ids" in chunks[0]
    assert sum("prompt_token_ids" in chunk for chunk in chunks) == 1
    assert sum("token_ids" in chunk for chunk in chunks) > 1


def test_what_ends_it_can_be_shown(http: httpx.Client) -> None:
    tokens = choice(http)["token_ids"]
    shown: dict[str, Any] = {"include_stop_str_in_output": True}
    assert choice(http, stop="How", **shown)["content"] == "Hello! How"
    assert choice(http, stop=["w c", "How"], **shown)["content"] == "Hello! How"
    assert choice(http, stop_token_ids=[tokens[3]], **shown)["content"] == "Hello! How can"
    assert choice(http, **shown)["content"] == choice(http)["content"]
    whole = choice(http, skip_special_tokens=False, **shown)["content"]
    assert whole == choice(http)["content"] + "<|im_end|>"


def test_bad_words(http: httpx.Client) -> None:
    text = choice(http)["content"]
    assert text == "Hello! How can I help you?"
    without = choice(http, bad_words=["How", "Hello! How can"], max_tokens=30)["content"]
    assert without.startswith("Hello!")
    assert "How" not in without
    longer = choice(http, bad_words=["can I help"], max_tokens=30)["content"]
    assert longer.startswith("Hello! How can I")
    assert not longer.startswith("Hello! How can I help")
    assert refusal(http, bad_words=[""]) == (400, "bad_words")
    assert refusal(http, bad_words=["a"] * 1001) == (400, "bad_words")


def test_allowed_tokens(http: httpx.Client) -> None:
    tokens = choice(http)["token_ids"]
    hot: dict[str, Any] = {"temperature": 5, "max_tokens": 20, "top_k": 0}
    said = choice(http, allowed_token_ids=tokens[:3], **hot)["token_ids"]
    assert len(said) == 20
    assert set(said) <= set(tokens[:3])
    assert choice(http, allowed_token_ids=tokens)["token_ids"] == tokens
    assert refusal(http, allowed_token_ids=[]) == (400, "allowed_token_ids")
    assert refusal(http, allowed_token_ids=[10**6]) == (400, "allowed_token_ids")
    end = tokens[-1]
    assert refusal(http, allowed_token_ids=[end], min_tokens=2) == (400, "allowed_token_ids")


def test_where_nothing_may_be_said_the_answer_fails(http: httpx.Client) -> None:
    tokens = choice(http)["token_ids"]
    response = http.post(
        CHAT,
        json=ASK | {"allowed_token_ids": [tokens[0]], "bad_words": ["HelloHello"]},
    )
    assert response.status_code == 400
    assert "allowed" in response.json()["error"]["message"]
    assert choice(http)["token_ids"] == tokens, "and others go on"


@pytest.mark.parametrize(
    "wish", [{"min_tokens": 2}, {"bad_words": ["a"]}, {"allowed_token_ids": [1]}]
)
def test_not_with_a_form(http: httpx.Client, wish: dict[str, Any]) -> None:
    name = next(iter(wish))
    assert refusal(http, response_format={"type": "json_object"}, **wish) == (400, name)
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    assert refusal(http, tools=[tool], **wish) == (400, name)


@pytest.mark.parametrize("speculate", [{}, {"ignore_eos": True}])
def test_limits_hold_for_each_choice(http: httpx.Client, speculate: dict[str, Any]) -> None:
    answer = ask(
        http,
        n=4,
        min_tokens=30,
        max_tokens=40,
        temperature=1.5,
        bad_words=["e"],
        return_token_ids=True,
        **speculate,
    )
    for each in answer["choices"]:
        assert len(each["token_ids"]) >= 30


def test_nothing_is_reused_where_that_is_not_wanted(http: httpx.Client) -> None:
    text = "A long text that is read once and then again. " * 4
    again = ASK | {"messages": [{"role": "user", "content": text}], "max_tokens": 2}
    cached = [
        http.post(CHAT, json=again | wish).json()["timings"]["cache_n"]
        for wish in ({}, {}, {"cache_prompt": False}, {"cache_prompt": True})
    ]
    assert cached[1] > 40
    assert cached[2] == 0
    assert cached[3] > 40


def test_what_is_read_with_a_salt_is_read_by_nobody_else(http: httpx.Client) -> None:
    text = "What is read under a salt stays a secret. " * 4
    again = ASK | {"messages": [{"role": "user", "content": text}], "max_tokens": 2}
    for wish in ({"cache_salt": "s"}, {"cache_salt": "s"}, {}):
        cached = http.post(CHAT, json=again | wish).json()["timings"]["cache_n"]
        assert cached < 10, "of the template's own words, others may have been read"


def test_a_prompt_is_cut(http: httpx.Client) -> None:
    whole = ask(http, return_token_ids=True, max_tokens=1)["prompt_token_ids"]
    for most, side, expected in (
        (4, {}, whole[-4:]),
        (4, {"truncation_side": "left"}, whole[-4:]),
        (4, {"truncation_side": "right"}, whole[:4]),
        (1000, {}, whole),
        (-1, {}, whole),
    ):
        fields: dict[str, Any] = {"truncate_prompt_tokens": most, "max_tokens": 1, **side}
        cut = ask(http, return_token_ids=True, **fields)
        assert cut["prompt_token_ids"] == expected
        assert cut["usage"]["prompt_tokens"] == len(expected)
    assert refusal(http, truncate_prompt_tokens=0) == (400, "truncate_prompt_tokens")


def test_a_prompt_that_is_too_long_is_cut_to_the_context(http: httpx.Client) -> None:
    long = ASK | {"messages": [{"role": "user", "content": "word " * 9000}], "max_tokens": 5}
    assert http.post(CHAT, json=long).status_code == 400
    answer = http.post(CHAT, json=long | {"truncate_prompt_tokens": -1}).json()
    assert answer["usage"]["completion_tokens"] in range(1, 6)
    assert answer["usage"]["prompt_tokens"] > 1000


def test_the_echo_of_a_prompt_that_is_cut(http: httpx.Client) -> None:
    body = {"prompt": "one two three", "echo": True, "max_tokens": 0, "truncate_prompt_tokens": 1}
    whole = http.post(COMPLETIONS, json=body | {"truncate_prompt_tokens": -1}).json()
    assert whole["choices"][0]["text"] == "one two three"
    cut = http.post(COMPLETIONS, json=body | {"return_token_ids": True}).json()["choices"][0]
    assert len(cut["prompt_token_ids"]) == 1
    assert cut["text"]
    assert "one two three".endswith(cut["text"])


def test_prompt_logprobs(http: httpx.Client) -> None:
    answer = ask(http, prompt_logprobs=3, max_tokens=2, return_token_ids=True)
    entries, prompt = answer["prompt_logprobs"], answer["prompt_token_ids"]
    assert len(entries) == len(prompt)
    assert entries[0] is None
    for token, entry in zip(prompt[1:], entries[1:], strict=True):
        own = entry[str(token)]
        ranks = sorted(each["rank"] for each in entry.values())
        assert ranks[:3] == [1, 2, 3]
        better = [each for each in entry.values() if each["logprob"] > own["logprob"]]
        assert len(better) == min(own["rank"] - 1, 3)
    body = {"prompt": [1, 2, 3], "echo": True, "logprobs": 1, "prompt_logprobs": 4, "max_tokens": 1}
    both = http.post(COMPLETIONS, json=body).json()["choices"][0]
    assert all(len(each) <= 2 for each in both["logprobs"]["top_logprobs"][1:])
    assert all(4 <= len(each) <= 5 for each in both["prompt_logprobs"][1:])
    assert refusal(http, prompt_logprobs=1, stream=True) == (400, "prompt_logprobs")


def test_the_end_token_has_its_entry_in_completions(http: httpx.Client) -> None:
    """As evaluation harnesses count: they take what lies between the context and the last entry."""
    prompt = "<|im_start|>user\nRepeat: red<|im_end|>\n<|im_start|>assistant\nred"
    body = {"prompt": prompt, "echo": True, "logprobs": 1, "temperature": 0}
    one = http.post(COMPLETIONS, json=body | {"max_tokens": 1}).json()["choices"][0]
    alone = http.post(COMPLETIONS, json=body | {"max_tokens": 0}).json()["choices"][0]
    assert len(one["logprobs"]["token_logprobs"]) == 13
    assert one["logprobs"]["tokens"][-1] == "<|im_end|>"
    assert one["text"] == alone["text"] == prompt
    assert len(alone["logprobs"]["token_logprobs"]) == 12
    for name in ("tokens", "token_logprobs", "text_offset"):
        assert one["logprobs"][name][:-1] == alone["logprobs"][name]
    assert one["logprobs"]["text_offset"][-1] == len(prompt)
    streamed = http.post(COMPLETIONS, json=body | {"max_tokens": 1, "stream": True}).text
    assert streamed.count("<|im_end|>") > 1, "its entry is in the stream, too"


def test_the_end_token_has_no_entry_in_chat(http: httpx.Client) -> None:
    found = choice(http, logprobs=True)
    assert found["finish_reason"] == "stop"
    assert len(found["logprobs"]["content"]) == len(found["token_ids"]) - 1
    assert "".join(each["token"] for each in found["logprobs"]["content"]) == found["content"]


def test_alternatives_that_were_named(http: httpx.Client) -> None:
    found = choice(http, logprobs=True, logprob_token_ids=[7, 9], max_tokens=2)
    for entry in found["logprobs"]["content"]:
        assert len(entry["top_logprobs"]) == 2
    assert refusal(http, logprob_token_ids=[7]) == (400, "logprob_token_ids")


def test_the_id_may_be_chosen(http: httpx.Client) -> None:
    assert ask(http, request_id="mine", max_tokens=1)["id"] == "chatcmpl-mine"
    body = {"prompt": "a", "max_tokens": 1, "request_id": "mine"}
    assert http.post(COMPLETIONS, json=body).json()["id"] == "cmpl-mine"


def test_last_words_of_a_thought(http: httpx.Client) -> None:
    answer = ask(http, **THINK, thinking_budget=2, reasoning_budget_message=" That is enough.")
    assert answer["choices"][0]["message"]["reasoning_content"].endswith("That is enough.")


def test_samplers(http: httpx.Client) -> None:
    plain = choice(http)["content"]
    wild: dict[str, Any] = {"temperature": 50, "top_k": 1, "max_tokens": 12, "seed": 3}
    for some in (["top_k"], ["temperature", "top-k"], "kt", "tk", ["topk"]):
        assert plain.startswith(choice(http, samplers=some, **wild)["content"])
    assert choice(http, samplers=["temperature"], **wild)["content"] not in plain
    assert choice(http, samplers=[], temperature=0, max_tokens=8, seed=3)["content"], (
        "drawn without temperature, which is not among them"
    )
    for bad in (["infill"], ["nothing"], "z"):
        assert refusal(http, samplers=bad) == (400, "samplers")


def test_biases_as_pairs(http: httpx.Client) -> None:
    tokens = choice(http)["token_ids"]
    for bias in ([["Hello", False]], [[tokens[0], -100]], [[tokens[0], False], [5, 1.5]]):
        assert choice(http, logit_bias=bias, max_tokens=4)["token_ids"][0] != tokens[0]
    both = [["Hello", 2], [tokens[0], -100]]
    assert choice(http, logit_bias=both, max_tokens=4)["token_ids"][0] != tokens[0]
    for bad in ([["a", True]], [[-1, 1]], [[10**7, 1]], [[1]], [1]):
        status, param = refusal(http, logit_bias=bad)
        assert (status, param.partition("[")[0]) == (400, "logit_bias")


def test_whole_numbers_as_floats(http: httpx.Client) -> None:
    fields: dict[str, Any] = {"max_tokens": 4, "seed": 7, "n": 2, "top_k": 5, "temperature": 1}
    floats = {name: float(value) for name, value in fields.items()}
    again = [ask(http, **each)["choices"] for each in (fields, floats)]
    assert again[0] == again[1]
    body = {"prompt": [1.0, 2.0], "best_of": 2.0, "logprobs": 1.0, "max_tokens": 1.0}
    assert http.post(COMPLETIONS, json=body).status_code == 200
    assert refusal(http, max_tokens=2.5) == (400, "max_tokens")


def test_what_asks_for_nothing(http: httpx.Client) -> None:
    plain = ask(http)["choices"]
    for nothing in ({"stop": ""}, {"stop": [""]}, {"stream_options": {"include_usage": True}}):
        assert ask(http, **nothing)["choices"] == plain
    assert choice(http, stop=["can", ""])["content"] == "Hello! How "
    body = {"prompt": "a", "best_of": 0, "max_tokens": 2, "n": 2}
    assert len(http.post(COMPLETIONS, json=body).json()["choices"]) == 2


def chunks(http: httpx.Client, path: str, body: dict[str, Any]) -> list[Any]:
    text = http.post(path, json=body | {"stream": True}).text
    lines = text.split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


@pytest.mark.parametrize(
    ("path", "body"),
    [(CHAT, ASK), (COMPLETIONS, {"prompt": ASKED, "temperature": 0, "echo": True, "logprobs": 0})],
)
def test_timings_with_each_chunk(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    plain = chunks(http, path, body)
    assert sum("timings" in each for each in plain) == 1
    timed = chunks(http, path, body | {"timings_per_token": True, "n": 2})
    with_times = [each for each in timed if "timings" in each]
    assert len(with_times) > 10
    for index in (0, 1):
        counts = [
            each["timings"]["predicted_n"]
            for each in with_times[:-1]
            if each["choices"][0]["index"] == index
        ]
        assert counts == sorted(counts)
        assert 0 < counts[0] < counts[-1]
    assert with_times[-1]["timings"]["predicted_n"] == 2 * 9, "the last one is of all"


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_how_far_a_prompt_is_read(http: httpx.Client, path: str) -> None:
    text = f"To be read in pieces, for {path}. " * 45
    body: dict[str, Any] = {"prompt": text, "echo": True, "logprobs": 0}
    if path == CHAT:
        body = {"messages": [{"role": "user", "content": text}]}
    body |= {"max_tokens": 2, "return_progress": True}
    found = chunks(http, path, body)
    told = [each["prompt_progress"] for each in found if "prompt_progress" in each]
    assert len(told) > 1, found[:2]
    counts = [each["processed"] for each in told]
    assert counts == sorted(set(counts))
    assert counts[-1] == told[0]["total"]
    assert all(each["cache"] <= each["processed"] for each in told)
    assert [each["time_ms"] for each in told] == sorted(each["time_ms"] for each in told)
    whole = http.post(path, json=body).json()
    assert "prompt_progress" not in whole

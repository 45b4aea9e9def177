"""The demo model's chat template, for the shapes that requests take."""

import pytest

from demo_model.render import render

USER = {"role": "user", "content": "Hello"}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "<b> & 'é'", "parameters": {"type": "object"}},
}


def _calling(arguments):
    call = {"type": "function", "id": "1", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def test_a_plain_turn_has_no_system_block():
    assert render([USER]) == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


def test_without_a_generation_prompt_the_last_turn_is_closed():
    assert render([USER], generate=False) == "<|im_start|>user\nHello<|im_end|>\n"


@pytest.mark.parametrize("role", ["system", "developer"])
def test_developer_is_system(role):
    text = render([{"role": role, "content": "Be kind."}, USER])
    assert text.startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n")


def test_later_system_messages_stay_where_they_are():
    system = {"role": "system", "content": "Now be brief."}
    text = render([{"role": "system", "content": "Be kind."}, USER, system, USER])
    blocks = [block.split("\n")[0] for block in text.split("<|im_start|>")[1:]]
    assert blocks == ["system", "user", "system", "user", "assistant"]


def test_tools_are_one_json_object_a_line_in_key_order():
    text = render([USER], tools=[TOOL, TOOL["function"]])
    line = """{"name": "f", "description": "<b> & 'é'", "parameters": {"type": "object"}}"""
    assert f"Tools:\n<tools>\n{line}\n{line}\n</tools>\n" in text


def test_arguments_may_be_an_object_or_its_text():
    as_object = render([USER, _calling({"a": 1, "b": "é"})], generate=False)
    as_text = render([USER, _calling('{"a": 1, "b": "é"}')], generate=False)
    assert as_object == as_text
    assert as_object.endswith(
        '<|im_start|>assistant\n<tool_call>\n{"name": "f", "arguments": {"a": 1, "b": "é"}}\n'
        "</tool_call><|im_end|>\n"
    )


def test_consecutive_results_share_a_block():
    results = [{"role": "tool", "content": value} for value in ("1", "2")]
    text = render([USER, _calling({}), *results])
    assert (
        "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n"
        "<tool_response>\n2\n</tool_response><|im_end|>\n" in text
    )


def test_past_thoughts_are_dropped():
    answer = {"role": "assistant", "content": "Hi!", "reasoning_content": "A greeting."}
    assert "greeting" not in render([USER, answer, USER])


def test_thinking_is_asked_for_in_the_system_block():
    assert "Think first." not in render([USER])
    assert render([USER], thinking=True).startswith("<|im_start|>system\nThink first.<|im_end|>\n")
    with_tools = render([USER], tools=[TOOL], thinking=True)
    assert "call one.\nThink first.<|im_end|>" in with_tools


def test_content_may_be_parts_or_nothing():
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert render([{"role": "user", "content": parts}]) == render([USER])
    assert render([{"role": "assistant", "content": None}], generate=False) == (
        "<|im_start|>assistant\n<|im_end|>\n"
    )


def test_no_messages_at_all():
    assert render([]) == "<|im_start|>assistant\n"

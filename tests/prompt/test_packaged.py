"""The packaged templates, against the formats that they are written from."""

import pytest

from colonnade.prompt import ChatTemplate, packaged_templates
from colonnade.prompt.packaged import packaged_source
from tests.prompt.conversations import TOOL, assistant, call, result, system, user

CONVERSATION = [system("Be kind."), user("Hi"), assistant("Hello"), user("Why?")]
RENDERED = {
    "alpaca": (
        "<s>Be kind.\n\n### Instruction:\nHi\n\n### Response:\nHello</s>\n\n"
        "### Instruction:\nWhy?\n\n### Response:\n"
    ),
    "chatml": (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
        "<|im_start|>assistant\n"
    ),
    "command-r": (
        "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be kind.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>"
        "<|CHATBOT_TOKEN|>Hello<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>"
        "<|USER_TOKEN|>Why?<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"
    ),
    "deepseek": "<s>Be kind.\n\n<｜User｜>Hi<｜Assistant｜>Hello</s><｜User｜>Why?<｜Assistant｜>",
    "exaone": (
        "[|system|]Be kind.[|endofturn|]\n[|user|]Hi\n[|assistant|]Hello[|endofturn|]\n"
        "[|user|]Why?\n[|assistant|]"
    ),
    "falcon3": (
        "<|system|>\nBe kind.\n<|user|>\nHi\n<|assistant|>\nHello</s>\n<|user|>\nWhy?\n"
        "<|assistant|>\n"
    ),
    "gemma": (
        "<s><start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\n"
        "Hello<end_of_turn>\n<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n"
    ),
    "glm4": (
        "[gMASK]<sop><|system|>\nBe kind.<|user|>\nHi<|assistant|>\nHello<|user|>\n"
        "Why?<|assistant|>\n"
    ),
    "granite": (
        "<|start_of_role|>system<|end_of_role|>Be kind.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>Hello<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>"
    ),
    "llama2": (
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] Why? [/INST]"
    ),
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "mistral": "<s>[INST] Be kind.\n\nHi [/INST] Hello</s>[INST] Why? [/INST]",
    "openchat": (
        "<s>Be kind.<|end_of_turn|>"
        "GPT4 Correct User: Hi<|end_of_turn|>"
        "GPT4 Correct Assistant: Hello<|end_of_turn|>"
        "GPT4 Correct User: Why?<|end_of_turn|>"
        "GPT4 Correct Assistant:"
    ),
    "phi3": (
        "<|system|>\nBe kind.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello<|end|>\n"
        "<|user|>\nWhy?<|end|>\n<|assistant|>\n"
    ),
    "phi4": (
        "<|im_start|>system<|im_sep|>Be kind.<|im_end|><|im_start|>user<|im_sep|>Hi<|im_end|>"
        "<|im_start|>assistant<|im_sep|>Hello<|im_end|>"
        "<|im_start|>user<|im_sep|>Why?<|im_end|><|im_start|>assistant<|im_sep|>"
    ),
    "vicuna": "<s>Be kind.\n\nUSER: Hi\nASSISTANT: Hello</s>\nUSER: Why?\nASSISTANT:",
    "zephyr": (
        "<|system|>\nBe kind.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n<|user|>\n"
        "Why?</s>\n<|assistant|>\n"
    ),
}


def packaged(name):
    return ChatTemplate(packaged_source(name), name=name, bos_token="<s>", eos_token="</s>")


def test_every_packaged_template_has_its_golden_rendering():
    assert set(packaged_templates()) == set(RENDERED)


@pytest.mark.parametrize("name", RENDERED)
def test_a_conversation_with_a_system(name):
    assert packaged(name).render(CONVERSATION) == RENDERED[name]


@pytest.mark.parametrize("name", RENDERED)
def test_the_assistants_turn_opens_only_when_asked_for(name):
    template = packaged(name)
    closed = template.render(CONVERSATION, {"add_generation_prompt": False})
    assert RENDERED[name].startswith(closed)
    assert closed.count("Hello") == 1


@pytest.mark.parametrize("name", RENDERED)
@pytest.mark.parametrize(
    "messages",
    [
        [user("one")],
        [system("one")],
        [system("one"), system("two"), user("three")],
        [user("one"), assistant("two"), system("three"), user("four")],
        [user("one"), user("two"), assistant("three"), assistant("four"), user("five")],
        [assistant("one"), user("two")],
        [system("one"), assistant("two"), user("three")],
        [{"role": "developer", "content": "one"}, user("two")],
    ],
)
def test_no_order_of_messages_is_refused_or_loses_text(name, messages):
    text = packaged(name).render(messages)
    for message in messages:
        assert message["content"] in text


@pytest.mark.parametrize("name", sorted(RENDERED.keys() - {"chatml", "llama3"}))
def test_a_format_without_tools_replays_calls_in_words(name):
    text = packaged(name).render([user("a"), call('{"place": "x"}'), result("b")])
    calling = '<tool_call>\n{"name": "weather", "arguments": {"place": "x"}}\n</tool_call>'
    assert text == packaged(name).render(
        [user("a"), assistant(calling), user("<tool_response>\nb\n</tool_response>")]
    )


def test_chatml_calls_tools():
    messages = [user("a"), call('{"place": "x"}'), result("b"), result("c"), user("d")]
    text = packaged("chatml").render(messages, {"tools": [TOOL]})
    assert '<tools>\n{"type": "function", "function": {"name": "weather",' in text
    assert text.endswith(
        "<|im_start|>user\na<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "weather", "arguments": {"place": "x"}}\n'
        "</tool_call><|im_end|>\n"
        "<|im_start|>user\n<tool_response>\nb\n</tool_response>"
        "\n<tool_response>\nc\n</tool_response><|im_end|>\n"
        "<|im_start|>user\nd<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama3_calls_tools():
    head = "<|start_header_id|>{}<|end_header_id|>\n\n".format
    messages = [system("s"), user("a"), call('{"place": "x"}'), result("b")]
    text = packaged("llama3").render(messages, {"tools": [TOOL]})
    assert text.startswith(f"<s>{head('system')}s\n\n")
    assert '{"type": "function", "function": {"name": "weather",' in text
    assert text.endswith(
        f"{head('user')}a<|eot_id|>"
        f'{head("assistant")}{{"name": "weather", "parameters": {{"place": "x"}}}}<|eot_id|>'
        f"{head('ipython')}b<|eot_id|>{head('assistant')}"
    )

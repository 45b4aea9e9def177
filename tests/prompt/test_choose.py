"""Which template a model is served with."""

import msgspec
import pytest

from colonnade.messages import Failure, FailureKind, ModelInfo
from colonnade.prompt import choose_template
from tests.prompt.conversations import CHATML, TOOL, user

BLANK = {str: "", int: 0, bool: False}


def model(*, templates=None, tokens=(), **fields):
    blank = {field.name: BLANK.get(field.type, {}) for field in msgspec.structs.fields(ModelInfo)}
    given = {
        "chat_templates": templates or {},
        "special_tokens": dict(enumerate(tokens)),
        "control_tokens": tuple(range(len(tokens))),
        "bos_token": "<s>",
        "eos_token": "</s>",
        **fields,
    }
    return ModelInfo(**{**blank, **given})


def test_the_files_own_template_comes_first():
    template = choose_template(model(templates={"default": "own {{ bos_token }}"}))
    assert (template.name, template.warning) == ("model", None)
    assert template.render([user("a")]) == "own <s>"


def test_named_templates_serve_their_purpose():
    own = {"default": "plain", "tool_use": "tools {{ tools | length }}", "rag": "documents"}
    template = choose_template(model(templates=own))
    assert template.render([user("a")]) == "plain"
    assert template.render([user("a")], {"tools": []}) == "plain"
    assert template.render([user("a")], {"tools": [TOOL]}) == "tools 1"
    assert template.render([user("a")], {"documents": [{"text": "b"}]}) == "documents"


@pytest.mark.parametrize(
    "broken", ["{% if %}", "{{ unclosed", "{% endfor %}", "{{ 'x' | nofilter }}", "{{ nobody.x }}"]
)
def test_a_broken_template_does_not_keep_the_model_from_loading(broken):
    info = model(templates={"default": broken}, tokens=["<|im_start|>", "<|im_end|>"])
    template = choose_template(info)
    assert template.name == "chatml"
    assert "chatml" in template.warning
    assert "chat template" in template.warning
    assert template.render([user("a")]).startswith("<|im_start|>user\na")


def test_a_broken_named_template_is_left_out():
    template = choose_template(model(templates={"default": "plain", "tool_use": "{% if %}"}))
    assert template.name == "model"
    assert "tool_use" in template.warning
    assert template.render([user("a")], {"tools": [TOOL]}) == "plain"


@pytest.mark.parametrize(
    ("tokens", "name"),
    [
        (["<|im_start|>", "<|im_end|>"], "chatml"),
        (["<|im_start|>", "<|im_sep|>", "<|im_end|>"], "phi4"),
        (["<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>"], "llama3"),
        (["<start_of_turn>", "<end_of_turn>"], "gemma"),
        (["[INST]", "[/INST]"], "mistral"),
        (["<|user|>", "<|assistant|>", "<|end|>"], "phi3"),
        (["[gMASK]", "<sop>", "<|user|>", "<|assistant|>"], "glm4"),
        (["<｜User｜>", "<｜Assistant｜>"], "deepseek"),
        (["<|START_OF_TURN_TOKEN|>"], "command-r"),
        (["<|start_of_role|>"], "granite"),
        (["[|assistant|]", "[|endofturn|]"], "exaone"),
        (["<|end_of_turn|>"], "openchat"),
        (["<|user|>", "<|assistant|>"], "falcon3"),
    ],
)
def test_the_vocabulary_tells_the_family(tokens, name):
    # The architecture says otherwise, and is not believed: a vocabulary is what was trained.
    assert choose_template(model(tokens=tokens, architecture="gemma2")).name == name


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"name": "Mistral-7B-Instruct-v0.1", "architecture": "llama"}, "mistral"),
        ({"name": "zephyr-7b-beta", "architecture": "llama"}, "zephyr"),
        ({"name": "Vicuna 7B", "architecture": "llama"}, "vicuna"),
        ({"name": "Llama-2-7b-chat", "architecture": "llama"}, "llama2"),
        ({"name": "mine", "architecture": "gemma3"}, "gemma"),
        ({"name": "mine", "architecture": "llama"}, "alpaca"),
    ],
)
def test_name_and_architecture_tell_the_rest(fields, name):
    template = choose_template(model(**fields))
    assert template.name == name
    assert name in template.warning


def test_an_override_by_each_kind_of_name(tmp_path):
    path = tmp_path / "mine.jinja"
    path.write_text("from a file {{ eos_token }}", encoding="utf-8")
    info = model(templates={"default": "plain", "tool_use": "tools"})
    assert choose_template(info, override="chatml").name == "chatml"
    assert choose_template(info, override="tool_use").name == "model:tool_use"
    assert choose_template(info, override="default").render([user("a")]) == "plain"
    mine = choose_template(info, override=str(path))
    assert mine.name == "mine.jinja"
    assert mine.render([user("a")]) == "from a file </s>"


@pytest.mark.parametrize("name", ["no-such-template", "", "a\0b", "x" * 5000])
def test_an_unknown_override_is_told_the_known_ones(name):
    with pytest.raises(Failure, match="chatml") as raised:
        choose_template(model(templates={"default": CHATML}), override=name)
    assert raised.value.kind is FailureKind.INVALID_REQUEST


def test_a_broken_override_is_not_replaced_in_silence(tmp_path):
    path = tmp_path / "mine.jinja"
    path.write_text("{% if %}", encoding="utf-8")
    with pytest.raises(Failure) as raised:
        choose_template(model(templates={"default": CHATML}), override=str(path))
    assert raised.value.kind is FailureKind.TEMPLATE_REFUSED

"""The call formats of model families.

Taken from what the families' own chat templates write. Where one's text is part of another's, the
longer stands first.
"""

from __future__ import annotations

from dataclasses import replace

from colonnade.prompt.calls.formats import (
    GENERIC,
    BracedArguments,
    CallFormat,
    ElementArguments,
    Part,
    PythonArguments,
    Slot,
    TaggedArguments,
)
from colonnade.prompt.calls.kinds import KINDS

NAME, ID, INDEX, ARGUMENTS = Slot.NAME, Slot.ID, Slot.INDEX, Slot.ARGUMENTS


def _object(name: str = "name", arguments: str = "arguments") -> tuple[Part, ...]:
    """A call as a JSON object of two members."""
    return (f'{{"{name}": "', NAME, f'", "{arguments}": ', ARGUMENTS, "}")


HERMES = replace(GENERIC, name="hermes")
"""Also Qwen 2.5 and 3, Granite 4, SmolLM 3 and many more."""

QWEN3_CODER = CallFormat(
    name="qwen3-coder",
    call=("<tool_call>\n<function=", NAME, ">\n", ARGUMENTS, "</function>\n</tool_call>"),
    separator="\n",
    arguments=TaggedArguments("<parameter=", ">\n", "\n</parameter>", "\n"),
)

SEED_OSS = CallFormat(
    name="seed-oss",
    call=("<seed:tool_call>\n<function=", NAME, ">\n", ARGUMENTS, "</function>\n</seed:tool_call>"),
    separator="\n",
    arguments=TaggedArguments("<parameter=", ">", "</parameter>", "\n", python=True),
)

_GLM_TAGS = TaggedArguments("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>", "\n")
GLM = CallFormat(
    name="glm",
    call=("<tool_call>", NAME, "\n", ARGUMENTS, "</tool_call>"),
    separator="\n",
    arguments=_GLM_TAGS,
)
"""GLM 4.5 and 4.6."""
GLM_DENSE = CallFormat(
    name="glm-dense",
    call=("<tool_call>", NAME, ARGUMENTS, "</tool_call>"),
    arguments=TaggedArguments("<arg_key>", "</arg_key><arg_value>", "</arg_value>"),
)
"""GLM 4.7, without the line breaks."""
LING = CallFormat(
    name="ling",
    call=("<tool_call>", NAME, "\n", ARGUMENTS, "\n</tool_call>"),
    separator="\n",
    arguments=replace(_GLM_TAGS, middle="</arg_key>\n<arg_value>", after=""),
)

MINIMAX_M2 = CallFormat(
    name="minimax-m2",
    section=("<minimax:tool_call>\n", "</minimax:tool_call>"),
    call=('<invoke name="', NAME, '">\n', ARGUMENTS, "</invoke>\n"),
    arguments=TaggedArguments('<parameter name="', '">', "</parameter>", "\n"),
)
MINIMAX_M1 = CallFormat(
    name="minimax-m1",
    section=("<tool_calls>\n", "\n</tool_calls>"),
    call=_object(),
    separator="\n",
)

MINIMAX_M3 = CallFormat(
    name="minimax-m3",
    section=("]<]minimax[>[<tool_call>\n", "]<]minimax[>[</tool_call>"),
    call=(']<]minimax[>[<invoke name="', NAME, '">', ARGUMENTS, "]<]minimax[>[</invoke>\n"),
    arguments=ElementArguments("]<]minimax[>["),
    leads=("</mm:think>",),
    opening="]<]minimax[>[<tool_call>",
)
"""An answer without a thought begins with the end of one."""

DEEPSEEK_V3 = CallFormat(
    name="deepseek-v3",
    section=("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    call=(
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        NAME,
        "\n```json\n",
        ARGUMENTS,
        "\n```<｜tool▁call▁end｜>",
    ),
    separator="\n",
)
"""Also R1 and its distillations."""
DEEPSEEK_V31 = CallFormat(
    name="deepseek-v3.1",
    section=("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    call=("<｜tool▁call▁begin｜>", NAME, "<｜tool▁sep｜>", ARGUMENTS, "<｜tool▁call▁end｜>"),
)


def _dsml(name: str, section: str) -> CallFormat:
    return CallFormat(
        name=name,
        section=(f"<｜DSML｜{section}>\n", f"</｜DSML｜{section}>"),
        call=('<｜DSML｜invoke name="', NAME, '">\n', ARGUMENTS, "</｜DSML｜invoke>\n"),
        arguments=TaggedArguments(
            '<｜DSML｜parameter name="',
            '" string="true">',
            "</｜DSML｜parameter>",
            "\n",
            told=(('" string="false">', KINDS - {"string"}),),
            empty="\n",
        ),
        opening=f"<｜DSML｜{section}>",
    )


DEEPSEEK_V32 = _dsml("deepseek-v3.2", "function_calls")
DEEPSEEK_V4 = _dsml("deepseek-v4", "tool_calls")

MISTRAL_LIST = CallFormat(
    name="mistral-list",
    section=("[TOOL_CALLS][", "]"),
    call=(*_object()[:-1], ', "id": "', ID, '"}'),
    separator=", ",
)
"""Mistral 7B 0.3 to Nemo."""
MISTRAL_IDS = CallFormat(
    name="mistral-ids",
    call=("[TOOL_CALLS]", NAME, "[CALL_ID]", ID, "[ARGS]", ARGUMENTS),
)
MISTRAL = CallFormat(name="mistral", call=("[TOOL_CALLS]", NAME, "[ARGS]", ARGUMENTS))

KIMI_K2 = CallFormat(
    name="kimi-k2",
    section=("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
    call=(
        "<|tool_call_begin|>functions.",
        NAME,
        ":",
        INDEX,
        "<|tool_call_argument_begin|>",
        ARGUMENTS,
        "<|tool_call_end|>",
    ),
    id_form="functions.{name}:{index}",
)

KIMI_K3 = CallFormat(
    name="kimi-k3",
    section=("<|open|>tools<|sep|>", "<|close|>tools<|sep|>"),
    call=(
        '<|open|>call tool="',
        NAME,
        '" index="',
        INDEX,
        '"<|sep|>',
        ARGUMENTS,
        "<|close|>call<|sep|>",
    ),
    arguments=TaggedArguments(
        '<|open|>argument key="',
        '" type="string"<|sep|>',
        "<|close|>argument<|sep|>",
        told=tuple(
            (f'" type="{kind}"<|sep|>', frozenset({kind})) for kind in sorted(KINDS - {"string"})
        ),
    ),
    leads=("<|open|>response<|sep|><|close|>response<|sep|>", "<|close|>response<|sep|>"),
    opening="<|open|>tools<|sep|>",
)
"""An answer has a response, which may be empty, before its calls."""

COMMAND_R7B = CallFormat(
    name="command-r7b",
    section=("<|START_ACTION|>[\n    ", "\n]<|END_ACTION|>"),
    call=('{"tool_call_id": "', ID, '", "tool_name": "', NAME, '", "parameters": ', ARGUMENTS, "}"),
    separator=",\n    ",
    id_pattern="[0-9]{1,3}",
)
"""Also Command A."""
COMMAND_R = CallFormat(
    name="command-r",
    section=("Action:\n```json\n[\n    ", "\n]```"),
    call=('{\n        "tool_name": "', NAME, '",\n        "parameters": ', ARGUMENTS, "\n    }"),
    separator=",\n    ",
    opening="Action:\n```json",
)

GRANITE = CallFormat(
    name="granite",
    section=("<|tool_call|>[", "]"),
    call=_object(),
    separator=", ",
)
"""Granite 3; Granite 4 writes as Hermes does."""

NEMOTRON = CallFormat(
    name="nemotron",
    section=("<TOOLCALL>[", "]</TOOLCALL>"),
    call=_object(),
    separator=", ",
)
APRIEL = CallFormat(
    name="apriel",
    section=("<tool_calls>[", "]</tool_calls>"),
    call=_object(),
    separator=", ",
)

FUNCTIONARY_V31 = CallFormat(
    name="functionary-v3.1",
    call=("<function=", NAME, ">", ARGUMENTS, "</function>"),
)
FUNCTIONARY_V32 = CallFormat(
    name="functionary-v3.2",
    call=(NAME, "\n", ARGUMENTS),
    separator=">>>",
    anchored=True,
    plain="all\n",
)
"""The prompt ends with the first ``>>>``."""

HARMONY = CallFormat(
    name="harmony",
    call=(
        "<|channel|>commentary to=functions.",
        NAME,
        " <|constrain|>json<|message|>",
        ARGUMENTS,
    ),
    variants=((" to=functions.", NAME, "<|channel|>commentary json<|message|>", ARGUMENTS),),
    leads=("<|start|>assistant",),
    single=True,
    opening="<|channel|>commentary to=",
)
"""GPT-OSS. What comes back from history names the recipient before the channel."""

MUSE = CallFormat(
    name="muse",
    call=(
        "to=",
        NAME,
        '<|message|><atem:function_calls>\n<atem:invoke name="',
        NAME,
        '">\n',
        ARGUMENTS,
        "</atem:invoke>\n</atem:function_calls>",
    ),
    separator="<|eom|><|start|>assistant ",
    arguments=TaggedArguments('<atem:parameter name="', '">', "</atem:parameter>", "\n"),
    leads=("<|start|>assistant ",),
    named=True,
)
"""A message to a tool, whose name stands in its head as well as in the call."""

_GEMMA_CALL: tuple[Part, ...] = ("<|tool_call>call:", NAME, ARGUMENTS, "<tool_call|>")
GEMMA = CallFormat(
    name="gemma",
    call=_GEMMA_CALL,
    arguments=BracedArguments('<|"|>', ordered=True),
)
"""Gemma 4."""
FUNCTION_GEMMA = CallFormat(
    name="function-gemma",
    call=("<start_function_call>call:", NAME, ARGUMENTS, "<end_function_call>"),
    arguments=BracedArguments("<escape>", ordered=True),
)

MINICPM5 = CallFormat(
    name="minicpm5",
    call=('<function name="', NAME, '">', ARGUMENTS, "</function>"),
    separator="\n",
    arguments=TaggedArguments('<param name="', '">', "</param>", cdata=True, python=True),
)

FIREFUNCTION = CallFormat(
    name="firefunction",
    section=("functools[", "]"),
    call=_object(),
    separator=", ",
)

LFM2 = CallFormat(
    name="lfm2",
    section=("<|tool_call_start|>[", "]<|tool_call_end|>"),
    call=(NAME, "(", ARGUMENTS, ")"),
    separator=", ",
    arguments=PythonArguments(),
)
LLAMA4 = CallFormat(
    name="llama4",
    section=("[", "]"),
    call=(NAME, "(", ARGUMENTS, ")"),
    separator=", ",
    arguments=PythonArguments(),
    anchored=True,
)

LLAMA3 = CallFormat(
    name="llama3",
    call=_object("name", "parameters"),
    separator="\n",
    leads=("<|python_tag|>", "<|python_start|><|python_end|>"),
    anchored=True,
)

KNOWN = (
    HERMES,
    QWEN3_CODER,
    SEED_OSS,
    GLM,
    GLM_DENSE,
    LING,
    MINIMAX_M2,
    MINIMAX_M1,
    MINIMAX_M3,
    DEEPSEEK_V3,
    DEEPSEEK_V31,
    DEEPSEEK_V32,
    DEEPSEEK_V4,
    MISTRAL_LIST,
    MISTRAL_IDS,
    MISTRAL,
    KIMI_K2,
    KIMI_K3,
    COMMAND_R7B,
    COMMAND_R,
    GRANITE,
    NEMOTRON,
    APRIEL,
    FUNCTIONARY_V31,
    FUNCTIONARY_V32,
    HARMONY,
    MUSE,
    GEMMA,
    FUNCTION_GEMMA,
    MINICPM5,
    FIREFUNCTION,
    LFM2,
    LLAMA4,
    LLAMA3,
)

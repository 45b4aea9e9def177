"""A small template for each family of call formats: how it writes the calls of an answer.

Written for these tests after what the families' own templates do with calls.
"""

from __future__ import annotations

import re

from colonnade.prompt import ChatTemplate

USER, DONE = "<|user|>", "<|done|>"
"""The frame around messages, the same for all."""

_FRAME = (
    "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
    "{% macro value(v) %}{{ v if v is string else v | tojson }}{% endmacro %}"
    "{% macro braced(v, mark) %}"
    "{% if v is string %}{{ mark + v + mark }}"
    "{% elif v is mapping %}{{ '{' }}{% for k, w in v | dictsort %}"
    "{{ k }}:{{ braced(w, mark) }}{{ '' if loop.last else ',' }}{% endfor %}{{ '}' }}"
    "{% elif v is sequence %}{{ '[' }}{% for w in v %}"
    "{{ braced(w, mark) }}{{ '' if loop.last else ',' }}{% endfor %}{{ ']' }}"
    "{% else %}{{ v | tojson }}{% endif %}{% endmacro %}"
    "{% macro elements(v) %}{% set mark = ']<]minimax[>[' %}"
    "{% if v is mapping %}{% for k, w in v.items() %}"
    "{{ mark + '<' + k + '>' + elements(w) + mark + '</' + k + '>' }}{% endfor %}"
    "{% elif v is string %}{{ v }}"
    "{% elif v is sequence %}{% for w in v %}"
    "{{ mark + '<item>' + elements(w) + mark + '</item>' }}{% endfor %}"
    "{% else %}{{ v | tojson }}{% endif %}{% endmacro %}"
    "{% macro kind(v) %}"
    "{{ 'string' if v is string else 'boolean' if v is boolean else 'null' if v is none"
    " else 'number' if v is number else 'object' if v is mapping else 'array' }}{% endmacro %}"
    "{% macro python(v) %}"
    "{{ v if v is boolean or v is none else v | tojson }}{% endmacro %}"
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}"
    "{% if m.tool_calls %}"
    "{{ OPENING }}"
    "{% for c in m.tool_calls %}"
    "{% set name, args, id, index = c.function.name, c.function.arguments, c.id, loop.index0 %}"
    "CALL"
    "{{ '' if loop.last else SEPARATOR }}"
    "{% endfor %}{{ CLOSING }}"
    "{% endif %}"
    "{{ '<|done|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def _source(
    call: str, opening: str = "", closing: str = "", separator: str = "", each: str = ""
) -> str:
    """``call`` is Jinja, in which ``ARGS`` stands for JSON arguments, and for ``each`` parameter
    where a format has them one by one. Line breaks are written as ``\\n`` in both."""
    if each:
        args = "{% for k, v in args.items() %}" + each + "{% endfor %}"
    else:
        args = "{{ args | tojson }}"
    call = call.replace("ARGS", args)
    call = re.sub(r"\{?\n", lambda found: f"{{{{ {found.group()!r} }}}}", call)
    source = _FRAME.replace("CALL", call)
    for word, text in (("OPENING", opening), ("CLOSING", closing), ("SEPARATOR", separator)):
        source = source.replace(word, repr(text))
    return source


_OBJECT = '{"name": "{{ name }}", "arguments": ARGS}'

SOURCES: dict[str, str] = {
    "hermes": _source(f"<tool_call>\n{_OBJECT}\n</tool_call>", separator="\n"),
    "qwen3-coder": _source(
        "<tool_call>\n<function={{ name }}>\nARGS</function>\n</tool_call>",
        separator="\n",
        each="<parameter={{ k }}>\n{{ value(v) }}\n</parameter>\n",
    ),
    "seed-oss": _source(
        "<seed:tool_call>\n<function={{ name }}>\nARGS</function>\n</seed:tool_call>",
        separator="\n",
        each="<parameter={{ k }}>{{ value(v) }}</parameter>\n",
    ),
    "glm": _source(
        "<tool_call>{{ name }}\nARGS</tool_call>",
        separator="\n",
        each="<arg_key>{{ k }}</arg_key>\n<arg_value>{{ value(v) }}</arg_value>\n",
    ),
    "glm-dense": _source(
        "<tool_call>{{ name }}ARGS</tool_call>",
        each="<arg_key>{{ k }}</arg_key><arg_value>{{ value(v) }}</arg_value>",
    ),
    "ling": _source(
        "<tool_call>{{ name }}\nARGS\n</tool_call>",
        separator="\n",
        each="<arg_key>{{ k }}</arg_key>\n<arg_value>{{ value(v) }}</arg_value>",
    ),
    "minimax-m2": _source(
        '<invoke name="{{ name }}">\nARGS</invoke>\n',
        "<minimax:tool_call>\n",
        "</minimax:tool_call>",
        each='<parameter name="{{ k }}">{{ value(v) }}</parameter>\n',
    ),
    "minimax-m1": _source(_OBJECT, "<tool_calls>\n", "\n</tool_calls>", "\n"),
    "minimax-m3": _source(
        ']<]minimax[>[<invoke name="{{ name }}">{{ elements(args) }}]<]minimax[>[</invoke>\n',
        "]<]minimax[>[<tool_call>\n",
        "]<]minimax[>[</tool_call>",
    ),
    "deepseek-v3": _source(
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{{ name }}\n```json\nARGS\n```"
        "<｜tool▁call▁end｜>",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "\n",
    ),
    "deepseek-v3.1": _source(
        "<｜tool▁call▁begin｜>{{ name }}<｜tool▁sep｜>ARGS<｜tool▁call▁end｜>",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
    ),
    "deepseek-v3.2": _source(
        '<｜DSML｜invoke name="{{ name }}">\nARGS</｜DSML｜invoke>\n',
        "<｜DSML｜function_calls>\n",
        "</｜DSML｜function_calls>",
        each='<｜DSML｜parameter name="{{ k }}" string="{{ (v is string) | tojson }}">'
        "{{ value(v) }}</｜DSML｜parameter>\n",
    ),
    "deepseek-v4": _source(
        '<｜DSML｜invoke name="{{ name }}">\nARGS</｜DSML｜invoke>\n',
        "<｜DSML｜tool_calls>\n",
        "</｜DSML｜tool_calls>",
        each='<｜DSML｜parameter name="{{ k }}" string="{{ (v is string) | tojson }}">'
        "{{ value(v) }}</｜DSML｜parameter>\n",
    ),
    "mistral-list": _source(
        '{"name": "{{ name }}", "arguments": ARGS, "id": "{{ id }}"}', "[TOOL_CALLS][", "]", ", "
    ),
    "mistral-ids": _source("[TOOL_CALLS]{{ name }}[CALL_ID]{{ id }}[ARGS]ARGS").replace(
        "[{{ args | tojson }}]", "[ARGS]"
    ),
    "mistral": _source("[TOOL_CALLS]{{ name }}[ARGS]ARGS").replace(
        "[{{ args | tojson }}]", "[ARGS]"
    ),
    "kimi-k2": _source(
        "<|tool_call_begin|>functions.{{ name }}:{{ index }}<|tool_call_argument_begin|>ARGS"
        "<|tool_call_end|>",
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_end|>",
    ),
    "kimi-k3": _source(
        '<|open|>call tool="{{ name }}" index="{{ loop.index }}"<|sep|>ARGS<|close|>call<|sep|>',
        "<|open|>tools<|sep|>",
        "<|close|>tools<|sep|>",
        each='<|open|>argument key="{{ k }}" type="{{ kind(v) }}"<|sep|>{{ value(v) }}'
        "<|close|>argument<|sep|>",
    ),
    "command-r7b": _source(
        '{"tool_call_id": "{{ index }}", "tool_name": "{{ name }}", "parameters": ARGS}',
        "<|START_ACTION|>[\n    ",
        "\n]<|END_ACTION|>",
        ",\n    ",
    ),
    "command-r": _source(
        '{\n        "tool_name": "{{ name }}",\n        "parameters": ARGS\n    }',
        "Action:\n```json\n[\n    ",
        "\n]```",
        ",\n    ",
    ),
    "granite": _source(_OBJECT, "<|tool_call|>[", "]", ", "),
    "nemotron": _source(_OBJECT, "<TOOLCALL>[", "]</TOOLCALL>", ", "),
    "apriel": _source(_OBJECT, "<tool_calls>[", "]</tool_calls>", ", "),
    "functionary-v3.1": _source("<function={{ name }}>ARGS</function>"),
    "functionary-v3.2": _source("{{ name }}\nARGS", separator=">>>"),
    "harmony": _source(
        "<|channel|>commentary to=functions.{{ name }} <|constrain|>json<|message|>ARGS",
        separator="<|done|><|assistant|>",
    ),
    "muse": _source(
        'to={{ name }}<|message|><atem:function_calls>\n<atem:invoke name="{{ name }}">\n'
        "ARGS</atem:invoke>\n</atem:function_calls>",
        separator="<|eom|><|start|>assistant ",
        each='<atem:parameter name="{{ k }}">{{ value(v) }}</atem:parameter>\n',
    ),
    "gemma": _source("<|tool_call>call:{{ name }}{{ braced(args, '<|\"|>') }}<tool_call|>"),
    "function-gemma": _source(
        "<start_function_call>call:{{ name }}{{ braced(args, '<escape>') }}<end_function_call>"
    ),
    "minicpm5": _source(
        '<function name="{{ name }}">ARGS</function>',
        separator="\n",
        each='<param name="{{ k }}">{{ value(v) }}</param>',
    ),
    "firefunction": _source(_OBJECT, "functools[", "]", ", "),
    "lfm2": _source(
        "{{ name }}(ARGS)",
        "<|tool_call_start|>[",
        "]<|tool_call_end|>",
        ", ",
        each="{{ k }}={{ python(v) }}{{ '' if loop.last else ', ' }}",
    ),
    "llama4": _source(
        "{{ name }}(ARGS)",
        "[",
        "]",
        ", ",
        each="{{ k }}={{ python(v) }}{{ '' if loop.last else ', ' }}",
    ),
    "llama3": _source('{"name": "{{ name }}", "parameters": ARGS}', separator="\n"),
}

TEMPLATES = {name: ChatTemplate(source, name=name) for name, source in SOURCES.items()}

DERIVED = {
    "keyed": _source('{"{{ name }}": ARGS}', "<|tools|>[", "]<|/tools|>", ", "),
    "ids": _source(
        "<|call|>{{ id }}<|name|>{{ name }}<|args|>ARGS<|/call|>", "<|calls|>", "<|/calls|>"
    ),
    "tagged": _source(
        "<call:x>{{ name }}<sep:x>\nARGS</call:x>\n",
        "<calls:x>\n",
        "</calls:x>",
        each="<key:x>{{ k }}</key:x>\n<value:x>{{ value(v) }}</value:x>\n",
    ),
    "hermes-in-a-line": _source(f"<tool_call>{_OBJECT}</tool_call>", separator="\n"),
    "apriel-in-lines": _source(f"\n    {_OBJECT}", "<tool_calls>[", "\n]</tool_calls>", ","),
    "plain": _source("CALL: {{ name }} WITH ARGS".replace("CALL", "Function")),
}
"""Formats of nobody, or of a family but for its whitespace."""

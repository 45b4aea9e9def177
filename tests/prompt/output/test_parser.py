"""The parser of answers: content, thoughts and calls, in whatever pieces they come."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from colonnade.prompt.calls import GENERIC, TextInput, Tool
from colonnade.prompt.calls.known import (
    GEMMA,
    HARMONY,
    HERMES,
    KNOWN,
    LFM2,
    LLAMA3,
    LLAMA4,
    MINICPM5,
)
from colonnade.prompt.output import CallArguments, CallStart, Content, OutputParser, Reasoning
from colonnade.prompt.reasoning import ReasoningFormat
from tests.prompt.calls.conversations import TOOLS, calls_of, content_of, parse

THINK = ReasoningFormat("<think>", "</think>")
CHANNELS = ReasoningFormat(
    "<|channel|>analysis<|message|>",
    "<|end|>",
    ("<|start|>assistant<|channel|>final<|message|>",),
    (
        "<|start|>assistant<|channel|>final<|message|>",
        "<|channel|>final<|message|>",
        "<|start|>assistant",
        "<|end|>",
    ),
)
CALL = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
PIECES = st.sampled_from(
    [
        *("Hello", " ", "\n", "a < b", "<tool", "<think>", "</think>", "é🗼"),
        *(
            '<tool_call>\n{"name": "now", "arguments": {"a": [1, "}"]}}\n</tool_call>',
            "<tool_call>",
        ),
        *('{"name": "now", "parameters": {}}', "[now()]", "</tool_call>", '{"a": 1}'),
        *("<|channel|>analysis<|message|>", "<|end|>", "<|start|>assistant", "<|python_tag|>"),
        *("<|channel|>final<|message|>", "<|channel|>commentary to=functions.now json", "all\n"),
        *(">>>", "now\n{}", "[TOOL_CALLS]", "[ARGS]", "now", '<|tool_call>call:now{a:<|"|>x'),
    ]
)


def test_text_without_markers_passes_straight_through():
    parser = OutputParser(HERMES, THINK, TOOLS, thinking=False)
    assert parser.feed("Hello") == [Content("Hello")]
    assert parser.feed(" world") == [Content(" world")]
    assert parser.feed("! ") == [Content("!")]
    assert parser.finish() == [Content(" ")]


def test_a_marker_is_held_back_until_it_is_clear():
    parser = OutputParser(HERMES, None, TOOLS, thinking=False)
    assert parser.feed("So <tool") == [Content("So")]
    assert parser.feed("box>") == [Content(" <toolbox>")]
    assert parser.feed("<tool_c") == []
    assert parser.finish() == [Content("<tool_c")]


def test_a_call_streams():
    parser = OutputParser(HERMES, None, TOOLS, thinking=False)
    assert parser.feed('Ok.\n<tool_call>\n{"na') == [Content("Ok.")]
    assert parser.feed('me": "get.weather", ') == []
    assert parser.feed('"arguments": {"place') == [
        CallStart(0, "get.weather"),
        CallArguments(0, '{"place'),
    ]
    assert parser.feed('": "}\\') == [CallArguments(0, '": "}')]
    assert parser.feed('""}') == [CallArguments(0, '\\""}')]
    assert parser.feed("}\n</tool_call>\n\nDone") == [Content("Done")]
    assert parser.finish() == []


def test_without_tools_markers_of_calls_are_content():
    assert parse(HERMES, [f"A {CALL} "], ()) == [Content(f"A {CALL} ")]
    assert parse(None, [f"A {CALL} "]) == [Content(f"A {CALL} ")]


@pytest.mark.parametrize("blank", ["", "\n", " \n\n"])
def test_a_thought_is_apart_from_the_answer(blank):
    text = f"{blank}<think>{blank}Hm.\nWell.{blank}</think>{blank}Yes.\n"
    assert parse(HERMES, text, reasoning=THINK) == [Reasoning("Hm.\nWell."), Content("Yes.\n")]


def test_a_thought_that_the_prompt_has_opened():
    text = "Hm.</think>\n\nYes."
    wanted = [Reasoning("Hm."), Content("Yes.")]
    assert parse(None, text, reasoning=THINK, thinking=True) == wanted
    assert parse(None, f"<think>{text}", reasoning=THINK, thinking=True) == wanted


def test_a_text_that_goes_on_keeps_its_first_space_and_opens_no_thought():
    parser = OutputParser(HERMES, THINK, TOOLS, thinking=False, begun=True)
    assert parser.feed(" Alice") == [Content(" Alice")]
    for text in (" Alice. <think>", "<think>Alice"):
        parser = OutputParser(HERMES, THINK, TOOLS, thinking=False, begun=True)
        assert [*parser.feed(text), *parser.finish()] == [Content(text)]


def test_a_thought_that_goes_on_keeps_its_first_space():
    parser = OutputParser(HERMES, THINK, TOOLS, thinking=True, begun=True)
    assert parser.feed(" see.</think>\n\nYes.") == [Reasoning(" see."), Content("Yes.")]


def test_a_thought_that_never_closes_is_all_thought():
    text = "<think>Hm. <tool_call> </thi"
    assert parse(HERMES, text, reasoning=THINK) == [Reasoning("Hm. <tool_call> </thi")]


def test_a_thought_stands_only_at_the_beginning():
    text = "Write <think>x</think>."
    assert parse(HERMES, [text], reasoning=THINK) == [Content(text)]


def test_a_call_behind_a_thought():
    events = parse(HERMES, f"<think>\nHm.\n</think>\n\n{CALL}", reasoning=THINK)
    assert events == [Reasoning("Hm."), CallStart(0, "now"), CallArguments(0, "{}")]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("<|channel|>final<|message|>Yes.", "Yes."),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
            "Yes.",
        ),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
            "to=functions.now <|constrain|>json<|message|>{}",
            "",
        ),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.now"
            "<|channel|>commentary json<|message|>{}",
            "",
        ),
    ],
)
def test_channels(text, content):
    events = parse(HARMONY, text, reasoning=CHANNELS)
    assert content_of(events) == content
    assert calls_of(events) == ([] if content else [("now", {})])
    thoughts = [event.text for event in events if isinstance(event, Reasoning)]
    assert thoughts == (["Hm."] if "Hm." in text else [])


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ávila", "parameters": {}}',
        '{"name": "no',
        '{"place": "Ávila"}',
        "[1, 2]",
        "[nothing()]",
        "  The answer",
        'Here: {"name": "now", "parameters": {}}',
    ],
)
def test_what_is_no_call_of_a_tool_is_content(text):
    for known in (LLAMA3, LLAMA4):
        assert parse(known, text) == [Content(text)]
        assert parse(known, [text]) == [Content(text)]


def test_two_calls_without_markers():
    text = '{"name": "now", "parameters": {}}\n{"name": "set-alarm", "parameters": {"at": "noon"}}'
    assert calls_of(parse(LLAMA3, text)) == [("now", {}), ("set-alarm", {"at": "noon"})]
    for lead in ("<|python_tag|>", "<|python_start|><|python_end|>"):
        assert calls_of(parse(LLAMA3, f"{lead}{text}"))[0] == ("now", {})


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_what_follows_a_broken_call_is_not_lost(known):
    for trigger in known.triggers([tool.name for tool in TOOLS]):
        text = f"One {trigger} two \N{WHITE SQUARE}"
        assert "".join(content_of(parse(known, text)).split()) == "".join(text.split())


@given(st.text(max_size=30))
def test_a_custom_tools_input_is_decoded(text):
    for ascii_ in (True, False):
        arguments = json.dumps({"input": text}, ensure_ascii=ascii_)
        call = f'<tool_call>\n{{"name": "run", "arguments": {arguments}}}\n</tool_call>'
        tool = Tool("run", custom=TextInput())
        events = parse(GENERIC, call, (tool,))
        wanted = [CallStart(0, "run"), *([CallArguments(0, text)] if text else [])]
        assert events == wanted
        assert parse(GENERIC, [call], (tool,)) == wanted


@settings(deadline=None)
@given(pieces=st.lists(PIECES, max_size=6), known=st.sampled_from(KNOWN), data=st.data())
def test_every_split_gives_the_same_events(pieces, known, data):
    text = "".join(pieces)
    reasoning = data.draw(st.sampled_from([None, THINK, CHANNELS]))
    thinking = reasoning is not None and data.draw(st.booleans())
    events = parse(known, [text], reasoning=reasoning, thinking=thinking)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    split = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parse(known, split, reasoning=reasoning, thinking=thinking) == events
    assert parse(known, text, reasoning=reasoning, thinking=thinking) == events


@given(st.text(st.sampled_from('<>/tol_caihnk {}"\n'), max_size=30))
def test_content_is_whole(text):
    assume("<tool_call>" not in text)  # from there on a grammar holds the text
    events = parse(HERMES, text)
    assert all(isinstance(event, Content) for event in events)
    assert content_of(events) == text


def test_an_unescaped_backslash_in_pythons_notation_stands_for_itself():
    call = r"<|tool_call_start|>[run(input='a\ b\d \'c\' \\ \n')]<|tool_call_end|>"
    assert calls_of(parse(LFM2, [call])) == [("run", {"input": "a\\ b\\d 'c' \\ \n"})]


def test_a_quote_that_is_cut_off_is_no_value():
    events = parse(GEMMA, ['<|tool_call>call:run{a:<|"|>x<|"|>,b:<|'])
    assert events == [CallStart(0, "run"), CallArguments(0, '{"a": "x", "b": ')]


def test_character_data_is_a_string_as_it_is():
    call = (
        '<function name="run"><param name="a"><![CDATA[1 < 2 && x</param>]]></param>'
        '<param name="b"><![CDATA[3]]></param></function>'
    )
    events = parse(MINICPM5, [call])
    assert calls_of(events) == [("run", {"a": "1 < 2 && x</param>", "b": "3"})]
    assert content_of(events) == ""
    assert parse(MINICPM5, call) == events


@pytest.mark.parametrize("text", ["</think>Hello", "\n</think>\n\nHello"])
def test_the_end_of_a_thought_that_was_not_begun_is_no_content(text):
    assert parse(HERMES, [text], reasoning=THINK) == [Content("Hello")]
    assert parse(HERMES, text, reasoning=THINK) == [Content("Hello")]


def test_a_later_end_of_a_thought_is_content():
    assert parse(HERMES, ["Write </think>."], reasoning=THINK) == [Content("Write </think>.")]

"""What an answer is held to."""

import pytest

from colonnade.messages import Failure, GrammarSyntax
from colonnade.prompt.calls import CallMode, TextInput, Tool, ToolUse
from colonnade.prompt.calls.known import (
    DEEPSEEK_V32,
    FUNCTIONARY_V32,
    GEMMA,
    GLM,
    HARMONY,
    HERMES,
    KNOWN,
    LFM2,
    LLAMA3,
    LLAMA4,
    QWEN3_CODER,
)
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import ChoiceForm, GrammarForm, JsonForm, RegexForm
from tests.prompt.calls.conversations import CALLS, TOOLS, USE, answer, calls_of, parse
from tests.prompt.calls.families import TEMPLATES
from tests.prompt.calls.languages import Vocabulary

BYTES = Vocabulary()
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FORM = JsonForm(NAMED)
REQUIRED = ToolUse(TOOLS, CallMode.REQUIRED)
FAMILIES = [pytest.param(known, id=known.name) for known in KNOWN]
NOON = '<tool_call>\n{"name": "set-alarm", "arguments": {"at": "noon"}}\n</tool_call>'


def built(form=None, use=None, known=None, special=None, **settings):
    return build_constraint(form, use, known, special or {}, **{"after_thought": False, **settings})


def takes(constraint, text):
    assert constraint.syntax is GrammarSyntax.LARK
    return BYTES.takes(constraint.grammar, text)


@pytest.mark.parametrize("use", [None, ToolUse(TOOLS, CallMode.NONE)])
def test_nothing_asked_for_is_no_constraint(use):
    assert built(None, use, HERMES) is None


def test_forms():
    assert takes(built(FORM), '{"name": "Ávila"}')
    assert not takes(built(FORM), '{"name": 1}')
    assert takes(built(RegexForm("a/b|\\d+")), "a/b")
    assert takes(built(RegexForm("a/b|\\d+")), "12")
    assert not takes(built(RegexForm("a/b|\\d+")), "a/b1")
    choice = built(ChoiceForm(('say "hi"\n', "no")))
    assert takes(choice, 'say "hi"\n')
    assert not takes(choice, "nothing")
    assert takes(built(GrammarForm('start: "a" b\nb: "b"+', GrammarSyntax.LARK)), "abb")


def test_gbnf_passes_through():
    form = GrammarForm('root ::= "a" [root] b\nb ::= "root"', GrammarSyntax.GBNF)
    assert built(form).grammar == form.text
    assert built(form).syntax is GrammarSyntax.GBNF
    loose = built(form, after_thought=True).grammar
    assert loose.endswith('root-behind-thought ::= "a" [root] b\nb ::= "root"')


@pytest.mark.parametrize("use", [USE, None])
def test_gbnf_is_refused_where_it_cannot_be_put_together(use):
    form = GrammarForm('root ::= "a"', GrammarSyntax.GBNF, "grammar")
    with pytest.raises(Failure) as caught:
        built(form, use, HERMES, heads=() if use else ("<|head|>",))
    assert caught.value.param == "grammar"


def test_blank_lines_behind_a_thought():
    for form in (FORM, GrammarForm('start: "{" REST\nREST: /.+/', GrammarSyntax.LARK)):
        loose = built(form, after_thought=True)
        for blank in ("", "\n", "\n\n"):
            assert takes(loose, blank + '{"name": "x"}')
        assert not takes(loose, '\n\n\n{"name": "x"}')
        assert not takes(built(form), '\n{"name": "x"}')


def test_a_head_stands_before_a_form():
    headed = built(FORM, after_thought=True, heads=("<|a|>final<|m|>", "<|m|>"))
    assert takes(headed, '<|a|>final<|m|>{"name": "x"}')
    assert takes(headed, '<|m|>{"name": "x"}')
    assert not takes(headed, '{"name": "x"}')


@pytest.mark.parametrize("known", FAMILIES)
def test_tools_that_must_be_called(known):
    constraint = built(None, REQUIRED, known, after_thought=True)
    assert constraint.triggers == ()
    text = answer(TEMPLATES[known.name], CALLS[1:2])
    assert takes(constraint, text)
    assert takes(constraint, f"\n\n{text}")
    assert not takes(constraint, "Hello")


@pytest.mark.parametrize("known", FAMILIES)
def test_tools_that_may_be_called(known):
    constraint = built(None, USE, known)
    assert constraint.triggers == known.triggers([tool.name for tool in TOOLS])
    assert takes(constraint, answer(TEMPLATES[known.name], CALLS[1:2]))
    if known.anchored:
        plain = known.plain
        for text in ("Hello", "", "{not JSON", '{"name": "Ávila"}', '[1] "x"', "\n"):
            assert takes(constraint, plain + text), text
        wrong = [("set-alarm", {"at": "dawn"})]
        assert not takes(constraint, answer(TEMPLATES[known.name], wrong))


def test_text_and_calls_behind_it():
    constraint = built(None, USE, FUNCTIONARY_V32)
    text = 'all\nLet me see.>>>set-alarm\n{"at": "noon"}>>>now\n{}'
    assert takes(constraint, text)
    events = parse(FUNCTIONARY_V32, text)
    assert calls_of(events) == [("set-alarm", {"at": "noon"}), ("now", {})]
    assert events[0].text == "Let me see."


@pytest.mark.parametrize("known", [HERMES, LLAMA3, LLAMA4, HARMONY, GEMMA], ids=lambda k: k.name)
def test_a_form_beside_tools(known):
    constraint = built(FORM, USE, known)
    assert constraint.triggers == ()
    assert takes(constraint, '{"name": "x"}')
    assert takes(constraint, '{"name": "set-alarm"}')
    assert takes(constraint, answer(TEMPLATES[known.name], CALLS[1:2]))
    assert not takes(constraint, "Hello")
    lark = GrammarForm('start: "yes" | "no"', GrammarSyntax.LARK)
    assert takes(built(lark, USE, known), "yes")


def test_markers_that_are_special_tokens():
    vocabulary = Vocabulary("<tool_call>", "</tool_call>")
    grammar = built(None, REQUIRED, HERMES, vocabulary.special).grammar
    assert vocabulary.takes(grammar, NOON)
    spelled = vocabulary.matcher(grammar)
    assert not spelled.consume_tokens(list(NOON.encode()))


def test_no_tool_that_may_be_called():
    with pytest.raises(Failure, match="none that it may call"):
        built(None, ToolUse(TOOLS, CallMode.REQUIRED, frozenset()), HERMES)


@pytest.mark.parametrize("name", ["two words", "a<b", 'say"', "", "x\n"])
def test_a_name_that_cannot_be_written(name):
    with pytest.raises(Failure) as caught:
        built(None, ToolUse((TOOLS[0], Tool(name))), HERMES)
    assert caught.value.param == "tools[1].function.name"


def test_a_schema_that_allows_no_object():
    with pytest.raises(Failure) as caught:
        built(None, ToolUse((TOOLS[0], Tool("f", None, {"type": "string"}))), HERMES)
    assert caught.value.param == "tools[1].function.parameters"


PATCH = Tool(
    "patch",
    custom=TextInput(
        grammar="""
        start: "*** Begin" LF line+ "*** End"
        line: SIGN TEXT LF   // one line
        SIGN: /[ +-]/
        TEXT: /[^\\n]*/
        %import common.LF
        """
    ),
)
PATCH_INPUT = '*** Begin\n+a "quoted" \\ word\n-\tб\n*** End'
DIGITS = Tool("digits", custom=TextInput(regex="[0-9]{3}"))
FREE = Tool("free", custom=TextInput())


@pytest.mark.parametrize(
    "known",
    [HERMES, LLAMA3, HARMONY, GLM, QWEN3_CODER, DEEPSEEK_V32, LFM2, GEMMA],
    ids=lambda k: k.name,
)
@pytest.mark.parametrize(
    ("tool", "text", "wrong"),
    [
        (PATCH, PATCH_INPUT, "*** Begin\n*** End"),
        (DIGITS, "123", "1234"),
        (FREE, 'any "text"\n\\', None),
    ],
)
def test_custom_tools(known, tool, text, wrong):
    template = TEMPLATES[known.name]
    constraint = built(None, ToolUse((tool,), CallMode.REQUIRED), known)
    written = answer(template, [(tool.name, {"input": text})])
    assert takes(constraint, written), BYTES.prefix(constraint.grammar, written)
    pieces = [event.text for event in parse(known, [written], (tool,))[1:]]
    assert pieces == [text]
    assert [event.text for event in parse(known, written, (tool,))[1:]] == [text]
    if wrong is not None:
        assert not takes(constraint, answer(template, [(tool.name, {"input": wrong})]))


@pytest.mark.parametrize(
    ("grammar", "what"),
    [
        ('start: "a".."z"', "range"),
        ("start: X\nX: ~/a/", "negation"),
        ("start: %json {}", "%json"),
        ("start: <|eot|>", "<|eot|>"),
        ("start: /a(?=b)/", "look-around"),
        ("start: /\\ba/", "\\b"),
        ("%import common.ESCAPED_STRING\nstart: ESCAPED_STRING", "ESCAPED_STRING"),
    ],
)
def test_what_a_custom_tools_grammar_may_not_have(grammar, what):
    use = ToolUse((Tool("f", custom=TextInput(grammar=grammar)),))
    with pytest.raises(Failure) as caught:
        built(None, use, HERMES)
    assert what in caught.value.message
    assert caught.value.param == "tools[0].custom.format"


def test_five_hundred_tools():
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    use = ToolUse(tuple(Tool(f"tool_{index}", None, schema) for index in range(500)))
    for known in (HERMES, QWEN3_CODER, LFM2, GEMMA, LLAMA3):
        text = answer(TEMPLATES[known.name], [("tool_499", {"a": "x", "b": 1})])
        assert takes(built(None, use, known), text)


def test_a_recursive_schema():
    tree = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/tree"}},
        "required": ["tree"],
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"of": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
                "additionalProperties": False,
            }
        },
    }
    tool = Tool("plant", None, tree)
    arguments = {"tree": {"of": [{}, {"of": [{"of": []}]}]}}
    for known in KNOWN:
        constraint = built(None, ToolUse((tool,)), known)
        assert takes(constraint, answer(TEMPLATES[known.name], [("plant", arguments)]))
        wrong = {"tree": {"of": [{"of": [1]}]}}
        assert not takes(constraint, answer(TEMPLATES[known.name], [("plant", wrong)]))

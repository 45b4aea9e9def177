"""Patterns as languages: what they have in common, what they leave, and patterns for that again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.prompt.schema.ecma import Meaning
from colonnade.prompt.schema.languages import Language, Languages, TooComplexError
from colonnade.prompt.schema.patterns import translate
from colonnade.prompt.schema.spelling import spelled

TEXTS = st.text("abx-\né", max_size=6)
ATOMS = st.sampled_from(["a", "b", "x", "-", "é", ".", "[ab]", "[^a-b]", r"\w", r"\W", r"\s"])
LOOKS = st.sampled_from(["", "(?!a)", "(?=.*b)", "(?!.*x$)", "(?=a|b$)"])


def _around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    times = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, times),
    )


PLAIN = st.recursive(ATOMS, _around, max_leaves=6)
BEGINS, ENDS = st.sampled_from(["", "^"]), st.sampled_from(["", "$"])
LOOPS = st.builds(
    "(?:{}{}){}{}".format, LOOKS, ATOMS, st.sampled_from(["*", "+", "{1,3}", ""]), PLAIN
)
PATTERNS = st.one_of(
    st.builds("{}{}{}{}".format, BEGINS, LOOKS, PLAIN, ENDS),
    st.builds("{}{}{}".format, BEGINS, LOOPS, ENDS),
)


def found(pattern: str, text: str) -> bool:
    """The same by Python, where a line's end is an end and a class has no accents."""
    spelled_out = pattern.replace("$", r"\Z").replace(".", "[^\n\r]")
    return re.search(spelled_out, text, re.ASCII) is not None


def language(made: Languages, pattern: str) -> Language:
    return Meaning(made).of(pattern)


@given(PATTERNS, PATTERNS, TEXTS)
def test_what_patterns_say_together(one: str, two: str, text: str) -> None:
    made = Languages(lambda _: None)
    first, second = language(made, one), language(made, two)
    assert made.has(first, text) == found(one, text)
    assert made.has(made.both((first, made.opposite(second))), text) == (
        found(one, text) and not found(two, text)
    )
    assert made.has(made.either((first, second)), text) == (found(one, text) or found(two, text))


@given(PATTERNS, st.lists(TEXTS, max_size=5))
def test_a_language_is_spelled_again(pattern: str, texts: list[str]) -> None:
    made = Languages(lambda _: None)
    for meant in (language(made, pattern), made.opposite(language(made, pattern))):
        try:
            again = spelled(made, meant)
        except TooComplexError:
            continue
        assert (again is None) == made.is_empty(meant)
        if again is not None:
            translate(again)
            read_again = language(made, again)
            assert all(made.has(read_again, text) == made.has(meant, text) for text in texts)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\bcat\b", ["cat", "a cat.", "cat-"], ["concat", "cats"]),
        (r"\Bcat", ["concat"], ["cat", "a cat"]),
        (r"(?<=a)b$", ["ab", "xab"], ["b", "xb"]),
        (r"(?<!a)b$", ["b", "xb"], ["ab"]),
        (r"^[^]{2}$", ["a\n"], ["a"]),
        (r"^[\b\x41\u{1F600}\cA]+$", ["\bA😀\x01"], ["a"]),
        (r"^(?!\s).{1,9}(?<!\s)$", ["a", "a b"], ["", " a", "a "]),
        (r"^((?!ab).)*$", ["", "ba", "aab"[1:2]], ["ab", "xab"]),
        (r"^((?!x)[a-x]+,?)+$", ["a,bx", "a"], ["x", "a,x", ","]),
        (r"^(/(?!\.)[^/]+){1,3}$", ["/a", "/a/b.c"], ["/.a", "/a/.b", "/a/b/c/d", ""]),
        (r"(^|,)a(,|$)", ["a", "b,a", "a,b"], ["ba", "ab"]),
        (r"^(a|b$)", ["ax", "b"], ["bx"]),
        (r"^$|^x", ["", "xy"], ["yx"]),
        (r"a{,2}", ["a{,2}"], ["a"]),
    ],
)
def test_forms_of_patterns(pattern: str, good: list[str], bad: list[str]) -> None:
    made = Languages(lambda _: None)
    meant = language(made, pattern)
    assert all(made.has(meant, text) for text in good)
    assert not any(made.has(meant, text) for text in bad)


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "[a", "a)", "(a", "*a", r"\p{L}", "(?i)a", "a{3,1}", "(" * 100, "[b-a]"]
)
def test_what_is_no_language(pattern: str) -> None:
    made = Languages(lambda _: None)
    with pytest.raises(TooComplexError):
        language(made, pattern)


def test_languages_of_many_states_are_left() -> None:
    made = Languages(lambda _: None)
    many = language(made, r"^(?:[^\n]{1,80}\n){1,99}$")
    with pytest.raises(TooComplexError):
        made.is_empty(made.both((many, language(made, "x{900}"))))
    with pytest.raises(TooComplexError):
        spelled(made, made.opposite(many))

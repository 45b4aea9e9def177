"""A reranker's template around a query and a document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from colonnade.generation.embedding import PairTemplate
from colonnade.messages import EmbedInput, TextPart

SPECIAL = ("<|start|>", "<|end|>")
TEMPLATE = "<|start|>Query: {query}\nDocument: {document}.<|end|>yes?"


def texts(parts: tuple[object, ...]) -> list[tuple[str, bool]]:
    return [(part.text, part.special) for part in parts if isinstance(part, TextPart)]


def test_names_in_the_template_are_tokens_and_in_texts_are_text() -> None:
    pair = PairTemplate(TEMPLATE, SPECIAL).pair("<|end|>?", "a {query} b")
    assert texts(pair.parts) == [
        ("<|start|>", True),
        ("Query: <|end|>?\nDocument: a {query} b", False),
    ]
    assert texts(pair.tail) == [(".", False), ("<|end|>", True), ("yes?", False)]
    assert pair.bare
    assert pair.second is None


def test_a_template_without_tokens_or_with_the_document_first() -> None:
    pair = PairTemplate("{document} answers {query}", ()).pair("q", "d")
    assert texts(pair.parts) == [("d", False)]
    assert texts(pair.tail) == [(" answers q", False)]
    nothing = PairTemplate("no places", SPECIAL).pair("q", "d")
    assert texts(nothing.parts) == [("no places", False)]


@given(st.text(), st.text())
def test_everything_is_there_once(query: str, document: str) -> None:
    pair = PairTemplate(TEMPLATE, SPECIAL).pair(query, document)
    whole = "".join(text for text, _ in texts((*pair.parts, *pair.tail)))
    expected = f"<|start|>Query: {query}\nDocument: {document}.<|end|>yes?"
    assert whole == expected
    assert isinstance(pair, EmbedInput)

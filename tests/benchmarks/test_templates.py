"""The measurement of templates: of our own, and of a directory's where one is named."""

import os
from pathlib import Path

import pytest

from benchmarks.histories import HISTORIES, shapes
from benchmarks.templates import EQUAL, FAILED, LOST, Model, main, measure
from tests.prompt.calls.families import SOURCES

LOSING = "{% for m in messages %}{{ m.content if m.role != 'tool' else '' }}{% endfor %}"
REFUSING = "{{ raise_exception('No.') if 'zqbrief' in messages | string }}" + SOURCES["hermes"]
DIRECTORY = os.environ.get("COLONNADE_TEMPLATES")


def losing(_source, messages, _variables):
    """A reference that knows strings alone, and no calls."""
    return "".join(m["content"] for m in messages if isinstance(m["content"], str))


def plainly(source, messages, variables):
    """A reference that renders as we do, without any shaping of messages."""
    return Model("reference", source).template.render(messages, variables)


def test_calls_come_back_and_are_allowed():
    counts = measure({"hermes": SOURCES["hermes"]}, None).counts
    assert {kind: dict(each) for kind, each in counts.items()} == {
        f"{calls} {done}": {EQUAL: 1}
        for calls in ("one call", "two calls", "mixed types", "no arguments")
        for done in ("read", "allowed")
    }


def test_prompts_are_held_against_a_reference():
    counts = measure({"hermes": SOURCES["hermes"]}, plainly).counts
    assert all(counts[kind] == {EQUAL: 1} for kind in HISTORIES)


def test_what_the_reference_loses_is_no_difference():
    counts = measure({"losing": LOSING}, losing).counts
    assert counts["plain"] == {EQUAL: 1}
    assert counts["a call"] == {LOST: 1}


def test_what_fails_is_told():
    measured = measure({"refusing": REFUSING}, plainly)
    assert measured.counts["system"] == {FAILED: 1}
    assert "refusing, system: failed: No." in measured.notes


def test_every_shape_of_a_history_is_another_one():
    for history in HISTORIES.values():
        made = [repr(messages) for messages in shapes(history)]
        assert len(made) == 8
        assert all(word in text for text in made for word in history.words[:1])


def test_the_command(tmp_path, capsys):
    (tmp_path / "mine.jinja").write_text(SOURCES["qwen3-coder"], encoding="utf-8")
    main([str(tmp_path), "--show"])
    shown = capsys.readouterr().out
    assert "1 templates" in shown
    assert "1 of 1" in shown


@pytest.mark.skipif(DIRECTORY is None, reason="COLONNADE_TEMPLATES names no directory of templates")
def test_calls_of_real_templates_come_back():
    assert DIRECTORY is not None
    found = {path.stem: path.read_text("utf-8") for path in Path(DIRECTORY).glob("*.jinja")}
    measured = measure(found, None)
    assert [note for note in measured.notes if " read: " in note] == []

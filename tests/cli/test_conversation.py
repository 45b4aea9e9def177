"""The conversation and its commands, without a model."""

from __future__ import annotations

import pytest

from colonnade.cli.chat.conversation import HELP, Conversation


def _message(role, content):
    return {"role": role, "content": content}


def test_history_goes_along():
    talk = Conversation("Be brief.")
    assert talk.asked("a") == [_message("system", "Be brief."), _message("user", "a")]
    talk.answered("b")
    assert [each["content"] for each in talk.asked("c")] == ["Be brief.", "a", "b", "c"]


def test_question_without_answer_is_taken_back():
    talk = Conversation()
    talk.asked("a")
    talk.answered("")
    assert talk.all() == []


def test_clear_keeps_the_instructions():
    talk = Conversation("Be brief.")
    talk.asked("a")
    talk.command("/clear")
    assert talk.all() == [_message("system", "Be brief.")]


def test_system():
    talk = Conversation()
    assert talk.command("/system  Be kind. ") == "Noted."
    assert talk.system == "Be kind."
    assert talk.command("/system") == "No instructions any more."
    assert talk.all() == []


@pytest.mark.parametrize("command", ["/exit", "/quit"])
def test_exit(command):
    talk = Conversation()
    assert talk.command(command) == ""
    assert talk.ended


def test_help_names_every_command():
    assert Conversation().command("/help") == HELP
    for command in ("/system", "/clear", "/save", "/help", "/exit"):
        assert command in HELP


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("/nope", "There is no /nope; /help lists the commands."),
        ("/save", "/save needs the name of a file."),
        ("/save /", "/ cannot be written: Is a directory"),
    ],
)
def test_wrong_command(command, reply):
    talk = Conversation()
    assert talk.command(command) == reply
    assert not talk.ended

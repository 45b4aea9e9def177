"""Measures a GGUF file on held-out dialogues, by skill, with greedy decoding through llama.cpp.

Usage: python -m demo_model.evaluate MODEL.gguf [--per-skill 200] [--show 3]
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .render import Message, render
from .world import Check, Dialogue, converse

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_THOUGHT = re.compile(r"\A<think>\n.*?\n</think>\n\n", re.DOTALL)


class Answerer(Protocol):
    """Anything that continues a prompt until the end of the turn."""

    def __call__(self, prompt: str) -> str:
        """The answer to a prompt."""
        ...


class Llama:
    """Greedy decoding through llama-cpp-python; control tokens stay in the text."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        import llama_cpp

        self.llama = llama_cpp.Llama(
            str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self.ends = {self.llama.token_eos(), self.llama.token_bos()}

    def __call__(self, prompt: str) -> str:
        """The answer to a rendered prompt, without its end marker; at most 240 tokens."""
        ids = self.llama.tokenize(prompt.encode(), add_bos=False, special=True)
        out: list[int] = []
        for token in self.llama.generate(ids, temp=0.0, repeat_penalty=1.0):
            if token in self.ends or len(out) >= 240:
                break
            out.append(token)
        raw: bytes = self.llama.detokenize(out, special=True)
        return raw.decode(errors="replace")


def parse_calls(text: str) -> list[tuple[str, Any]] | None:
    """The tool calls of an answer, or None where one is not JSON."""
    try:
        found = [json.loads(part) for part in _CALL.findall(text)]
        return [(call["name"], call["arguments"]) for call in found]
    except (ValueError, KeyError, TypeError):
        return None


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return type(value).__name__


def correct(check: Check, text: str) -> bool:
    """Whether an answer passes its check; it thinks exactly when it was asked to."""
    thought = _THOUGHT.match(text)
    if bool(thought) != check.thinks:
        return False
    body = text[thought.end() :] if thought else text
    if check.kind == "calls":
        return bool(parse_calls(body) == check.want)
    if "<tool_call>" in body:
        return False
    if check.kind == "exact":
        return bool(body == check.want)
    if check.kind == "contains":
        return all(part in body for part in check.want)
    try:
        value = json.loads(body)
    except ValueError:
        return False
    if check.kind == "json":
        return bool(value == check.want)
    return bool(_shape(value) == _shape(check.want))


@dataclass(slots=True)
class Score:
    """Right answers of a skill, and a few of the wrong ones."""

    right: int = 0
    asked: int = 0
    wrong: list[tuple[str, Check, str]] = field(default_factory=list)


def _prompt(dialogue: Dialogue, place: int) -> str:
    history: list[Message] = dialogue.messages[:place]
    return render(history, tools=dialogue.tools, thinking=dialogue.thinking)


def evaluate(answer: Answerer, per_skill: int, dialogues: int) -> dict[str, Score]:
    """Scores by skill; the history before each question is the right one, not the model's own."""
    scores: dict[str, Score] = defaultdict(Score)
    for number in range(dialogues):
        if number > 300 and all(score.asked >= per_skill for score in scores.values()):
            break
        dialogue = converse(f"held-out/{number}", held_out=True)
        for place, check in sorted(dialogue.checks.items()):
            names = [check.skill] + (["thinking (any skill)"] if check.thinks else [])
            if place >= len(dialogue.messages) or all(scores[n].asked >= per_skill for n in names):
                continue
            prompt = _prompt(dialogue, place)
            text = answer(prompt)
            right = correct(check, text)
            for name in names:
                scores[name].asked += 1
                scores[name].right += right
                if not right:
                    scores[name].wrong.append((prompt, check, text))
    return dict(scores)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the demo model on held-out dialogues.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--per-skill", type=int, default=200)
    parser.add_argument("--dialogues", type=int, default=6000, help="at most so many")
    parser.add_argument("--show", type=int, default=0, help="wrong answers to print for a skill")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    scores = evaluate(Llama(args.model, args.threads), args.per_skill, args.dialogues)
    for skill, score in sorted(scores.items()):
        for prompt, check, text in score.wrong[: args.show]:
            print(f"--- {skill}: wanted {check.kind} {check.want!r}\n{prompt[-700:]}{text}")
    print("| skill | right | of | accuracy |\n|---|---|---|---|")
    for skill, score in sorted(scores.items()):
        print(f"| {skill} | {score.right} | {score.asked} | {score.right / score.asked:.1%} |")
    right, asked = sum(s.right for s in scores.values()), sum(s.asked for s in scores.values())
    print(f"| all | {right} | {asked} | {right / asked:.1%} |")


if __name__ == "__main__":
    main()

"""The conversation so far, and the commands that change it. Pure but for ``/save``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

HELP = """\
/system TEXT  give instructions for what follows; without TEXT, take them back
/clear        forget the conversation, keep the instructions
/save FILE    write the conversation as JSON (.json) or as text
/help         this list
/exit         end, as Ctrl-D does
Ctrl-C stops an answer. A line that ends with \\ goes on in the next."""


@dataclass(slots=True)
class Conversation:
    """Instructions and messages, in OpenAI's shape."""

    system: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)
    ended: bool = False

    def asked(self, text: str) -> list[dict[str, str]]:
        """Add what the user says; return all that the model is to see."""
        self.messages.append({"role": "user", "content": text})
        return self.all()

    def answered(self, text: str) -> None:
        """Add the answer. None at all takes the question back: roles must alternate."""
        if text:
            self.messages.append({"role": "assistant", "content": text})
        else:
            self.messages.pop()

    def all(self) -> list[dict[str, str]]:
        """Everything, the instructions first."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return system + self.messages

    def command(self, line: str) -> str:
        """Do what a line that begins with ``/`` says; return what to tell the user."""
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        match name:
            case "/help":
                return HELP
            case "/exit" | "/quit":
                self.ended = True
                return ""
            case "/clear":
                self.messages.clear()
                return "Forgotten."
            case "/system":
                self.system = rest
                return "Noted." if rest else "No instructions any more."
            case "/save":
                return self._save(rest)
        return f"There is no {name}; /help lists the commands."

    def _save(self, name: str) -> str:
        if not name:
            return "/save needs the name of a file."
        path = Path(name).expanduser()
        try:
            path.write_text(self._written(as_json=path.suffix == ".json"), encoding="utf-8")
        except OSError as error:
            return f"{path} cannot be written: {error.strerror}"
        return f"Saved to {path}."

    def _written(self, *, as_json: bool) -> str:
        if as_json:
            return json.dumps({"messages": self.all()}, ensure_ascii=False, indent=2) + "\n"
        return "\n".join(f"{each['role']}:\n{each['content']}\n" for each in self.all())

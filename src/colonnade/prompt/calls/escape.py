"""A grammar of texts made one of the same texts inside JSON strings.

A custom tool's input travels as a JSON string, so where its grammar takes a line's end, the model
writes a backslash and an ``n``. Literals are escaped as they are; in regular expressions each
character, class and dot is replaced by what stands for it in JSON. Control characters other than
tab, newline and carriage return are left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.lark import quote

if TYPE_CHECKING:
    from collections.abc import Mapping


class Quoting(NamedTuple):
    """How strings are written: a class of the characters that stand for themselves, and what stands
    behind the backslash for others, as a regular expression."""

    safe: str
    escapes: Mapping[str, str]


_CONTROLS = {"\n": "n", "\r": "r", "\t": "t", "\\": "\\\\"}
DOUBLE = Quoting(r'[^"\\\x00-\x1f]', {**_CONTROLS, '"': '"'})
"""JSON's strings."""
SINGLE = Quoting(r"[^'\\\x00-\x1f]", {**_CONTROLS, "'": "'"})
"""Python's in single quotes."""

_TOKENS = re.compile(
    r"""
    (?P<comment>(?://|\#)[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<regex>/(?!/)(?:\\.|[^/\\\n])+/[imslux]*)
  | (?P<import>%import[ \t]+common\.(?P<common>[A-Z_]+)(?:[ \t]*->[ \t]*(?P<alias>\w+))?)
  | (?P<statement>%(?!ignore)\w+)
  | (?P<special><[^<>\s]+>)
  | (?P<negation>~(?![ \t]*[0-9]))
  | (?P<range>\.\.)
  | (?P<name>[A-Za-z_][\w-]*)
    """,
    re.VERBOSE,
)
_COMMON = {
    "DIGIT": "[0-9]",
    "HEXDIGIT": "[0-9a-fA-F]",
    "INT": "[0-9]+",
    "SIGNED_INT": "[+-]?[0-9]+",
    "DECIMAL": r"[0-9]+\.[0-9]*|\.[0-9]+",
    "FLOAT": r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?",
    "SIGNED_FLOAT": r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?",
    "NUMBER": r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?",
    "SIGNED_NUMBER": r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?",
    "LCASE_LETTER": "[a-z]",
    "UCASE_LETTER": "[A-Z]",
    "LETTER": "[a-zA-Z]",
    "WORD": "[a-zA-Z]+",
    "CNAME": "[a-zA-Z_][a-zA-Z0-9_]*",
    "WS_INLINE": r"[ \t]+",
    "WS": r"[ \t\n\r]+",
    "CR": r"\r",
    "LF": r"\n",
    "NEWLINE": r"(?:\r?\n)+",
}
"""Lark's library of terminals."""


def escaped_grammar(grammar: str, param: str) -> str:
    """An expression for the texts of a Lark grammar as they stand inside a JSON string.

    Raises:
        Failure: the grammar has something that has no counterpart there.
    """
    runs = _runs(grammar)

    def token(found: re.Match[str]) -> str:
        if found.lastgroup == "name":
            name = found.group()
            return f"run-{name.lower()}" if name in runs else name
        run = _RUN.fullmatch(found.group()) if found.lastgroup == "regex" else None
        if run is not None and _in_rule(grammar, found.start(), runs):
            return _run(run, param)
        return _token(found, param)

    return f"%lark {{\n{_TOKENS.sub(token, grammar)}\n}}"


def escaped_regex(pattern: str, quoting: Quoting, param: str) -> str:
    """A regular expression of whole texts as one of those texts inside a string.

    Each text is written in one way only, so that expressions that all hold still do.

    Raises:
        Failure: it has something that has no counterpart there.
    """
    return _Escaper(pattern, dotall=False, param=param, quoting=quoting).escaped()


_RUN = re.compile(r"/(?P<open>\()?(?P<of>\.|\[(?:\\.|[^\]\\])+\])(?P<times>[*+])(?(open)\))/")
_DEFINITION = re.compile(r"^[ \t]*[!?]?([A-Za-z_][\w-]*)[^:\n\"/]*:", re.MULTILINE)
_BESIDE = re.compile(r"(?://|#)[^\n]*|^[ \t]*%[^\n]*", re.MULTILINE)


def _runs(grammar: str) -> frozenset[str]:
    """The terminals that are runs of one class of characters, to be made rules.

    A terminal ends only where it cannot go on, and behind a backslash a run always could: next to
    a line's end, which is written with one, it has to be pieces that are terminals themselves.
    """
    found = list(_DEFINITION.finditer(grammar))
    ends = [each.start() for each in found[1:]] + [len(grammar)]
    bodies = {
        each.group(1): _BESIDE.sub("", grammar[each.end() : end]).strip()
        for each, end in zip(found, ends, strict=True)
        if each.group(1).isupper()
    }
    runs = {name for name, body in bodies.items() if _RUN.fullmatch(body)}
    used = {word for body in bodies.values() for word in re.findall(r"[A-Z_][\w-]*", body)}
    return frozenset(runs - used)


def _in_rule(grammar: str, position: int, runs: frozenset[str]) -> bool:
    """Whether what stands at a position belongs to a rule, or to what becomes one."""
    name = ""
    for found in _DEFINITION.finditer(grammar, 0, position):
        name = found.group(1)
    return name in runs or (name != "" and not name.isupper())


def _run(run: re.Match[str], param: str) -> str:
    """A run of characters as a rule's expression."""
    escaped = _Escaper(run["of"], dotall=False, param=param).escaped()
    plain = f"[{run['of']}&&{DOUBLE.safe}]" if run["of"] != "." else DOUBLE.safe
    pieces = [f"/{plain}+/"]
    if escaped.startswith("(?:"):
        pieces.append(f"/{escaped.removeprefix(f'(?:{plain}|').removesuffix(')')}/")
    return f"({' | '.join(pieces)}){run['times']}"


def _token(found: re.Match[str], param: str) -> str:
    text = found.group()
    match found.lastgroup:
        case "comment":
            return ""
        case "string":
            return _literal(text, param)
        case "regex":
            pattern, flags = text[1:].rsplit("/", 1)
            if "x" in flags:
                raise _refused("the flag x of a regular expression", param)
            return f"/{_Escaper(pattern, 's' in flags, param).escaped()}/{flags}"
        case "import" | "common" | "alias":
            return _imported(found, param)
        case "range":
            raise _refused('a range of characters ("a".."z"; write /[a-z]/)', param)
        case "negation":
            raise _refused("the negation of a terminal (~)", param)
        case _:
            raise _refused(text, param)


def _literal(text: str, param: str) -> str:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        raise _refused(f"the literal {text}", param) from None
    return quote(json.dumps(value, ensure_ascii=False)[1:-1])


def _imported(found: re.Match[str], param: str) -> str:
    name = found.group("common")
    if name not in _COMMON:
        raise _refused(f"%import common.{name}", param)
    pattern = _Escaper(_COMMON[name], dotall=False, param=param).escaped()
    return f"{found.group('alias') or name}: /{pattern}/"


def _refused(what: str, param: str) -> Failure:
    msg = f"A custom tool's grammar may not have {what} in this model's call format."
    return Failure(FailureKind.UNSUPPORTED, msg, param=param)


_PIECES = re.compile(
    r"""
    (?P<class>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])
  | (?P<code>\\(?:x\{[0-9a-fA-F]+\}|u\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}))
  | (?P<property>\\[pP](?:\{[^}]*\}|\w))
  | (?P<escape>\\.)
  | (?P<open>\((?:\?(?P<flags>[a-zA-Z-]*)(?P<end>[:)])|\?P?<\w+>|\?)?)
  | (?P<close>\))
  | (?P<dot>\.)
  | (?P<char>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class _Escaper:
    """Goes through a regular expression in the syntax of Rust's ``regex``."""

    def __init__(self, pattern: str, dotall: bool, param: str, quoting: Quoting = DOUBLE) -> None:
        self._pattern = pattern
        self._quoting = quoting
        self._dotall = [dotall]
        self._param = param

    def escaped(self) -> str:
        """The regular expression of the escaped texts."""
        return _PIECES.sub(self._piece, self._pattern)

    def _piece(self, found: re.Match[str]) -> str:
        text = found.group()
        if found["class"]:
            return self._class(text)
        if found["code"]:
            return self._char(chr(int(text[2:].strip("{}"), 16)))
        if found["property"]:
            return f"[{text}&&{self._quoting.safe}]"
        if found["escape"]:
            return self._escape(text)
        if found["open"]:
            return self._open(found)
        if found["close"]:
            if len(self._dotall) > 1:
                self._dotall.pop()
            return text
        if found["dot"]:
            taken = (char for char in self._quoting.escapes if char != "\n" or self._dotall[-1])
            return self._with_escapes(self._quoting.safe, "".join(taken))
        return text if text not in self._quoting.escapes else self._char(text)

    def _open(self, found: re.Match[str]) -> str:
        flags, end = found["flags"] or "", found["end"]
        if found.group() == "(?":
            raise _refused("a look-around", self._param)
        added, _, removed = flags.partition("-")
        dotall = ("s" in added or self._dotall[-1]) and "s" not in removed
        if "x" in added:
            raise _refused("the flag x of a regular expression", self._param)
        if end == ")":
            self._dotall[-1] = dotall
        else:
            self._dotall.append(dotall)
        return found.group()

    def _escape(self, text: str) -> str:
        char = text[1]
        if char in "nrt":
            return f"(?:\\\\{char})"
        if char in "sSdDwW":
            return self._class(f"[{text}]")
        if char.isalnum():
            raise _refused(f"{text} in a regular expression", self._param)
        return self._char(char) if char in self._quoting.escapes else text

    def _char(self, char: str) -> str:
        """The expression for one character inside a string; nothing matches other controls."""
        if char in self._quoting.escapes:
            return f"(?:\\\\{self._quoting.escapes[char]})"
        return f"\\x{{{ord(char):x}}}"

    def _class(self, text: str) -> str:
        """A class without what is escaped, and the escapes of what it has of that."""
        safe = f"[{text}&&{self._quoting.safe}]"
        try:
            pattern = re.compile(text)
        except re.error:
            return safe
        taken = "".join(char for char in self._quoting.escapes if pattern.fullmatch(char))
        return self._with_escapes(safe, taken)

    def _with_escapes(self, safe: str, chars: str) -> str:
        if not chars:
            return safe
        return f"(?:{safe}|\\\\[{''.join(self._quoting.escapes[char] for char in chars)}])"

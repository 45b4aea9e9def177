"""The sandbox that templates run in: Hugging Face's dialect of Jinja, with bounds on the work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import Template, TemplateError, meta, nodes
from jinja2.ext import Extension, LoopControlExtension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2.parser import Parser
    from jinja2.runtime import Context

MAX_STEPS = 10_000_000
"""Loop turns in one rendering: seconds of work, far above any real conversation."""
CALL_STEPS = 10
"""What a call counts beside a loop's turn, being about as much slower."""
MAX_TEXT = 64 * 1024 * 1024
"""Characters in a rendering, and in any text that a template puts together on the way."""
MAX_EXPONENT = 1024

_SEQUENCES = (str, list, tuple)

parsed: ContextVar[Callable[[Any], Any]] = ContextVar("parsed")
"""What becomes of the values that a template reads out of JSON; nothing unless it is set."""

_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


def compile_template(source: str) -> Template:
    """Compile a template.

    Raises:
        Failure: template_refused, when the source is not a template.
    """
    try:
        tree = _environment.parse(source)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = _filtered(loop.iter, "counted")
        for concat in list(tree.find_all(nodes.Concat)):  # "~", no operator to intercept
            whole = nodes.Concat(concat.nodes, lineno=concat.lineno)
            concat.nodes = [_filtered(whole, "bounded")]
        return _environment.from_string(tree)
    except Exception as error:
        msg = f"The chat template cannot be compiled: {type(error).__name__}: {error}"
        raise Failure(FailureKind.TEMPLATE_REFUSED, msg) from error


def variables(source: str) -> frozenset[str]:
    """The names that a template's source may read from its variables; its own are among them
    where it does not set them on every way through."""
    return frozenset(meta.find_undeclared_variables(_environment.parse(source)))


def _filtered(expression: nodes.Node, name: str) -> nodes.Expr:
    return nodes.Filter(expression, name, [], [], None, None, lineno=expression.lineno)


def run(template: Template, variables: Mapping[str, Any], *, max_steps: int = MAX_STEPS) -> str:
    """Render a compiled template.

    Raises:
        Failure: template_refused, with the template's own words where it has raised itself, and
            with the error's where it broke. ``ExhaustedFailure`` where its work had no bounds,
            ``TooDeepFailure`` where it was recursion.
    """
    token = _steps_left.set([max_steps])
    try:
        return _collect(template.generate(variables))
    except RecursionError as error:
        msg = f"The chat template does too much work: {error}"
        raise TooDeepFailure(FailureKind.TEMPLATE_REFUSED, msg, param="messages") from error
    except MemoryError as error:
        msg = "The chat template does too much work: it takes too much memory"
        raise ExhaustedFailure(FailureKind.TEMPLATE_REFUSED, msg, param="messages") from error
    except _ExhaustedError as error:
        msg = f"The chat template does too much work: {error}"
        raise ExhaustedFailure(FailureKind.TEMPLATE_REFUSED, msg, param="messages") from error
    except _RaisedError as error:
        raise Failure(FailureKind.TEMPLATE_REFUSED, str(error), param="messages") from error
    except Exception as error:
        msg = f"The chat template failed on these messages: {type(error).__name__}: {error}"
        raise Failure(FailureKind.TEMPLATE_REFUSED, msg, param="messages") from error
    finally:
        _steps_left.reset(token)


def _collect(pieces: Iterable[str]) -> str:
    texts: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_TEXT:
            raise _ExhaustedError("the text is too long")
        texts.append(piece)
    text = "".join(texts)
    text.encode()  # JSON that a template reads may hold halves of surrogate pairs
    return text


class ExhaustedFailure(Failure):
    """The template ran out of bounds: to try it once more would be the same again."""


class TooDeepFailure(ExhaustedFailure):
    """The template's macros called themselves without end: soon found out, and it may be for what
    they were given."""


class _ExhaustedError(Exception):
    """A bound of the sandbox was reached."""


class _RaisedError(TemplateError):
    """The template called ``raise_exception``."""


def _raise_exception(message: object) -> NoReturn:
    raise _RaisedError(str(message))


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON for a model to read: Jinja's own filter escapes HTML and sorts the keys."""

    def plain(other: object) -> object:
        if isinstance(other, Iterator):  # what Jinja's ``map`` and ``select`` return
            return list(other)
        msg = f"{type(other).__name__} is not JSON"
        raise TypeError(msg)

    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
        default=plain,
    )


def _from_json(text: str | bytes) -> Any:  # noqa: ANN401
    value = json.loads(text)
    change = parsed.get(None)
    return value if change is None else change(value)


def _spend(steps: int) -> None:
    left = _steps_left.get()
    left[0] -= steps
    if left[0] < 0:
        raise _ExhaustedError("too many loop turns and calls")


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        _spend(1)
        yield item


def _bounded(text: Any) -> Any:  # noqa: ANN401 - a filter
    if len(text) > MAX_TEXT:
        raise _ExhaustedError("the text is too long")
    return text


class _GenerationTag(Extension):
    """``{% generation %}`` marks the assistant's text for training; here it is just its body."""

    tags = {"generation"}  # noqa: RUF012 - declared as an instance variable by the base

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Read up to the end tag."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox bounds ``range`` alone; this one counts calls and bounds products too."""

    intercepted_binops = frozenset({"+", "*", "**"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401
        """Allow what Jinja allows, and queues: some models' templates collect results in lists.

        The messages are copies, so a template that changes them harms nobody.
        """
        if isinstance(obj, list) and attr in ("append", "pop"):
            return True
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Call a function for a template."""
        _spend(CALL_STEPS)
        return super().call(context, function, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Add, multiply or raise to a power, unless the result would be huge."""
        if operator == "+":
            total = left + right
            return _bounded(total) if isinstance(total, _SEQUENCES) else total
        if operator == "**" and isinstance(right, int) and abs(right) > MAX_EXPONENT:
            raise _ExhaustedError("an exponent is too large")
        for sequence, times in ((left, right), (right, left)):
            repeats = isinstance(sequence, _SEQUENCES) and isinstance(times, int)
            if repeats and len(sequence) * times > MAX_TEXT:
                raise _ExhaustedError("a repeated text is too long")
        return super().call_binop(context, operator, left, right)


_environment = _Sandbox(
    trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension, _GenerationTag]
)
_environment.filters["tojson"] = _to_json
_environment.filters["from_json"] = _from_json
_environment.filters["counted"] = _counted
_environment.filters["bounded"] = _bounded
_environment.globals["raise_exception"] = _raise_exception

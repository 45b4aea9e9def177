"""From the tools of a request to their use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.api.schema import tools as wire
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls import CallMode, TextInput, Tool, ToolUse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.api.schema.chat import ChatRequest

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_Given = Sequence[Mapping[str, Any]]


class _Definitions(msgspec.Struct):
    """The tools of a body as they were written, of whose shape its other reading made sure."""

    tools: list[dict[str, Any]] | None = None
    functions: list[dict[str, Any]] | None = None


def tool_use(request: ChatRequest, body: bytes | None = None) -> ToolUse | None:
    """The tools of a request and how they may be used, None where there are none.

    With the ``body`` that the request was read from, tools keep their own order of members and
    those that are not OpenAI's.

    Raises:
        Failure: the tools or the choice among them make no sense.
    """
    if request.tools and request.functions:
        msg = "'functions' is the older word for 'tools': only one of them can be given."
        raise _invalid("functions", msg)
    given = _Definitions()
    if body is not None and (request.tools or request.functions):
        given = msgspec.json.decode(body, type=_Definitions)
    if request.functions:
        shown = [{"type": "function", "function": each} for each in given.functions or ()]
        return _functions(request.functions, request, shown)
    _refuse_without_tools(request)
    if not request.tools:
        return None
    tools = tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(request.tools))
    tools = _with_given(tools, given.tools or ())
    _check_names(tools, "tools")
    mode, allowed = _choice(request.tool_choice, tools)
    parallel = request.parallel_tool_calls is not False
    if isinstance(request.tool_choice, wire.NamedFunction | wire.NamedCustom):
        parallel = False  # one call was asked for
    return ToolUse(tools, mode, allowed, parallel)


def _functions(
    functions: Sequence[wire.FunctionDefinition], request: ChatRequest, given: _Given
) -> ToolUse:
    """The oldest form: one call at most."""
    tools = _with_given(tuple(map(_function, functions)), given)
    _check_names(tools, "functions")
    choice = request.function_call
    if isinstance(choice, wire.ToolName):
        _check_known([choice.name], tools, "function_call")
        return ToolUse(tools, CallMode.REQUIRED, frozenset({choice.name}), parallel=False)
    mode = CallMode.NONE if choice == "none" else CallMode.AUTO
    return ToolUse(tools, mode, parallel=False)


def _with_given(tools: tuple[Tool, ...], given: _Given) -> tuple[Tool, ...]:
    if not given:
        return tools
    return tuple(replace(tool, given=each) for tool, each in zip(tools, given, strict=True))


def _refuse_without_tools(request: ChatRequest) -> None:
    for choice, tools in (("tool_choice", "tools"), ("function_call", "functions")):
        wish = getattr(request, choice)
        if wish not in (None, "none", "auto") and not getattr(request, tools):
            raise _invalid(choice, f"{choice!r} asks for a call, but there are no {tools!r}.")


def _tool(tool: wire.Tool, path: str) -> Tool:
    if isinstance(tool, wire.FunctionTool):
        return _function(tool.function)
    custom, text = tool.custom, TextInput()
    if isinstance(custom.format, wire.GrammarFormat):
        grammar = custom.format.grammar
        if not grammar.definition.strip():
            raise _invalid(f"{path}.custom.format.grammar.definition", "The grammar is empty.")
        if grammar.syntax == "regex":
            text = TextInput(regex=grammar.definition)
        else:
            text = TextInput(grammar=grammar.definition)
    return Tool(custom.name, custom.description, custom=text)


def _function(function: wire.FunctionDefinition) -> Tool:
    return Tool(function.name, function.description, function.parameters or {})


def _check_names(tools: Sequence[Tool], field: str) -> None:
    seen: set[str] = set()
    inner = "" if field == "functions" else ".function"
    for number, tool in enumerate(tools):
        kind = ".custom" if tool.custom is not None else inner
        path = f"{field}[{number}]{kind}.name"
        if not _NAME.fullmatch(tool.name):
            msg = f"{tool.name[:80]!r} is no name: 1 to 128 of the letters a-z, digits and '_.-'."
            raise _invalid(path, msg)
        if tool.name in seen:
            raise _invalid(path, f"There are two tools of the name {tool.name!r}.")
        seen.add(tool.name)


def _choice(
    choice: wire.ToolChoice | None, tools: Sequence[Tool]
) -> tuple[CallMode, frozenset[str] | None]:
    match choice:
        case None | "auto":
            return CallMode.AUTO, None
        case "none":
            return CallMode.NONE, None
        case "required" | "any":
            return CallMode.REQUIRED, None
        case wire.AllowedTools(allowed_tools=allowance):
            if not allowance.tools:
                raise _invalid("tool_choice.allowed_tools.tools", "It allows no tool.")
            names = [_named(tool) for tool in allowance.tools]
            _check_known(names, tools, "tool_choice.allowed_tools.tools")
            mode = CallMode.REQUIRED if allowance.mode == "required" else CallMode.AUTO
            return mode, frozenset(names)
        case _:
            _check_known([_named(choice)], tools, "tool_choice")
            return CallMode.REQUIRED, frozenset({_named(choice)})


def _named(choice: wire.NamedFunction | wire.NamedCustom) -> str:
    return choice.function.name if isinstance(choice, wire.NamedFunction) else choice.custom.name


def _check_known(names: Iterable[str], tools: Iterable[Tool], param: str) -> None:
    known = [tool.name for tool in tools]
    for name in names:
        if name not in known:
            shown = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
            raise _invalid(param, f"There is no tool {name[:80]!r}. There are: {shown}.")


def _invalid(param: str, message: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)

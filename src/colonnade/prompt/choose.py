"""Which template a model is served with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.families import family
from colonnade.prompt.packaged import packaged_source, packaged_templates
from colonnade.prompt.template import ChatTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.messages import ModelInfo

DEFAULT = "default"


def choose_template(
    info: ModelInfo, *, override: str | None = None, hint: str = ""
) -> ChatTemplate:
    """Choose the operator's template, or else the model file's own, or else its family's.

    ``override`` is the name of a packaged template, the name of one of the file's, or the path of
    a template file. Without it a model always gets a template: where the file's own cannot be
    compiled or not even render a greeting, ``warning`` of the result says so. ``hint`` is a name
    that helps to find the family.

    Raises:
        Failure: invalid_request, when ``override`` is none of the three; template_refused, when it
            cannot be compiled.
    """
    if override is not None:
        name, source = _named(info, override)
        return _build(info, name, source)
    sources = dict(info.chat_templates)
    own = sources.pop(DEFAULT, None)
    variants: dict[str, ChatTemplate] = {}
    warnings: list[str] = []
    for name, source in sources.items():
        try:
            variants[name] = _build(info, f"model:{name}", source)
        except Failure as failure:
            warnings.append(f"The file's template {name!r} is left out. {failure.message}.")
    if own is not None:
        try:
            chosen = _build(info, "model", own, variants, warnings)
        except Failure as failure:
            warnings.append(f"{failure.message}.")
        else:
            if chosen.broken is None:
                return chosen
            warnings.append(f"{chosen.broken}.")
    name = hint if hint in packaged_templates() else family(info, hint)
    warnings.append(f"The model file has no usable chat template: the packaged {name!r} is used.")
    return _build(info, name, packaged_source(name), variants, warnings)


def _named(info: ModelInfo, name: str) -> tuple[str, str]:
    """Find the name and the source of the template that the operator asked for."""
    if name in packaged_templates():
        return name, packaged_source(name)
    if name in info.chat_templates:
        return ("model" if name == DEFAULT else f"model:{name}"), info.chat_templates[name]
    try:
        return Path(name).name, Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        known = ", ".join([*packaged_templates(), *info.chat_templates])
        msg = f"{name!r} is neither a chat template's name nor a readable file. Names: {known}."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="chat_template") from error


def _build(
    info: ModelInfo,
    name: str,
    source: str,
    variants: Mapping[str, ChatTemplate] | None = None,
    warnings: Sequence[str] = (),
) -> ChatTemplate:
    return ChatTemplate(
        source,
        name=name,
        bos_token=info.bos_token,
        eos_token=info.eos_token,
        variants=variants,
        warning=" ".join(warnings) or None,
    )

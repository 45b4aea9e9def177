"""Which template a model is served with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.environment import ExhaustedFailure
from colonnade.prompt.families import family
from colonnade.prompt.packaged import packaged_source, packaged_templates
from colonnade.prompt.template import ChatTemplate, Facts

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
            cannot be compiled, or a template knows no bounds on a mere greeting.
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
        except ExhaustedFailure:
            raise
        except Failure as failure:
            warnings.append(f"The file's template {name!r} is left out. {failure.message}.")
    if own is not None:
        try:
            chosen = _build(info, "model", own, variants, warnings)
        except ExhaustedFailure:
            raise
        except Failure as failure:
            warnings.append(f"{failure.message}.")
        else:
            if chosen.broken is None:
                return chosen
            warnings.append(f"{chosen.broken.message}.")
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
    template = _made(info, name, source, variants, " ".join(warnings) or None)
    if isinstance(template.broken, ExhaustedFailure):
        raise template.broken  # no mistake to be lenient with
    return template


def _made(
    info: ModelInfo,
    name: str,
    source: str,
    variants: Mapping[str, ChatTemplate] | None = None,
    warning: str | None = None,
    known: Facts | None = None,
) -> ChatTemplate:
    return ChatTemplate(
        source,
        name=name,
        bos_token=info.bos_token,
        eos_token=info.eos_token,
        variants=variants,
        warning=warning,
        known=known,
    )


class Chosen(NamedTuple):
    """A chosen template, and what is known of it, to be had again without looking for that."""

    name: str
    source: str
    warning: str | None
    facts: Facts
    variants: Mapping[str, Chosen]

    @classmethod
    def of(cls, template: ChatTemplate) -> Chosen:
        """The choice behind a template."""
        variants = {name: cls.of(each) for name, each in template.variants.items()}
        return cls(template.name, template.source, template.warning, template.facts, variants)


def chosen_again(info: ModelInfo, chosen: Chosen) -> ChatTemplate:
    """The template of a choice."""
    variants = {name: chosen_again(info, each) for name, each in chosen.variants.items()}
    return _made(info, chosen.name, chosen.source, variants, chosen.warning, chosen.facts)

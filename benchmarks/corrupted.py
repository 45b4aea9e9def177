"""Damaged model files: what ``/load`` says of each, and how the server does meanwhile.

python -m benchmarks.corrupted [--model MODEL.gguf] [--files 500] [--seed 0] [--show]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import httpx

from benchmarks import machine
from benchmarks.processes import running_without_model
from benchmarks.tables import Row, percentile, print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEMO = Path(__file__).parents[1] / "src" / "colonnade" / "demo" / "demo.gguf"

_HUNG = 120.0
_GLANCE = 0.05
_QUICK = 0.25
"""Seconds in which ``/health`` answers, all but one time in a hundred."""
_MOST_MEMORY = 1 << 30

_NUMBERS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of GGUF's types of fixed size."""
_STRING, _ARRAY = 8, 9
_EXTREMES = (0, 1, 3, 255, 1 << 15, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 64) - 1)

_TEMPLATES = (
    "{% for message in messages %}{{ message['content'] }}",
    "{{ messages[0]['content'] | no_such_filter }}",
    "{% if %}{% endif %}",
    "{{ 'x'.center(2500000000) }}",
    "{{ '%2500000000d' | format(1) }}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ messages.__class__.__mro__ }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{" * 5000,
    "\0\0\0",
    "",
)


class Places(NamedTuple):
    """Where a GGUF file has what; each an offset and a size in bytes."""

    counts: list[tuple[int, int]]
    """Numbers that say how much of something comes."""
    values: list[tuple[int, int]]
    """Numbers of the metadata and of the tensors' descriptions, each's type among them."""
    template: tuple[int, int] | None
    """The text of the chat template."""
    data: int
    """Where the tensors begin."""


def places_of(file: bytes) -> Places:
    """Find them in a sound file."""
    counts, values = [(8, 8), (16, 8)], [(4, 4)]
    template = None
    at = 24

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(file[at - size : at], "little")

    def text() -> bytes:
        nonlocal at
        counts.append((at, 8))
        length = number(8)
        at += length
        return file[at - length : at]

    tensors, entries = struct.unpack_from("<QQ", file, 8)
    for _ in range(entries):
        key = text()
        values.append((at, 4))
        kind = number(4)
        if kind == _STRING:
            start = at
            text()
            template = (
                (start + 8, at - start - 8) if key == b"tokenizer.chat_template" else template
            )
        elif kind == _ARRAY:
            values.append((at, 4))
            inner = number(4)
            counts.append((at, 8))
            length = number(8)
            for _ in range(length if inner == _STRING else 0):
                text()
            at += 0 if inner == _STRING else length * _NUMBERS[inner]
        else:
            values.append((at, _NUMBERS[kind]))
            at += _NUMBERS[kind]
    for _ in range(tensors):
        text()
        counts.append((at, 4))
        for _ in range(number(4)):
            values.append((at, 8))
            number(8)
        values += [(at, 4), (at + 4, 8)]
        at += 12
    return Places(counts, values, template, at)


def _overwrite(file: bytearray, place: tuple[int, int], number: int) -> None:
    at, size = place
    file[at : at + size] = (number % (1 << 8 * size)).to_bytes(size, "little")


def _flip_header(file: bytearray, places: Places, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        file[chance.randrange(places.data)] ^= 1 << chance.randrange(8)


def _flip_front(file: bytearray, places: Places, chance: random.Random) -> None:
    """The part before the vocabulary, of which most numbers matter."""
    for _ in range(chance.randint(1, 3)):
        file[chance.randrange(min(1500, places.data))] ^= 1 << chance.randrange(8)


def _flip_data(file: bytearray, places: Places, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 64)):
        file[chance.randrange(places.data, len(file))] ^= 1 << chance.randrange(8)


def _cut(file: bytearray, places: Places, chance: random.Random) -> None:
    end = places.data if chance.random() < 0.5 else len(file)
    del file[chance.randrange(end) :]


def _count(file: bytearray, places: Places, chance: random.Random) -> None:
    first = chance.random() < 0.5
    place = chance.choice(places.counts[:12] if first else places.counts)
    _overwrite(file, place, chance.choice(_EXTREMES))


def _value(file: bytearray, places: Places, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 2)):
        _overwrite(file, chance.choice(places.values), chance.choice(_EXTREMES))


def _noise(file: bytearray, places: Places, chance: random.Random) -> None:
    at = chance.randrange(places.data)
    length = chance.choice((4, 64, 4096))
    file[at : at + length] = bytes(length) if chance.random() < 0.5 else chance.randbytes(length)


def _template(file: bytearray, places: Places, chance: random.Random) -> None:
    """Another chat template; what follows is moved, but for the tensors' data, which is aligned."""
    if places.template is None:
        return
    at, length = places.template
    text = chance.choice(_TEMPLATES).encode()
    if len(text) > length:
        text = text[:length]
    text = text.ljust(length) if text.strip() else bytes(chance.choices(range(256), k=length))
    file[at : at + length] = text


KINDS: dict[str, Callable[[bytearray, Places, random.Random], None]] = {
    "bits of the header": _flip_header,
    "bits of the first 1,500 bytes": _flip_front,
    "bits of the weights": _flip_data,
    "cut off": _cut,
    "counts and lengths": _count,
    "numbers and types": _value,
    "noise or zeros": _noise,
    "chat template": _template,
}


@dataclass
class Account:
    """What came of the files."""

    refused: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    """Files that were loaded, and with which a request was answered, or refused clearly."""
    ended: Counter[str] = field(default_factory=Counter)
    """Those that ended the worker process, which the error says."""
    unclear: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    memory: int = 0
    """The most bytes that a worker had."""


async def load_damaged(
    root: str, pid: int, sound: bytes, folder: Path, files: int, seed: int, *, show: bool = False
) -> Account:
    """Have a server load damaged copies of a model, one after the other."""
    account = Account()
    places = places_of(sound)
    chance = random.Random(seed)
    async with httpx.AsyncClient(base_url=root, timeout=_HUNG) as http:
        watch = asyncio.create_task(_watch(http, pid, account))
        for number in range(files):
            kind = list(KINDS)[number % len(KINDS)]
            damaged = bytearray(sound)
            KINDS[kind](damaged, places, chance)
            path = folder / f"damaged-{number}.gguf"
            path.write_bytes(damaged)
            began = time.monotonic()
            said = await _try(http, path.name, kind, account)
            account.seconds.append(time.monotonic() - began)
            path.unlink()
            if show:
                print(f"{number} {kind}: {account.seconds[-1]:.1f} s, {said}", flush=True)
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    return account


async def _try(http: httpx.AsyncClient, name: str, kind: str, account: Account) -> str:
    body = {"model_path": name, "tokenizer_name": "x", "options": {"n_ctx": 512}}
    try:
        answer = await http.post("/load", json=body)
    except httpx.HTTPError as error:
        account.unclear.append(f"{kind}: {error!r}")
        return repr(error)
    if answer.status_code == 200:
        return await _ask(http, kind, account)
    said = str(answer.json().get("error", ""))
    if answer.status_code != 400 or not said or "\n" in said:
        account.unclear.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
    elif "process" in said:
        account.ended[kind] += 1
    else:
        account.refused[kind] += 1
    return said


async def _ask(http: httpx.AsyncClient, kind: str, account: Account) -> str:
    """Ask the model that was loaded for something."""
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    try:
        answer = await http.post("/v1/chat/completions", json=body)
    except httpx.HTTPError as error:
        account.unclear.append(f"{kind}: {error!r}")
        return repr(error)
    if answer.status_code >= 500 and "worker_died" not in answer.text:
        account.unclear.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
    account.served[kind] += 1
    return f"loaded; {answer.status_code} {answer.text[:160]}"


async def _watch(http: httpx.AsyncClient, pid: int, account: Account) -> None:
    """See how quick ``/health`` is, and how large the workers become."""
    while True:
        began = time.monotonic()
        try:
            (await http.get("/health")).raise_for_status()
        except httpx.HTTPError as error:
            account.unclear.append(f"/health: {error!r}")
        account.health.append(time.monotonic() - began)
        account.memory = max(account.memory, *map(_most_bytes, machine.children(pid)), 0)
        await asyncio.sleep(_GLANCE)


def _most_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    with suppress(OSError, IndexError):
        words = Path(f"/proc/{pid}/status").read_text("ascii").partition("VmHWM:")[2]
        return int(words.split()[0]) << 10
    return 0


def rows_of(account: Account) -> list[Row]:
    """The figures of an account."""
    kinds = "; ".join(f"{kind} {count}" for kind, count in account.served.items())
    ended = "; ".join(f"{kind} {count}" for kind, count in account.ended.items())
    health = percentile(account.health, 99)
    return [
        Row.bounded("files", len(account.seconds), ""),
        Row.bounded("refused with what is wrong", account.refused.total(), ""),
        Row.bounded("refused, as they end the process", account.ended.total(), "", note=ended),
        Row.bounded("loaded, and answered", account.served.total(), "", note=kinds),
        Row.bounded(
            "anything else",
            len(account.unclear),
            "",
            at_most=0,
            note="; ".join(account.unclear[:3]),
        ),
        Row.bounded("longest load", max(account.seconds), "s"),
        Row.bounded("/health meanwhile, 99 %", health, "s", at_most=_QUICK),
        Row.bounded("/health meanwhile, longest", max(account.health), "s"),
        Row.bounded(
            "largest process", account.memory / (1 << 20), "MiB", at_most=_MOST_MEMORY / (1 << 20)
        ),
    ]


def damage(model: Path, files: int, seed: int, *, show: bool = False) -> Account:
    """Start a server without a model, and have it load damaged ones."""
    with TemporaryDirectory() as folder, running_without_model(folder) as server:
        root = f"http://127.0.0.1:{server.port}"
        return asyncio.run(
            load_damaged(root, server.pid, model.read_bytes(), Path(folder), files, seed, show=show)
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a mark is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DEMO)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true")
    chosen = parser.parse_args(arguments)
    account = damage(chosen.model, chosen.files, chosen.seed, show=chosen.show)
    rows = rows_of(account)
    print_rows(rows, sys.stdout)
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Where requests go, simulated: by what each machine has read before, to the one with the least to
do, or anywhere.

    python -m benchmarks.routing --seeds 5

Four machines of four slots, each of which remembers 256 KiB of text, reads 4,000 bytes a second and
writes 40 tokens a second; slower beside others, as ``generation.routing`` takes it, too. Time is
simulated, so the figures are the same on every machine. Three kinds of work: conversations whose
users think in between; new questions behind one of eight long beginnings; and bursts of questions
behind one and the same new beginning, beside conversations.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import sys
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, quantiles
from typing import TYPE_CHECKING, NamedTuple

from colonnade.generation.routing import BLOCK, Chain, Member, Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MACHINES, _SLOTS = 4, 4
_RATE = 4000.0
_TOKEN_SECONDS = 0.025
_CROWDING = 0.5
_MEMORY = (256 << 10) // BLOCK
"""Blocks that a machine remembers."""


@dataclass
class Request:
    """A prompt, and what comes after its answer."""

    prompt: bytes
    tokens: int
    """Of its answer."""
    then: Callable[[bytes, float], None] = lambda _text, _now: None
    """Told the whole text and the time when it is answered."""
    chain: Chain = field(default_factory=Chain)
    arrived: float = 0.0
    machine: str = ""


class Machine:
    """Slots, a line, and blocks of text that it remembers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = 0
        self.line: deque[Request] = deque()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self.read = self.asked = 0
        """Bytes of prompts that it had to read, and of all."""

    def member(self) -> Member:
        """How it stands."""
        turn = 100 * _TOKEN_SECONDS
        return Member(self.name, _SLOTS, self.running, len(self.line), _RATE, turn)

    def times(self, request: Request) -> tuple[float, float]:
        """Seconds of reading and of writing, from now on."""
        digests = request.chain.digests
        known = sum(1 for _ in itertools.takewhile(self._known.__contains__, digests)) * BLOCK
        unread = len(request.prompt) - known
        self.read += unread
        self.asked += len(request.prompt)
        slower = 1 + _CROWDING * (self.running - 1) / _SLOTS
        return unread / _RATE * slower, request.tokens * _TOKEN_SECONDS * slower

    def remember(self, chain: Chain) -> None:
        """Note what was read, and forget what was not used for longest."""
        for digest in reversed(chain.digests):
            self._known[digest] = None
            self._known.move_to_end(digest)
        while len(self._known) > _MEMORY:
            self._known.popitem(last=False)


class World:
    """Machines, and what happens to them in time."""

    def __init__(self, choose: Choose) -> None:
        self.machines = {name: Machine(name) for name in map(str, range(_MACHINES))}
        self.waits: list[float] = []
        """From each request's arrival to its answer's beginning, in seconds."""
        self._choose = choose
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()

    def at(self, time: float, what: Callable[[float], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (time, next(self._numbers), what))

    def run(self) -> None:
        """Go on until nothing happens any more."""
        while self._events:
            time, _, what = heapq.heappop(self._events)
            what(time)

    def ask(self, request: Request, now: float) -> None:
        """A request arrives."""
        request.chain.add(request.prompt)
        request.arrived = now
        request.machine = self._choose(self, request, now)
        machine = self.machines[request.machine]
        machine.line.append(request)
        self._begin(machine, now)

    def _begin(self, machine: Machine, now: float) -> None:
        while machine.line and machine.running < _SLOTS:
            request = machine.line.popleft()
            machine.running += 1
            reading, writing = machine.times(request)
            self.waits.append(now + reading - request.arrived)
            machine.remember(request.chain)
            self.at(now + reading + writing, partial(self._end, request))

    def _end(self, request: Request, now: float) -> None:
        machine = self.machines[request.machine]
        answer = random.Random(request.prompt).randbytes(4 * request.tokens)
        request.chain.add(answer)
        machine.remember(request.chain)
        machine.running -= 1
        request.then(request.prompt + answer, now)
        self._begin(machine, now)


if TYPE_CHECKING:
    Choose = Callable[[World, Request, float], str]


def anywhere(seed: int) -> Choose:
    """Any machine."""
    dice = random.Random(seed)
    return lambda world, _request, _now: dice.choice(list(world.machines))


def least_to_do(_seed: int) -> Choose:
    """The machine with the fewest requests."""

    def choose(world: World, _request: Request, _now: float) -> str:
        return min(world.machines.values(), key=lambda each: each.running + len(each.line)).name

    return choose


def by_beginning(_seed: int) -> Choose:
    """As ``generation.routing`` has it."""
    routes = Routes()

    def choose(world: World, request: Request, now: float) -> str:
        members = [each.member() for each in world.machines.values()]
        best = routes.rank(request.chain, members, now)[0].id
        routes.note(request.chain, best)
        then = request.then

        def note(text: bytes, at: float) -> None:
            routes.note(request.chain, best)
            then(text, at)

        request.then = note
        return best

    return choose


def conversations(world: World, dice: random.Random, count: int = 40) -> None:
    """So many users, eight turns each."""
    for _ in range(count):
        _converse(world, dice, dice.randbytes(400), dice.uniform(0, 60), turns=8)


def _converse(world: World, dice: random.Random, prompt: bytes, at: float, turns: int) -> None:
    def then(text: bytes, now: float) -> None:
        if turns > 1:
            thinking = dice.uniform(3, 20)
            _converse(world, dice, text + dice.randbytes(400), now + thinking, turns - 1)

    request = Request(prompt, dice.randint(50, 200), then)
    world.at(at, partial(world.ask, request))


def beginnings(world: World, dice: random.Random) -> None:
    """Questions behind one of eight beginnings."""
    shared = [dice.randbytes(8000) for _ in range(8)]
    for at in _arrivals(dice, 400, 2.2):
        request = Request(dice.choice(shared) + dice.randbytes(300), dice.randint(50, 150))
        world.at(at, partial(world.ask, request))


def bursts(world: World, dice: random.Random) -> None:
    """Every 30 seconds twelve questions at once behind a new beginning, beside conversations."""
    conversations(world, dice, 16)
    for number in range(8):
        shared = dice.randbytes(8000)
        for _ in range(12):
            request = Request(shared + dice.randbytes(200), dice.randint(20, 60))
            world.at(30.0 * number, partial(world.ask, request))


def _arrivals(dice: random.Random, count: int, rate: float) -> Iterator[float]:
    at = 0.0
    for _ in range(count):
        at += dice.expovariate(rate)
        yield at


class Outcome(NamedTuple):
    """What clients waited for, in seconds, and which part of their prompts had to be read."""

    mean: float
    p95: float
    read: float


def simulate(
    work: Callable[[World, random.Random], None], way: Callable[[int], Choose], seeds: Sequence[int]
) -> Outcome:
    """Do a kind of work in a way, once for each seed."""
    waits: list[float] = []
    read = asked = 0
    for seed in seeds:
        world = World(way(seed))
        work(world, random.Random(seed))
        world.run()
        waits += world.waits
        read += sum(each.read for each in world.machines.values())
        asked += sum(each.asked for each in world.machines.values())
    return Outcome(mean(waits), quantiles(waits, n=20)[-1], read / asked)


WORK = {"conversations": conversations, "shared beginnings": beginnings, "bursts": bursts}
WAYS = {"by beginning": by_beginning, "least to do": least_to_do, "anywhere": anywhere}


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    print("| work | way | first token, mean | 95% below | read of prompts |\n|---|---|---|---|---|")
    for (work, doing), (way, going) in itertools.product(WORK.items(), WAYS.items()):
        found = simulate(doing, going, range(options.seeds))
        row = f"| {work} | {way} | {found.mean:.2f} s | {found.p95:.2f} s | {found.read:.0%} |"
        sys.stdout.write(row + "\n")


if __name__ == "__main__":
    main()

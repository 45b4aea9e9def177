"""Whether threads spin, decided by what steps take: on a machine that is told what they take."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle, islice

import pytest

from colonnade.messages import ThreadWait
from colonnade.worker.spinning import Spinning


@dataclass
class Machine:
    """Seconds of a step either way, and how often threads are switched involuntarily a second."""

    spinning: float
    asleep: float
    switches: float = 20.0
    spins: bool = True
    now: float = 0.0
    switched: float = 0.0
    dearer: float = 1.0
    told: list[ThreadWait] = field(default_factory=list)
    toggles: int = 0
    slept: int = 0
    """Steps that were taken asleep."""

    def __post_init__(self) -> None:
        self.policy = Spinning(
            self, self.told.append, lambda: int(self.switched), dearer=self.dearer
        )

    def spin(self) -> None:
        self.toggles += not self.spins
        self.spins = True

    def sleep(self) -> None:
        self.toggles += self.spins
        self.spins = False

    def run_pattern(self, pattern: list[int], steps: int) -> None:
        for rows in islice(cycle(pattern), steps):
            self.run(1, rows)

    def run(self, steps: int, rows: int = 1) -> bool:
        """Returns whether the last step has changed the way of waiting."""
        changed = False
        for _ in range(steps):
            took = rows * (self.spinning if self.spins else self.asleep)
            self.slept += not self.spins
            self.now += took
            self.switched += took * self.switches
            changed = self.policy.observe(rows, took, self.now)
        return changed


def test_an_idle_machine_spins_after_one_trial() -> None:
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run(5000)
    assert machine.spins
    assert machine.slept == 3
    assert machine.told == [ThreadWait(True, pytest.approx(6.0), pytest.approx(20.0))]


def test_where_sleep_is_cheaper_threads_sleep_from_the_first_trial_on() -> None:
    machine = Machine(spinning=0.020, asleep=0.010)
    machine.run(20)
    assert not machine.spins
    assert machine.told == [ThreadWait(False, pytest.approx(20.0), pytest.approx(10.0))]


def test_a_neighbour_who_comes_and_goes_is_noticed() -> None:
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run(200)
    machine.spinning, machine.asleep, machine.switches = 0.050, 0.011, 5000.0
    machine.run(5)
    assert not machine.spins
    machine.spinning, machine.asleep, machine.switches = 0.006, 0.020, 20.0
    machine.run(20)
    assert machine.spins
    assert [wait.spins for wait in machine.told] == [True, False, True]


def test_a_neighbour_is_noticed_soon_also_after_trials_that_changed_nothing() -> None:
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run(20)
    for _ in range(5):  # hiccups
        machine.spinning = 0.020
        machine.run(2)
        machine.spinning = 0.006
        machine.run(30)
    machine.spinning, machine.asleep, machine.switches = 0.050, 0.011, 5000.0
    machine.run(12)
    assert not machine.policy.spins


def test_steps_that_take_longer_than_usual_are_a_reason_to_try() -> None:
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run(200)
    machine.spinning = 0.030  # by a hypervisor's other guest, of which no switch tells
    machine.run(100)
    assert not machine.policy.spins


def test_trials_that_change_nothing_become_rare() -> None:
    crowded = Machine(spinning=0.010, asleep=0.010, switches=5000.0)
    crowded.run(10_000)  # 100 seconds
    assert crowded.spins
    assert crowded.slept <= 3 * (100 / 4 + 5)
    asleep = Machine(spinning=0.020, asleep=0.010)
    asleep.run(10_000)
    assert 10_000 - asleep.slept <= 3 + 3 * (100 / 4 + 5)


@pytest.mark.parametrize("pattern", [[1, 1, 1, 1, 2, 2, 2, 2], [1] * 5 + [4], [2, 7], [3, 1, 1]])
def test_steps_of_changing_rows_come_to_a_result_too(pattern) -> None:
    """Requests come and go, and guesses have any width: six steps alike in a row are rare then."""
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run_pattern(pattern, 200)
    assert machine.spins
    machine.spinning, machine.asleep, machine.switches = 0.050, 0.011, 5000.0
    machine.run_pattern(pattern, 40)
    assert not machine.spins
    toggled = machine.toggles
    machine.spinning, machine.asleep, machine.switches = 0.006, 0.020, 20.0
    machine.run_pattern(pattern, 200)
    assert machine.spins
    assert machine.toggles - toggled <= 4


def test_a_trial_among_steps_of_which_nothing_is_known_ends() -> None:
    machine = Machine(spinning=0.00006, asleep=0.00020)
    machine.run(4)
    assert not machine.spins, "it tries"
    for rows in range(10, 30):
        machine.run(1, rows)
    assert machine.spins
    assert machine.told == []


def test_switches_in_other_steps_are_no_sign_of_a_crowd() -> None:
    """Prompts take long, and the first step of a new number of rows has nothing to be held to."""
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run(20)
    for rows in range(2, 40):
        machine.switched += 10_000
        assert machine.policy.observe(0, 1.0, machine.now) is False
        machine.run(1, rows)
    assert machine.slept == 3


def test_deeper_contexts_are_no_crowd_for_long() -> None:
    machine = Machine(spinning=0.006, asleep=0.020)
    machine.run(500)
    machine.spinning, machine.asleep = 0.012, 0.026
    machine.run(2000)
    assert machine.spins
    assert machine.slept <= 2 * 3


def test_a_change_is_said_once_to_who_learns_from_steps() -> None:
    machine = Machine(spinning=0.020, asleep=0.010)
    changes = [machine.run(1) for _ in range(20)]
    assert changes.count(True) == 1
    assert changes.index(True) == changes.index(next(filter(None, changes)))
    assert not machine.policy.trying


def test_a_gain_of_less_than_a_twentieth_is_none() -> None:
    machine = Machine(spinning=0.0100, asleep=0.0097)
    machine.run(100)
    assert machine.spins


@pytest.mark.parametrize(("dearer", "spins"), [(1.0, True), (1.5, True), (4.0, False)])
def test_under_a_quota_the_time_that_spinning_uses_up_counts(dearer, spins) -> None:
    machine = Machine(spinning=0.006, asleep=0.020, dearer=dearer)
    machine.run(5000)
    assert machine.spins is spins
    assert machine.slept == 3 if spins else machine.slept > 4900

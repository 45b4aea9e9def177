"""Scheduling on a model that checks every batch (fake_model)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.messages import (
    AdapterSet,
    Cancel,
    Decoding,
    Failure,
    FailureKind,
    Finish,
    FinishReason,
    FromWorker,
    PromptLogprobs,
    Refused,
    Step,
    Tier,
    Urgency,
)
from colonnade.worker.drafting import DraftModel
from colonnade.worker.loop import Loop
from colonnade.worker.ports import DecodeError
from colonnade.worker.scheduler import Limits, Scheduler
from colonnade.worker.sequence import Request
from colonnade.worker.speculation import DraftGuesser, Guesser, LookupGuesser, StepCosts
from tests.worker.fake_model import END, VOCAB, FakeModel, unguided

USUAL = Urgency()


@dataclass
class Bench:
    """A loop on a fake model, and what it sent."""

    model: FakeModel
    sent: list[FromWorker] = field(default_factory=list)
    cache_size: int = 0
    guesser: Guesser | None = None

    def __post_init__(self) -> None:
        self.loop = Loop(
            self.model,
            self.sent.append,
            cache_size=self.cache_size,
            guesser=self.guesser,
        )

    def submit(
        self,
        number: int,
        prompt: list[int],
        client: str = "",
        urgency: Urgency = USUAL,
        adapters: AdapterSet = (),
        **wishes: object,
    ) -> None:
        decoding = Decoding(**wishes)  # type: ignore[arg-type]
        samplers = self.model.samplers(decoding)
        now = time.perf_counter()
        request = Request(number, prompt, decoding, samplers, unguided, now, client, urgency)
        request.adapters = adapters
        self.loop.commands.put(request)

    def take(self) -> None:
        """Let the loop take the commands put so far."""
        while not self.loop.commands.empty():
            self.loop.obey(self.loop.commands.get())

    def run(self) -> None:
        """Until nothing is left to do."""
        self.take()
        while not self.loop.idle:
            self.step()

    def step(self) -> None:
        """One step, after which the model remembers what it was to read, and nothing else."""
        self.loop.step()
        for sequence in self.loop._scheduler.running:
            read = sequence.tokens[: sequence.position]
            assert self.model.memory[sequence.slot] == read
        for slot in self.loop._scheduler._slots._slots:
            assert slot.sequence is not None or self.model.memory[slot.index] == slot.resident

    @property
    def texts(self) -> dict[tuple[int, int], str]:
        texts: dict[tuple[int, int], str] = {}
        for step in self.steps:
            for output in step.outputs:
                key = output.id, output.choice
                texts[key] = texts.get(key, "") + output.text
        return texts

    @property
    def finishes(self) -> dict[tuple[int, int], Finish]:
        return {
            (output.id, output.choice): output.finish
            for step in self.steps
            for output in step.outputs
            if output.finish is not None
        }

    @property
    def steps(self) -> list[Step]:
        return [message for message in self.sent if isinstance(message, Step)]


def _counting(prompt: list[int], most: int) -> str:
    """What the fake model says after a prompt, up to ``most`` tokens."""
    tokens = [(prompt[-1] + 1 + i) % VOCAB for i in range(most)]
    if END in tokens:
        tokens = tokens[: tokens.index(END)]
    return "".join(chr(token + 48) for token in tokens)


requests = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), min_size=1, max_size=30),  # few tokens: prefixes recur
        st.integers(1, 9),
        st.integers(1, 4),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(
    requests,
    st.integers(1, 4),
    st.integers(2, 9),
    st.integers(2, 5),
    st.booleans(),
    st.sampled_from([0, 40, 100, 100000]),
    st.sampled_from(["", "lookup", "draft", "bad draft"]),
)
def test_every_schedule_gives_every_choice_its_own_text(
    wanted: list[tuple[list[int], int, int, bool]],
    slots: int,
    batch: int,
    outputs: int,
    cuttable: bool,
    cache_size: int,
    guesses: str,
) -> None:
    with patch("colonnade.worker.slots._MANY", 4), patch.object(StepCosts, "of", return_value=1.0):
        bench = Bench(
            FakeModel(
                slots=slots,
                batch_size=batch * slots,
                max_outputs=min(batch, outputs) * slots,
                cuttable=cuttable,
            ),
            cache_size=cache_size,
            guesser=_guesser(guesses, slots, batch * slots),
        )
        for number, (prompt, most, n, echo) in enumerate(wanted):
            bench.submit(number, prompt, max_tokens=most, n=n, prompt_logprobs=0 if echo else None)
        bench.run()
    for number, (prompt, most, n, _) in enumerate(wanted):
        for choice in range(n):
            assert bench.texts[number, choice] == _counting(prompt, most)
            finish = bench.finishes[number, choice]
            assert finish.prompt_tokens == len(prompt)
            assert finish.completion_tokens == most
            assert finish.cached_tokens < len(prompt)
    assert all(sampler.closed for sampler in bench.model.made_samplers)
    prompts = {m.id: m.tokens for m in bench.sent if isinstance(m, PromptLogprobs)}
    expected = {i: [*prompt] for i, (prompt, _, _, echo) in enumerate(wanted) if echo}
    assert {i: [entry.id for entry in found] for i, found in prompts.items()} == expected


def _guesser(kind: str, slots: int, batch_size: int) -> Guesser | None:
    if not kind:
        return None
    if kind == "lookup":
        return LookupGuesser()
    shape = {"slots": slots, "batch_size": batch_size, "max_outputs": slots}
    draft = FakeModel(**shape, by=1 if kind == "draft" else 2)
    return DraftGuesser(DraftModel(draft, VOCAB))


def test_a_long_prompt_does_not_stop_those_that_decode() -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=200, batch_size=24))
    bench.submit(1, [1], max_tokens=20)
    bench.submit(2, [2] * 100, max_tokens=1)
    bench.run()
    prefill = [batch for batch in bench.model.batches if any(len(c.tokens) > 1 for c in batch)]
    assert len(prefill) > 3
    assert all(len(batch) == 2 for batch in prefill), "the other one decodes in each of them"


def _seven_beside_one(length: int) -> list[int]:
    """What is read of one that decodes and of seven prompts, by a step that may read ten tokens."""
    model = FakeModel(slots=8, ctx_size=200, batch_size=400)
    sharing = Scheduler(Limits(8, 200, 400, 6), model)
    sharing.add(_request(model, 0, [1], None))
    assert sharing.plan(prefill_budget=10) is not None
    for number in range(1, 8):
        sharing.add(_request(model, number, [number] * length, None))
    plan = sharing.plan(prefill_budget=10)
    assert plan is not None
    return [len(chunk.tokens) for chunk in plan.chunks]


def test_many_short_prompts_do_not_take_turns_beside_one_that_decodes() -> None:
    assert _seven_beside_one(length=10) == [1, *[9] * 7], "63 are less than 7 x 10"


def test_a_long_prompt_among_many_is_still_read_in_pieces() -> None:
    assert _seven_beside_one(length=90) == [1, 10]


def test_the_last_token_of_a_prompt_is_read_by_itself_whether_the_rest_is_there_or_not() -> None:
    """Rows are rounded otherwise among many than alone, and what came back would tell."""
    bench = Bench(FakeModel(slots=2, batch_size=40))
    for number, beginning in enumerate((range(30), range(30), range(20))):
        bench.submit(number, [*beginning, 40, 41], max_tokens=1)
        bench.run()
    assert [bench.finishes[number, 0].cached_tokens for number in range(3)] == [0, 31, 20]
    assert [len(chunk.tokens) for batch in bench.model.batches for chunk in batch] == [
        *(31, 1),
        1,
        *(1, 1),
    ]


def test_choices_share_one_prefill() -> None:
    bench = Bench(FakeModel(slots=2))
    bench.submit(1, list(range(10)), max_tokens=2, n=3)
    bench.run()
    tokens = sum(len(chunk.tokens) for batch in bench.model.batches for chunk in batch)
    assert tokens == 9 + 3 * 2  # the shared part once; the last prompt token and one more each
    assert [bench.finishes[1, choice].cached_tokens for choice in range(3)] == [0, 9, 9]


def test_requests_start_first_in_first_out() -> None:
    bench = Bench(FakeModel(slots=1))
    for number in range(5):
        bench.submit(number, [number], max_tokens=2)
    bench.run()
    assert [request for step in bench.steps for request in step.started] == [0, 1, 2, 3, 4]


def test_a_more_urgent_prompt_is_read_first_though_it_is_longer() -> None:
    """Now and then it is the turn of whoever waits for longest."""
    bench = Bench(FakeModel(slots=2, batch_size=8, ctx_size=200))
    bench.submit(1, list(range(1, 30)), urgency=Urgency(Tier.FLEX))
    bench.submit(2, list(range(30, 90)), urgency=Urgency(Tier.PRIORITY))
    bench.take()
    read = {1: 0, 2: 0}
    while len(read) == 2 and read[2] < 50:
        bench.step()
        for sequence in bench.loop._scheduler.running:
            read[sequence.request.id] = sequence.position
    assert 0 < read[1] < 29


def test_a_burst_of_one_client_does_not_hold_up_another() -> None:
    bench = Bench(FakeModel(slots=2))
    for number in range(1, 9):
        bench.submit(number, [number], "busy", max_tokens=3)
    bench.submit(9, [9], "single", max_tokens=3)
    bench.submit(10, [10], "single", max_tokens=3)
    bench.run()
    started = [request for step in bench.steps for request in step.started]
    assert started.index(9) <= 2
    assert started.index(10) < 6
    assert [each for each in started if each < 9] == list(range(1, 9)), "each client's in order"


def test_a_conversation_finds_its_past_in_its_slot() -> None:
    bench = Bench(FakeModel(slots=2))
    bench.submit(1, [5, 6, 7], max_tokens=3)
    bench.submit(2, [20, 21, 22], max_tokens=3)
    bench.run()
    bench.submit(3, [20, 21, 22, 23, 24, 1], max_tokens=1)
    bench.run()
    assert bench.finishes[3, 0].cached_tokens == 5


def test_conversations_that_take_turns_each_keep_their_slot() -> None:
    bench = Bench(FakeModel(slots=3))
    system = [1, 2, 3, 4, 5]
    cached = []
    for turn in range(1, 4):
        for speaker in (10, 20, 30):
            prompt = [*system, *range(speaker, speaker + 6 * turn)]
            bench.submit(speaker + turn, prompt, max_tokens=1)
            bench.run()
            cached.append(bench.finishes[speaker + turn, 0].cached_tokens)
    assert cached == [0, 5, 5, 11, 11, 11, 17, 17, 17]


def test_a_stranger_takes_the_slot_unused_for_longest() -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=100))
    prompts = {1: [1, *range(10, 40)], 2: [1, *range(40, 60)], 3: [1, 2, 3]}
    for number, prompt in prompts.items():
        bench.submit(number, prompt, max_tokens=1)
        bench.run()
    bench.submit(4, [*prompts[2], 5], max_tokens=1)
    bench.run()
    assert bench.finishes[4, 0].cached_tokens == 21


def test_a_branch_of_a_conversation_leaves_it_where_it_is() -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=100))
    beginning, rest = list(range(5)), list(range(10, 50))
    bench.submit(1, [*beginning, *rest], max_tokens=1)
    bench.run()
    bench.submit(2, [*beginning, 60], max_tokens=1)
    bench.run()
    bench.submit(3, [*beginning, *rest, 1], max_tokens=1)
    bench.run()
    assert bench.finishes[2, 0].cached_tokens == 5
    assert bench.finishes[3, 0].cached_tokens == 45


def _talk(bench: Bench, number: int, prompt: list[int], most: int = 2) -> int:
    """Answer one prompt; how many of its tokens were there already."""
    bench.submit(number, prompt, max_tokens=most)
    bench.run()
    return bench.finishes[number, 0].cached_tokens


@pytest.mark.parametrize("cuttable", [True, False])
@patch("colonnade.worker.slots._MANY", 4)
def test_a_conversation_finds_its_past_after_any_number_of_others(cuttable: bool) -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=100, cuttable=cuttable), cache_size=100_000)
    first = [[number] * 8 for number in range(1, 8)]
    for number, prompt in enumerate(first):
        assert _talk(bench, number, prompt) == 0
    for number, prompt in enumerate(first):
        read = [*prompt, prompt[-1] + 1]
        assert _talk(bench, 10 + number, [*read, 40, 41]) == len(read)


@patch("colonnade.worker.slots._MANY", 4)
def test_without_memory_for_it_the_past_is_lost() -> None:
    bench = Bench(FakeModel(slots=1, ctx_size=100), cache_size=0)
    assert [_talk(bench, n, [n % 2] * 8) for n in range(4)] == [0, 0, 0, 0]
    bench = Bench(FakeModel(slots=1, ctx_size=100), cache_size=20)
    assert [_talk(bench, n, [n % 2] * 8) for n in range(4)] == [0, 0, 7, 7]


@pytest.mark.parametrize("cuttable", [True, False])
@patch("colonnade.worker.slots._MANY", 4)
def test_a_shared_beginning_is_read_once(cuttable: bool) -> None:
    model = FakeModel(slots=4, ctx_size=100, batch_size=8, cuttable=cuttable)
    bench = Bench(model, cache_size=100_000)
    shared = [5] * 30
    for number in range(10):
        bench.submit(number, [*shared, number, 7], max_tokens=3)
    bench.run()
    read = sum(len(chunk.tokens) for batch in model.batches for chunk in batch)
    assert read == 30 + 10 * (2 + 2), "the shared part once, and of each its own and two drawn"
    assert sorted(finish.cached_tokens for finish in bench.finishes.values()) == [0] + [30] * 9


@patch("colonnade.worker.slots._MANY", 4)
def test_who_waits_for_anothers_reading_holds_up_nobody() -> None:
    model = FakeModel(slots=2, ctx_size=100, batch_size=4)
    bench = Bench(model, cache_size=100_000)
    bench.submit(1, [5] * 40, max_tokens=1)
    bench.submit(2, [*[5] * 40, 6], max_tokens=1)
    bench.submit(3, [9, 9], max_tokens=1)
    bench.run()
    order = [key[0] for key in bench.finishes]
    assert order.index(3) < order.index(2)
    assert bench.finishes[2, 0].cached_tokens == 40


@patch("colonnade.worker.slots._MANY", 4)
def test_a_reader_that_is_cancelled_lets_the_next_one_read() -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=100, batch_size=4), cache_size=100_000)
    bench.submit(1, [5] * 40, max_tokens=1)
    bench.submit(2, [*[5] * 40, 6], max_tokens=1)
    bench.take()
    bench.step()
    bench.loop.obey(Cancel(1))
    bench.run()
    assert bench.texts[2, 0] == _counting([6], 1)


def test_generation_ends_with_the_context() -> None:
    bench = Bench(FakeModel(slots=1, ctx_size=8))
    bench.submit(1, [0, 1, 2])
    bench.run()
    assert bench.finishes[1, 0].reason is FinishReason.LENGTH
    assert bench.finishes[1, 0].completion_tokens == 5


def test_nothing_is_generated_for_max_tokens_zero() -> None:
    bench = Bench(FakeModel())
    bench.submit(1, [0, 1, 2], max_tokens=0)
    bench.run()
    assert bench.texts[1, 0] == ""
    assert bench.finishes[1, 0].reason is FinishReason.LENGTH


def test_an_end_token_ends_unless_told_otherwise() -> None:
    bench = Bench(FakeModel())
    bench.submit(1, [END - 3], max_tokens=9)
    bench.submit(2, [END - 3], max_tokens=4, ignore_eos=True)
    bench.run()
    assert bench.finishes[1, 0].reason is FinishReason.STOP
    assert bench.finishes[1, 0].completion_tokens == 3
    assert bench.finishes[2, 0].reason is FinishReason.LENGTH
    assert bench.texts[2, 0] == _counting([END - 3], 2) + "0"


def test_a_stop_string_ends_and_its_tokens_have_no_logprobs() -> None:
    bench = Bench(FakeModel())
    bench.submit(1, [0], max_tokens=20, stop=("56",), logprobs=1)
    bench.run()
    assert bench.texts[1, 0] == "1234"
    assert bench.finishes[1, 0].stop_string == "56"
    entries = [entry for step in bench.steps for o in step.outputs for entry in o.logprobs]
    assert [entry.token for entry in entries] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("after", [0, 1, 3, 8])
def test_cancelling_frees_the_slot_at_once_wherever_the_request_stands(after: int) -> None:
    bench = Bench(FakeModel(slots=1, ctx_size=200, batch_size=8))
    bench.submit(1, [1] * 30, n=3)
    bench.submit(2, [2] * 3, max_tokens=2)
    bench.take()
    for _ in range(after):
        bench.loop.step()
    bench.loop.obey(Cancel(1))
    before = len(bench.model.batches)
    bench.loop.step()
    assert bench.model.batches[before][0].tokens[:1] == [2], "the very next step serves another"
    bench.run()
    assert bench.texts[2, 0] == "34"
    assert all(sampler.closed for sampler in bench.model.made_samplers)


def test_a_batch_that_fails_fails_its_requests_and_no_others() -> None:
    bench = Bench(FakeModel(slots=1))
    decode = bench.model.decode
    calls = []

    def failing(chunks: list) -> object:
        calls.append(chunks)
        if len(calls) == 2:
            msg = "no room"
            raise DecodeError(msg)
        return decode(chunks)

    bench.model.decode = failing  # type: ignore[method-assign,assignment]
    bench.submit(1, [1, 2], max_tokens=5)
    bench.submit(2, [3, 4], max_tokens=2)
    bench.run()
    assert [m for m in bench.sent if isinstance(m, Refused)] == [
        Refused(1, FailureKind.INTERNAL, "no room")
    ]
    assert bench.texts[2, 0] == "56"


def test_a_failed_batch_leaves_those_alone_that_were_not_in_it() -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=100, batch_size=8, max_outputs=8))
    decode = bench.model.decode
    bench.submit(1, [1] * 30, max_tokens=3)
    bench.submit(2, [2] * 30, max_tokens=3)
    bench.take()
    bench.loop.step()  # a whole batch of the first one: the second holds a slot and waits
    assert [chunk.slot for chunk in bench.model.batches[0]] == [0]

    def failing(_: list) -> object:
        msg = "no room"
        raise DecodeError(msg)

    bench.model.decode = failing  # type: ignore[method-assign,assignment]
    bench.loop.step()
    bench.model.decode = decode  # type: ignore[method-assign]
    bench.run()
    assert [m.id for m in bench.sent if isinstance(m, Refused)] == [1]
    assert bench.texts[2, 0] == "345"


def test_a_step_says_everything_in_one_message() -> None:
    bench = Bench(FakeModel(slots=4, max_outputs=8))
    for number in range(4):
        bench.submit(number, [number * 10], max_tokens=5)
    bench.run()
    begun, said = bench.sent[:4], bench.sent[4:]
    assert [step.started for step in begun] == [(0,), (1,), (2,), (3,)], "before it is worked on"
    assert len(said) == len(bench.model.batches) == 5
    assert all(len(step.outputs) == 4 for step in said)


class Forcing:
    """Settles many tokens before the first is drawn, as a grammar does."""

    forced = 0
    done = False
    owes = False
    pace = None

    def __init__(self, tokens: list[int]) -> None:
        self._tokens = tokens

    def begin(self) -> list[int]:
        return self._tokens

    def mask(self) -> None:
        return None

    def take(self, token: int) -> list[int]:
        taken, self._tokens = [token, *self._tokens], []
        return taken


def test_forced_tokens_are_read_together() -> None:
    """In one batch with the prompt's last token, and in one with a token that is drawn."""
    bench = Bench(FakeModel(slots=1))
    bench.loop.obey(_request(bench.model, 1, [3, 4], [10, 11, 12], most=9))
    bench.run()
    assert [len(chunk.tokens) for batch in bench.model.batches for chunk in batch] == [1, 4, 4, 1]
    assert bench.finishes[1, 0].completion_tokens == 9


def test_forced_tokens_do_not_hold_up_free_text() -> None:
    """They come in small pieces while another sequence decodes."""
    model = FakeModel(slots=2)
    scheduler = Scheduler(
        Limits(model.slots, model.ctx_size, model.batch_size, model.max_outputs), model
    )
    free, forced = _request(model, 1, [5], None), _request(model, 2, [3], list(range(10, 20)))
    scheduler.add(free)
    scheduler.add(forced)
    sizes = []
    while any(sequence.unread for sequence in scheduler.running) or not sizes:
        plan = scheduler.plan(prefill_budget=2)
        assert plan is not None
        model.decode(plan.chunks)
        scheduler.applied(plan)
        sizes.append([len(chunk.tokens) for chunk in plan.chunks])
        for sequence in plan.sequences:
            if sequence.guide is None and len(sequence.tokens) < 9:
                sequence.tokens.append(1)
    assert sizes[0] == [1, 2]
    assert sizes[1:4] == [[1, 3]] * 3


def _request(
    model: FakeModel, number: int, prompt: list[int], forced: list[int] | None, most: int = 20
) -> Request:
    decoding = Decoding(max_tokens=most)
    guide: Any = None if forced is None else Forcing(forced)
    samplers = model.samplers(decoding)
    return Request(number, prompt, decoding, samplers, lambda _: guide, time.perf_counter())


class Failing(Forcing):
    """A grammar that gives up at a draw, from 1 on."""

    def __init__(self, at: int = 2) -> None:
        super().__init__([])
        self._at = at
        self._asked = 0

    def mask(self) -> None:
        self._asked += 1
        if self._asked == self._at:
            raise Failure(FailureKind.UNSUPPORTED, "too complex")


def test_a_grammar_that_gives_up_ends_its_request_alone() -> None:
    """Also the choices of it that could go on: their samplers are gone with the request."""
    bench = Bench(FakeModel(slots=3, max_outputs=8))
    bench.submit(1, [5], max_tokens=6)
    decoding = Decoding(max_tokens=6, n=2)
    guides: Any = [Forcing([]), Failing()]
    samplers = bench.model.samplers(decoding)
    request = Request(2, [7], decoding, samplers, guides.__getitem__, time.perf_counter())
    bench.loop.obey(request)
    bench.run()
    (refused,) = [message for message in bench.sent if isinstance(message, Refused)]
    assert (refused.id, refused.kind) == (2, FailureKind.UNSUPPORTED)
    assert bench.texts[1, 0] == _counting([5], 6)
    assert (2, 0) not in bench.finishes
    assert all(sampler.closed for sampler in bench.model.made_samplers)


def test_what_draws_and_guides_is_made_when_a_slot_is_given() -> None:
    """A request that waits is small, however many answers it wants."""
    bench = Bench(FakeModel(slots=1))
    for number in (1, 2):
        bench.submit(number, [5], max_tokens=3, n=8)
    bench.take()
    bench.step()
    assert len(bench.model.made_samplers) == 1
    waiting = [each for each in bench.loop._requests.values() if each.id == 2]
    assert not any(each.made for each in waiting)
    bench.run()
    assert len(bench.model.made_samplers) == 16
    assert all(sampler.closed for sampler in bench.model.made_samplers)


class Hopeless(Forcing):
    """A grammar that cannot begin."""

    def begin(self) -> list[int]:
        raise Failure(FailureKind.UNSUPPORTED, "too complex")


def test_a_choice_that_cannot_begin_ends_its_request_alone() -> None:
    bench = Bench(FakeModel(slots=3, max_outputs=8))
    decoding = Decoding(max_tokens=6, n=2)
    guides: Any = [Forcing([]), Hopeless([])]
    samplers = bench.model.samplers(decoding)
    request = Request(2, [7], decoding, samplers, guides.__getitem__, time.perf_counter())
    bench.loop.obey(request)
    bench.submit(1, [5], max_tokens=6)
    bench.run()
    (refused,) = [message for message in bench.sent if isinstance(message, Refused)]
    assert (refused.id, refused.kind) == (2, FailureKind.UNSUPPORTED)
    assert bench.texts == {(1, 0): _counting([5], 6)}
    assert all(sampler.closed for sampler in bench.model.made_samplers)


def test_states_that_are_too_large_are_not_copied() -> None:
    """They were, at each admission, and thrown away."""
    bench = Bench(FakeModel(slots=1, ctx_size=200, batch_size=200), cache_size=80)
    with patch.object(FakeModel, "save", autospec=True, side_effect=FakeModel.save) as save:
        for number in range(4):
            bench.submit(number, [number + 1, *range(1, 60), *range(1, 40)], max_tokens=1)
        bench.run()
        assert not save.called
        bench.submit(5, [9, *range(1, 70)], max_tokens=1)
        bench.submit(6, [10, *range(1, 70)], max_tokens=1)
        bench.run()
        assert save.call_count == 1


def test_states_that_choices_share_are_bounded() -> None:
    """Many clients have several choices each, which wait at the same time."""
    bench = Bench(FakeModel(slots=2, batch_size=60, max_outputs=8))
    for number in range(12):
        prompt = [number % 7 + 1, *range(20, 30)]
        bench.submit(number, prompt, client=f"client {number}", max_tokens=4, n=4)
    bench.take()
    most = 0
    while not bench.loop.idle:
        bench.step()
        shared = [each.shared for each in bench.loop._requests.values()]
        most = max(most, sum(1 for each in shared if each is not None))
    assert 0 < most <= 2
    for number in range(12):
        for choice in range(4):
            assert bench.texts[number, choice] == _counting([29], 4)

from colonnade.worker.pacer import PrefillPacer


def test_the_budget_follows_the_measured_rate() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    for _ in range(50):
        pacer.observe(tokens=100, seconds=0.05, decoding=False)  # 2,000 tokens a second
    assert 190 <= pacer.budget <= 210


def test_the_time_of_those_that_decode_is_not_the_prefills() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    for _ in range(50):
        pacer.observe(tokens=0, seconds=0.02, decoding=True)
        pacer.observe(tokens=100, seconds=0.07, decoding=True)
    assert 190 <= pacer.budget <= 210


def test_the_budget_stays_within_its_bounds() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    assert pacer.budget == 32
    pacer.observe(tokens=500, seconds=1e-6, decoding=False)
    assert pacer.budget == 512
    slow = PrefillPacer(target_ms=100, batch_size=512)
    slow.observe(tokens=32, seconds=60, decoding=False)
    assert slow.budget == 32


def test_steps_with_hardly_any_prefill_teach_nothing() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    pacer.observe(tokens=2, seconds=1.0, decoding=True)
    assert pacer.budget == 32


def test_a_piece_fills_a_tile_where_that_is_not_far_too_long() -> None:
    near = PrefillPacer(target_ms=100, batch_size=512)
    near.observe(tokens=100, seconds=0.3, decoding=False)
    assert near.budget == 65
    far = PrefillPacer(target_ms=100, batch_size=512)
    far.observe(tokens=100, seconds=1.0, decoding=False)
    assert far.budget == 32

from colonnade.worker.pacer import PrefillPacer


def test_the_budget_follows_the_measured_rate() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    for _ in range(50):
        pacer.observe(tokens=100, seconds=0.05)  # 2,000 tokens a second
    assert 190 <= pacer.budget <= 210


def test_the_budget_stays_within_its_bounds() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    assert pacer.budget == 32
    pacer.observe(tokens=500, seconds=1e-6)
    assert pacer.budget == 512
    slow = PrefillPacer(target_ms=100, batch_size=512)
    slow.observe(tokens=16, seconds=60)
    assert slow.budget == 16


def test_steps_with_hardly_any_prefill_teach_nothing() -> None:
    pacer = PrefillPacer(target_ms=100, batch_size=512)
    pacer.observe(tokens=2, seconds=1.0)
    assert pacer.budget == 32

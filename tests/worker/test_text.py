import itertools

from hypothesis import given
from hypothesis import strategies as st

from colonnade.worker.text import TextStream


def _feed(pieces: list[bytes], stops: list[str]) -> tuple[str, str | None]:
    stream = TextStream(stops)
    shown = ""
    for piece in pieces:
        shown += stream.push(piece)
        if stream.stopped_by is not None:
            return shown, stream.stopped_by
    return shown + stream.flush(), None


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


texts = st.text(alphabet="ab€😊 \n", max_size=30)


@given(texts, st.lists(st.integers(0, 200)))
def test_every_split_gives_the_same_text(text: str, cuts: list[int]) -> None:
    assert _feed(_cut(text.encode(), cuts), []) == (text, None)


@given(texts, st.lists(st.integers(0, 200)), st.lists(st.text("ab€ ", min_size=1), max_size=3))
def test_text_ends_before_a_stop_string_in_every_split(
    text: str, cuts: list[int], stops: list[str]
) -> None:
    shown, stopped_by = _feed(_cut(text.encode(), cuts), stops)
    if not any(stop in text for stop in stops):
        assert (shown, stopped_by) == (text, None)
        return
    assert stopped_by in stops
    assert text.startswith(shown + (stopped_by or ""))
    # nothing that was shown holds a whole stop string
    assert not any(stop in shown for stop in stops)


@given(texts, st.lists(st.text("ab€ ", min_size=1), min_size=1, max_size=3))
def test_fed_by_characters_the_first_stop_to_be_complete_ends_it(
    text: str, stops: list[str]
) -> None:
    pieces = [char.encode() for char in text]
    ends = [text.index(stop) + len(stop) for stop in stops if stop in text]
    _, stopped_by = _feed(pieces, stops)
    assert (stopped_by is not None) == bool(ends)
    if stopped_by is not None:
        assert text.index(stopped_by) + len(stopped_by) == min(ends)


@given(texts, st.lists(st.integers(0, 200)), st.lists(st.text("ab€ ", min_size=1), max_size=3))
def test_the_stop_string_is_shown_where_that_is_wanted(
    text: str, cuts: list[int], stops: list[str]
) -> None:
    pieces = _cut(text.encode(), cuts)
    hidden, stopped_by = _feed(pieces, stops)
    stream = TextStream(stops, show_stop=True)
    shown = ""
    for piece in pieces:
        shown += stream.push(piece)
        if stream.stopped_by is not None:
            break
    else:
        shown += stream.flush()
    assert stream.stopped_by == stopped_by
    assert shown == hidden + (stopped_by or "")
    assert stream.released == len(shown)


@given(texts, texts, st.lists(st.text("ab€ ", min_size=1), max_size=3))
def test_no_stop_string_is_looked_for_before_it_may_end(
    first: str, second: str, stops: list[str]
) -> None:
    stream = TextStream(stops)
    assert stream.push(first.encode(), look=False) == first
    assert stream.stopped_by is None
    shown = stream.push(second.encode())
    rest = "" if stream.stopped_by is not None else stream.flush()
    assert (shown + rest, stream.stopped_by) == _feed([second.encode()], stops)


def test_text_is_held_back_no_longer_than_it_may_begin_a_stop() -> None:
    stream = TextStream(["STOP"])
    assert stream.push(b"go S") == "go "
    assert stream.push(b"T") == ""
    assert stream.push(b"AR") == "STAR"
    assert stream.flush() == ""


def test_a_stop_string_over_several_tokens_is_not_shown() -> None:
    stream = TextStream(["</end>"])
    assert [stream.push(piece) for piece in (b"bye<", b"/e", b"nd", b"> more")] == [
        "bye", "", "", ""
    ]  # fmt: skip
    assert stream.stopped_by == "</end>"


def test_a_character_cut_off_by_the_end_is_dropped() -> None:
    stream = TextStream()
    assert stream.push("né".encode()[:2]) == "n"
    assert stream.flush() == ""


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert _feed([b"a\xffb"], []) == ("a\ufffdb", None)

"""Downloads that end early, hubs that send something else, and disks that do not take it."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections import namedtuple

import pytest

from colonnade.hub import FetchStopped, Hub, HubModel, ModelError
from colonnade.hub import transfer as transfers
from tests.hub.stand_in import COMMIT

MODEL = b"GGUF" + os.urandom(2_000_000)
ETAG = hashlib.sha256(MODEL).hexdigest()

pytestmark = pytest.mark.usefixtures("no_pauses")


class Puller:
    """Downloads ``hf:o/r`` from the stand-in."""

    def __init__(self, stand_in, cache):
        self.hub = Hub(stand_in.endpoint, cache)
        self.blobs = cache / "models--o--r" / "blobs"
        self.partial = self.blobs / f"{ETAG}.incomplete"
        self.said = []

    def __call__(self, progress=lambda _: None, stop=None):
        return self.hub.fetch(HubModel("o/r"), self.said.append, progress, stop)

    def begin(self, content):
        """Leave what an earlier attempt had."""
        self.blobs.mkdir(parents=True)
        self.partial.write_bytes(content)


@pytest.fixture
def pull(stand_in, tmp_path):
    stand_in.repos["o/r"] = {"m.gguf": MODEL}
    return Puller(stand_in, tmp_path / "cache")


class TestGoesOn:
    def test_in_the_same_run(self, stand_in, pull):
        stand_in.cut_at = 700_000
        assert pull().read_bytes() == MODEL
        assert stand_in.ranges == [None, "bytes=700000-"]
        assert "m.gguf broke off (" in pull.said[1]

    def test_in_the_next_run(self, stand_in, pull):
        stop = threading.Event()

        def until(progress):
            if progress.done > 500_000:
                stop.set()

        with pytest.raises(FetchStopped, match=r"m\.gguf was stopped; what has come is kept"):
            pull(until, stop)
        here = pull.partial.stat().st_size
        assert 500_000 < here < len(MODEL)
        stand_in.ranges.clear()
        seen = []
        assert pull(seen.append).read_bytes() == MODEL
        assert stand_in.ranges == [f"bytes={here}-"]
        assert seen[0].done == here
        assert not pull.partial.exists()

    def test_when_all_but_the_name_was_done(self, stand_in, pull):
        pull.begin(MODEL)
        assert pull().read_bytes() == MODEL
        assert stand_in.downloads() == []

    def test_in_several_answers_where_it_is_large(self, stand_in, pull, monkeypatch):
        monkeypatch.setattr(transfers, "_MOST_AT_ONCE", 900_000)
        assert pull().read_bytes() == MODEL
        assert stand_in.ranges == ["bytes=0-899999", "bytes=900000-1799999", "bytes=1800000-"]

    def test_anew_where_the_hub_knows_no_ranges(self, stand_in, pull):
        stand_in.ranges_work = False
        pull.begin(MODEL[:1000])
        assert pull().read_bytes() == MODEL
        assert "The hub does not go on with m.gguf where it stopped: from its start" in pull.said

    def test_anew_where_more_is_here_than_there(self, stand_in, pull):
        pull.begin(MODEL + b"more")
        assert pull().read_bytes() == MODEL
        assert stand_in.ranges == [None]

    def test_anew_after_416(self, stand_in, pull):
        pull.begin(MODEL[:1000])
        stand_in.answers.append((416, {}))
        assert pull().read_bytes() == MODEL
        assert stand_in.ranges == ["bytes=1000-", None]

    def test_not_for_ever(self, stand_in, pull):
        pull.begin(MODEL[:1000])
        stand_in.ranges_work = False

        def cut(progress):
            if progress.done:
                stand_in.cut_at = 500_000

        with pytest.raises(ModelError, match=r"the hub begins m\.gguf anew each time"):
            pull(cut)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_after_a_passing_failure(self, stand_in, pull, status):
        stand_in.answers.append((status, {"Retry-After": "0"}))
        assert pull().read_bytes() == MODEL
        assert f"m.gguf broke off ({status}), trying again" in pull.said

    def test_names_that_a_url_cannot_hold(self, stand_in, pull):
        name = "a b/[m] 100%#?ü.gguf"
        stand_in.repos["o/r"] = {name: MODEL}
        stand_in.cut_at = 700_000
        path = pull()
        assert path.read_bytes() == MODEL
        assert str(path).endswith(name)

    def test_an_answer_that_has_nothing_in_it(self, stand_in, pull):
        stand_in.answers.extend([(206, {"Content-Range": f"bytes 0-1/{len(MODEL)}"})] * 2)
        assert pull().read_bytes() == MODEL


class TestRefused:
    @pytest.mark.parametrize(
        ("status", "headers", "message"),
        [
            (401, {}, "o/r cannot be fetched: HF_TOKEN is wrong or missing"),
            (403, {}, "o/r cannot be fetched: HF_TOKEN is wrong or missing"),
            (403, {"X-Error-Code": "GatedRepo"}, "o/r is gated: accept its terms on the hub"),
            (404, {"X-Error-Code": "EntryNotFound"}, "o/r does not have the file any more"),
            (404, {}, "o/r cannot be fetched: the hub answered 404"),
            (416, {}, "o/r cannot be fetched: the hub answered 416"),
        ],
    )
    def test_at_once(self, stand_in, pull, status, headers, message):
        stand_in.answers.append((status, headers))
        with pytest.raises(ModelError) as caught:
            pull()
        assert str(caught.value).startswith(message)
        assert len(stand_in.ranges) == 1
        assert not pull.partial.exists()

    def test_after_some_tries(self, stand_in, pull):
        stand_in.answers.extend([(502, {})] * 20)
        with pytest.raises(ModelError, match="o/r cannot be fetched: the hub answered 502"):
            pull()
        assert len(stand_in.ranges) == 6


class TestFalse:
    def test_checksum(self, stand_in, pull):
        stand_in.checksums["m.gguf"] = "0" * 64
        with pytest.raises(ModelError) as caught:
            pull()
        assert str(caught.value) == (
            "o/r cannot be fetched: m.gguf came with a wrong checksum and was removed: "
            "it was damaged on the way, or is not what the hub names"
        )
        assert list(pull.blobs.iterdir()) == []

    def test_beginning_that_is_here(self, stand_in, pull):
        pull.begin(b"x" * 1000)
        with pytest.raises(ModelError, match="wrong checksum"):
            pull()
        assert pull().read_bytes() == MODEL

    def test_checksum_of_a_file_that_is_not_in_lfs(self, stand_in, pull):
        stand_in.small.add("m.gguf")
        assert pull().read_bytes() == MODEL
        stand_in.repos["o/r"] = {"m.gguf": b"other"}
        stand_in.commit = "f" * 40
        stand_in.small.clear()
        stand_in.checksums["m.gguf"] = "0" * 40
        assert "wrong checksum" in _failed(pull)

    @pytest.mark.parametrize("known", [1_000, 3_000_000])
    def test_size(self, stand_in, pull, known):
        stand_in.sizes["m.gguf"] = known
        with pytest.raises(ModelError) as caught:
            pull()
        assert str(caught.value) == (
            f"o/r cannot be fetched: the hub's list has {known:,} bytes for m.gguf, "
            f"and the hub sends {len(MODEL):,}"
        )

    def test_part(self, stand_in, pull):
        stand_in.answers.append((206, {"Content-Range": f"bytes 7-9/{len(MODEL)}"}))
        with pytest.raises(ModelError, match=r"another part of m\.gguf than was asked for"):
            pull()

    @pytest.mark.parametrize(
        "name",
        [
            "../m.gguf",
            "/m.gguf",
            "a//m.gguf",
            "./m.gguf",
            "a\\m.gguf",
            "m\n.gguf",
            "x" * 300 + ".gguf",
        ],
    )
    def test_name(self, stand_in, pull, name, tmp_path):
        stand_in.repos["o/r"] = {name: MODEL}
        with pytest.raises(ModelError, match="which is none to be stored under"):
            pull()
        assert not (tmp_path / "cache").exists()

    @pytest.mark.parametrize("etag", ["../../x", "", "a/b", "x" * 200])
    def test_name_of_a_content(self, stand_in, pull, etag):
        """What the list has instead of a checksum leads nowhere: the hub is asked again."""
        stand_in.checksums["m.gguf"] = etag
        path = pull()
        assert path.read_bytes() == MODEL
        assert [each.name for each in pull.blobs.iterdir()] == [ETAG]

    def test_revision(self, stand_in, pull):
        stand_in.commit = "../../x"
        with pytest.raises(ModelError, match="o/r cannot be fetched: the hub names no revision"):
            pull()


def _failed(pull):
    with pytest.raises(ModelError) as caught:
        pull.hub.pull(pull.hub.look_up("o/r"), HubModel("o/r"), print)
    return str(caught.value)


class TestDisk:
    def test_too_small(self, pull, monkeypatch):
        usage = namedtuple("usage", "total used free")(10**12, 10**12, (256 << 20) + 1_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(ModelError) as caught:
            pull()
        assert str(caught.value) == (
            f"o/r needs 1.91 MiB more, and the disk of {pull.hub.cache_dir} has 256 MiB free, "
            "of which 256 MiB are left to others"
        )
        pull.begin(MODEL[:-500])  # the rest has room
        assert pull().read_bytes() == MODEL

    def test_not_asked_for_what_is_here(self, pull, monkeypatch):
        path = pull()
        usage = namedtuple("usage", "total used free")(10**12, 10**12, 0)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        assert pull() == path


def test_token_goes_to_the_hub_alone(stand_in, pull, monkeypatch):
    from tests.hub import stand_in as hubs

    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    with hubs.running() as network:
        network.repos = stand_in.repos
        stand_in.elsewhere = network.endpoint
        assert pull().read_bytes() == MODEL
        assert set(stand_in.tokens) == {"Bearer hf_made_up"}
        assert network.tokens == [None]
        assert network.requests == [f"GET /o/r/resolve/{COMMIT}/m.gguf"]


def test_two_at_once(stand_in, pull):
    """One downloads, the other waits and shows how far that is."""
    stand_in.hold_at = 1_000_000
    paths, seen = [], []
    first = threading.Thread(target=lambda: paths.append(pull()))
    first.start()
    stand_in.held.acquire()
    waits = threading.Event()

    def note(progress):
        seen.append(progress.done)
        if len(seen) > 1:  # the first one is what was here before
            waits.set()

    second = threading.Thread(target=lambda: paths.append(pull(note)))
    second.start()
    waits.wait(30)
    stand_in.go_on.set()
    first.join()
    second.join()
    assert paths[0] == paths[1]
    assert stand_in.ranges == [None]
    assert "Another process is fetching m.gguf: waiting for it" in pull.said


def test_stopped_while_another_downloads(stand_in, pull):
    stand_in.hold_at = 1_000_000
    first = threading.Thread(target=pull)
    first.start()
    stand_in.held.acquire()
    stop = threading.Event()
    stop.set()
    with pytest.raises(FetchStopped, match="stopped while another process downloads it"):
        pull(stop=stop)
    stand_in.go_on.set()
    first.join()

"""Removing downloaded models: what goes, and what others use stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colonnade.hub import (
    Hub,
    HubModel,
    ModelError,
    delete_model,
    delete_unfinished,
    downloaded_models,
    find_deletion,
    unfinished_downloads,
)

SMALL, LARGE = b"GGUF" + os.urandom(1_000), b"GGUF" + os.urandom(50_000)
REPO = {
    "README.md": b"hello",
    "m-Q4_K_M.gguf": SMALL,
    "m-Q8_0-00001-of-00002.gguf": LARGE,
    "m-Q8_0-00002-of-00002.gguf": LARGE[::-1],
    "mmproj-F16.gguf": SMALL[::-1],
}


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def pull(stand_in, cache):
    stand_in.repos["o/r"] = dict(REPO)

    def pull(wanted):
        hub = Hub(stand_in.endpoint, cache)
        return hub.fetch(HubModel("o/r", wanted), print, projector=True)

    return pull


def _names(cache):
    return [str(each.model) for each in downloaded_models(cache)]


def _bytes(cache):
    return sum(each.stat().st_size for each in cache.rglob("*") if each.is_file())


def test_one_of_two(pull, cache):
    kept = pull("Q4_K_M")
    pull("Q8_0")
    found = find_deletion(HubModel("o/r", "Q8_0"), cache)
    assert found.files == ("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf")
    assert found.freed == 2 * len(LARGE)
    before = _bytes(cache)
    found.execute()
    assert before - _bytes(cache) >= found.freed
    assert _names(cache) == ["hf:o/r:Q4_K_M"]
    assert kept.read_bytes() == SMALL


def test_the_last_one_takes_its_projector_and_the_repository_along(pull, cache):
    pull("Q4_K_M")
    assert delete_model(HubModel("o/r"), cache) == 2 * len(SMALL)
    assert _names(cache) == []
    assert not (cache / "models--o--r").exists()


def test_what_other_tools_have_downloaded_stays(pull, cache, stand_in):
    from huggingface_hub import HfApi

    pull("Q4_K_M")
    api = HfApi(endpoint=stand_in.endpoint)
    readme = api.hf_hub_download("o/r", "README.md", cache_dir=cache)
    delete_model(HubModel("o/r", "Q4_K_M"), cache)
    assert _names(cache) == []
    assert Path(readme).read_bytes() == b"hello"


def test_content_of_another_model_stays(pull, cache, stand_in):
    """Two names of one content: it goes with the second one."""
    stand_in.repos["o/r"] = {"a.gguf": LARGE, "b.gguf": LARGE}
    pull("a.gguf")
    kept = pull("b.gguf")
    assert delete_model(HubModel("o/r", "a.gguf"), cache) == 0
    assert kept.read_bytes() == LARGE
    assert delete_model(HubModel("o/r", "b.gguf"), cache) == len(LARGE)


def test_all_revisions_that_have_it(pull, cache, stand_in):
    pull("Q4_K_M")
    stand_in.commit = "f" * 40
    stand_in.repos["o/r"]["m-Q4_K_M.gguf"] = LARGE
    pull("Q4_K_M")
    assert delete_model(HubModel("o/r", "Q4_K_M"), cache) == 2 * len(SMALL) + len(LARGE)
    assert not (cache / "models--o--r").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (HubModel("o/away"), "hf:o/away is not downloaded"),
        (HubModel("o/r", "Q2_K"), "hf:o/r:Q2_K is not downloaded"),
        (
            HubModel("o/r"),
            "hf:o/r may mean several models; take one of hf:o/r:Q4_K_M, hf:o/r:Q8_0",
        ),
    ],
)
def test_not_removed(pull, cache, model, message):
    pull("Q4_K_M")
    pull("Q8_0")
    with pytest.raises(ModelError) as caught:
        delete_model(model, cache)
    assert str(caught.value) == message
    assert len(_names(cache)) == 2


def test_without_a_cache(cache):
    with pytest.raises(ModelError, match="hf:o/r is not downloaded"):
        delete_model(HubModel("o/r"), cache)


class TestUnfinished:
    @pytest.fixture
    def left(self, cache):
        """What a download has left that came to no end."""
        left = cache / "models--o--r" / "blobs" / f"{'a' * 64}.incomplete"
        left.parent.mkdir(parents=True)
        left.write_bytes(LARGE)
        return left

    def test_is_told(self, left, cache):
        assert unfinished_downloads(cache) == {"o/r": len(LARGE)}
        with pytest.raises(ModelError, match="hf:o/r is not downloaded"):
            delete_model(HubModel("o/r"), cache)

    def test_removed(self, left, cache):
        assert delete_unfinished("o/r", cache) == len(LARGE)
        assert unfinished_downloads(cache) == {}

    def test_stays_when_a_model_goes(self, left, pull, cache):
        pull("Q4_K_M")
        delete_model(HubModel("o/r"), cache)
        assert left.exists()
        delete_unfinished("o/r", cache)
        assert not (cache / "models--o--r").exists()

    def test_not_while_it_goes_on(self, left, pull, cache):
        from huggingface_hub.utils import WeakFileLock

        lock = cache / ".locks" / "models--o--r" / f"{'a' * 64}.lock"
        lock.parent.mkdir(parents=True)
        with WeakFileLock(lock), pytest.raises(ModelError, match="is just being downloaded"):
            delete_unfinished("o/r", cache)
        assert left.exists()

"""Downloads from a stand-in hub, the cache, and what goes wrong with both."""

from __future__ import annotations

import os

import pytest

from colonnade.hub import ModelError, downloaded_models, resolve_model
from colonnade.hub.download import Hub

MODEL = b"GGUF" + os.urandom(200_000)
OTHER = b"GGUF" + os.urandom(1_000)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def fetch(stand_in, tmp_path):
    said = []

    def fetch(text, endpoint=None):
        hub = Hub(endpoint or stand_in.endpoint, tmp_path / "cache")
        return resolve_model(text, said.append, hub)

    fetch.said = said
    return fetch


def test_download(stand_in, fetch):
    stand_in.repos["o/r"] = {"README.md": b"", "m-Q4_K_M.gguf": MODEL, "m-Q8_0.gguf": OTHER}
    resolved = fetch("hf:o/r")
    assert resolved.path.read_bytes() == MODEL
    assert resolved.id == "o/r"
    assert fetch.said == ["Fetching m-Q4_K_M.gguf of o/r"]
    assert fetch("hf:o/r:q8_0").path.read_bytes() == OTHER
    assert fetch("hf:o/r:q8_0").id == "o/r:q8_0"


def test_second_time_from_the_cache(stand_in, fetch):
    stand_in.repos["o/r"] = {"m.gguf": MODEL}
    first = fetch("hf:o/r").path
    stand_in.requests.clear()
    assert fetch("hf:o/r").path == first
    assert not any(request.startswith("GET /o/r/resolve") for request in stand_in.requests)


def test_all_parts_of_a_split_model(stand_in, fetch):
    names = [f"big/m-Q8_0-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    stand_in.repos["o/r"] = {name: b"GGUF" + name.encode() for name in names}
    path = fetch("hf:o/r").path
    assert path.name == "m-Q8_0-00001-of-00003.gguf"
    assert sorted(each.name for each in path.parent.iterdir()) == [n[4:] for n in names]


def test_download_that_is_cut_goes_on_where_it_was(stand_in, fetch, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 16_384)
    stand_in.repos["o/r"] = {"m.gguf": MODEL}
    stand_in.cut_at = 70_000
    assert fetch("hf:o/r").path.read_bytes() == MODEL
    assert stand_in.ranges == [None, "bytes=65536-"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("hf:o/away", "o/away is not on the hub, or is private (then HF_TOKEN must be set)"),
        (
            "hf:o/gated",
            "o/gated is gated: accept its terms on the hub, then set HF_TOKEN "
            "or log in with `hf auth login`",
        ),
        ("hf:o/texts", "hf:o/texts has no GGUF file"),
        ("hf:o/r:Q2_K", "hf:o/r has no Q2_K; it has hf:o/r:m.gguf"),
        ("hf:o/fake", "is not a GGUF file"),
    ],
)
def test_refused(stand_in, fetch, model, message):
    stand_in.repos |= {
        "o/gated": {"m.gguf": MODEL},
        "o/texts": {"README.md": b"hello"},
        "o/r": {"m.gguf": MODEL},
        "o/fake": {"m.gguf": b"<html>"},
    }
    stand_in.gated.add("o/gated")
    with pytest.raises(ModelError) as caught:
        fetch(model)
    assert message in str(caught.value)


class TestHubDown:
    def test_without_a_copy(self, fetch, gone):
        with pytest.raises(ModelError, match="o/r cannot be fetched: the hub cannot be reached"):
            fetch("hf:o/r", gone)

    def test_with_a_copy(self, stand_in, fetch, gone):
        stand_in.repos["o/r"] = {"a-Q4_K_M.gguf": MODEL, "b-Q8_0.gguf": OTHER}
        path = fetch("hf:o/r").path
        assert fetch("hf:o/r", gone).path == path
        assert fetch.said[-1].endswith("; taking the downloaded copy")

    def test_with_a_copy_of_another_model(self, stand_in, fetch, gone):
        stand_in.repos["o/r"] = {"a-Q4_K_M.gguf": MODEL, "b-Q8_0.gguf": OTHER}
        fetch("hf:o/r")
        with pytest.raises(ModelError, match="o/r cannot be fetched"):
            fetch("hf:o/r:Q8_0", gone)

    @pytest.mark.parametrize(
        ("status", "message"),
        [(503, "the hub answered 503"), (401, "HF_TOKEN is wrong"), (403, "HF_TOKEN is wrong")],
    )
    def test_answers_with_an_error(self, stand_in, fetch, status, message):
        stand_in.status = status
        with pytest.raises(ModelError, match=f"o/r cannot be fetched: {message}"):
            fetch("hf:o/r")


def test_list_of_downloads(stand_in, fetch, tmp_path):
    cache = tmp_path / "cache"
    assert downloaded_models(cache) == []
    stand_in.repos["o/r"] = {"m-Q4_K_M.gguf": MODEL, "m-Q8_0.gguf": OTHER}
    fetch("hf:o/r:Q8_0")
    fetch("hf:o/r")
    listed = [(str(model), size) for model, size in downloaded_models(cache)]
    assert listed == [("hf:o/r:Q4_K_M", len(MODEL)), ("hf:o/r:Q8_0", len(OTHER))]

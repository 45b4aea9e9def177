"""Downloads from a stand-in hub, the cache, and what goes wrong with both."""

from __future__ import annotations

import os

import pytest
from huggingface_hub import HfApi

from colonnade.hub import (
    FileProgress,
    Hub,
    HubModel,
    ModelError,
    ProgressLines,
    downloaded_models,
    projector_beside,
    resolve_model,
)

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
    assert fetch.said == ["Fetching m-Q4_K_M.gguf of o/r (195 KiB)"]
    assert fetch("hf:o/r:q8_0").path.read_bytes() == OTHER
    assert fetch("hf:o/r:q8_0").id == "o/r:q8_0"


def test_a_hub_whose_list_has_names_alone(stand_in, fetch):
    stand_in.repos["o/r"] = {"m.gguf": MODEL}
    stand_in.bare.add("o/r")
    assert fetch("hf:o/r").path.read_bytes() == MODEL
    assert "HEAD /o/r/resolve/0123456789abcdef0123456789abcdef01234567/m.gguf" in stand_in.requests


def test_what_huggingface_hub_downloaded_is_here(stand_in, fetch, tmp_path):
    stand_in.repos["o/r"] = {"m.gguf": MODEL}
    api = HfApi(endpoint=stand_in.endpoint)
    path = api.hf_hub_download("o/r", "m.gguf", cache_dir=tmp_path / "cache")
    stand_in.requests.clear()
    assert str(fetch("hf:o/r").path) == path
    assert stand_in.downloads() == []


def test_what_was_downloaded_is_here_for_huggingface_hub(stand_in, fetch, tmp_path):
    stand_in.repos["o/r"] = {"deep/m.gguf": MODEL}
    path = fetch("hf:o/r").path
    stand_in.requests.clear()
    api = HfApi(endpoint=stand_in.endpoint)
    cache = {"cache_dir": tmp_path / "cache"}
    assert api.hf_hub_download("o/r", "deep/m.gguf", **cache) == str(path)
    assert api.hf_hub_download("o/r", "deep/m.gguf", local_files_only=True, **cache) == str(path)
    assert stand_in.downloads() == []


def test_the_same_content_in_another_revision(stand_in, fetch):
    stand_in.repos["o/r"] = {"m.gguf": MODEL}
    first = fetch("hf:o/r").path
    stand_in.commit = "f" * 40
    stand_in.requests.clear()
    second = fetch("hf:o/r").path
    assert second != first
    assert second.samefile(first)
    assert stand_in.downloads() == []


def test_projector_comes_along_when_it_is_wanted(stand_in, tmp_path):
    stand_in.repos["o/r"] = {
        "m-Q8_0.gguf": MODEL,
        "mmproj-F16.gguf": OTHER,
        "mmproj-Q8_0.gguf": OTHER[::-1],
    }
    hub, model = Hub(stand_in.endpoint, tmp_path), HubModel("o/r")
    path = hub.fetch(model, print)
    assert projector_beside(path) is None
    assert hub.fetch(model, print, projector=True) == path
    beside = projector_beside(path)
    assert beside.name == "mmproj-Q8_0.gguf"
    assert beside.read_bytes() == OTHER[::-1]
    assert downloaded_models(tmp_path)[0].projector == beside


def test_progress_of_each_file(stand_in, tmp_path):
    names = [f"m-0000{part}-of-00002.gguf" for part in (1, 2)]
    stand_in.repos["o/r"] = dict(zip(names, (MODEL, OTHER), strict=True))
    seen = []
    Hub(stand_in.endpoint, tmp_path).fetch(HubModel("o/r"), print, seen.append)
    assert seen[:2] == [
        FileProgress(names[0], 0, len(MODEL)),
        FileProgress(names[1], 0, len(OTHER)),
    ]
    for name, content in zip(names, (MODEL, OTHER), strict=True):
        done = [each.done for each in seen if each.file == name]
        assert done == sorted(done)
        assert done[-1] == len(content)


def test_lines_of_a_slow_download(monkeypatch):
    now, said = [0.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tell = ProgressLines(said.append)
    for seconds, mebibytes in ((0, 10), (1, 25), (3, 30), (4, 31), (34, 32), (35, 100)):
        now[0] = seconds
        tell(FileProgress("m.gguf", mebibytes << 20, 100 << 20))
    assert said == [
        "m.gguf: 30.0 MiB of 100 MiB, 6.67 MiB/s, 0:10 left",
        "m.gguf: 32.0 MiB of 100 MiB, 663 KiB/s, 1:45 left",
    ]


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
    listed = [(str(each.model), each.size) for each in downloaded_models(cache)]
    assert listed == [("hf:o/r:Q4_K_M", len(MODEL)), ("hf:o/r:Q8_0", len(OTHER))]

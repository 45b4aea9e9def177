"""What ``MODEL`` means, and the files that are no models."""

from __future__ import annotations

import pytest

from colonnade.hub import ModelError, resolve_model

GGUF = b"GGUF\x03\x00\x00\x00"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _resolve(text):
    said = []
    resolved = resolve_model(text, said.append)
    assert said == []
    return resolved


def test_path(tmp_path):
    (tmp_path / "my.model.gguf").write_bytes(GGUF)
    resolved = _resolve(str(tmp_path / "my.model.gguf"))
    assert resolved.path == tmp_path / "my.model.gguf"
    assert resolved.id == "my.model"


def test_first_part_of_a_split_model(tmp_path):
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(GGUF)
    assert _resolve("m-00001-of-00002.gguf").id == "m"


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(GGUF)
    assert _resolve("~/m.gguf").path == tmp_path / "m.gguf"


@pytest.mark.parametrize("name", ["demo", "hf:o", "hf:owner/repo"])
def test_local_file_wins(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(GGUF)
    assert _resolve(name).path.samefile(path)


def test_directory_of_the_name_demo_does_not_win(tmp_path):
    (tmp_path / "demo").mkdir()
    assert _resolve("demo").id == "colonnade-demo"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("away.gguf", "away.gguf does not exist"),
        ("owner/repo", "owner/repo does not exist; did you mean hf:owner/repo?"),
        ("folder", "folder is a directory, not a GGUF file; it holds a.gguf, b.gguf"),
        ("text.gguf", "text.gguf is not a GGUF file"),
        ("empty.gguf", "empty.gguf is empty"),
        ("hf:repo", "'hf:repo' is not of the form hf:OWNER/REPO or hf:OWNER/REPO:FILE-OR-QUANT"),
        ("hf:o/r:", "'hf:o/r:' is not of the form hf:OWNER/REPO or hf:OWNER/REPO:FILE-OR-QUANT"),
        ("hf:o/r/x", "'hf:o/r/x' is not of the form hf:OWNER/REPO or hf:OWNER/REPO:FILE-OR-QUANT"),
        ("x" * 5000, "x" * 5000 + " cannot be read: File name too long"),
        ("nul\0.gguf", "nul\0.gguf cannot be read: embedded null byte"),
    ],
)
def test_no_model(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.gguf").write_bytes(GGUF)
    (tmp_path / "folder" / "a.gguf").write_bytes(GGUF)
    (tmp_path / "text.gguf").write_text("GGML, once")
    (tmp_path / "empty.gguf").touch()
    with pytest.raises(ModelError) as caught:
        _resolve(name)
    assert str(caught.value) == message


def test_the_projector_beside_a_model(tmp_path):
    for name in ("Eye-2B-Q4_K_M.gguf", "Eye-2B-Q8_0.gguf", "mmproj-model-f16.gguf"):
        (tmp_path / name).write_bytes(GGUF)
    found = resolve_model("Eye-2B-Q8_0.gguf", print, projector=None)
    assert found.projector is not None
    assert found.projector.name == "mmproj-model-f16.gguf"
    assert resolve_model("Eye-2B-Q8_0.gguf", print, projector="none").projector is None


def test_where_several_models_lie_a_projector_is_called_after_its_own(tmp_path):
    for name in ("Eye-2B-Q8_0.gguf", "text-Q8_0.gguf", "mmproj-Eye-2B-BF16.gguf"):
        (tmp_path / name).write_bytes(GGUF)
    found = resolve_model("Eye-2B-Q8_0.gguf", print, projector=None).projector
    assert found is not None
    assert found.name == "mmproj-Eye-2B-BF16.gguf"
    assert resolve_model("text-Q8_0.gguf", print, projector=None).projector is None


def test_a_projector_that_is_named(tmp_path):
    for name in ("m.gguf", "see.gguf"):
        (tmp_path / name).write_bytes(GGUF)
    assert resolve_model("m.gguf", print, projector="see.gguf").projector.name == "see.gguf"
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model("m.gguf", print, projector="hear.gguf")

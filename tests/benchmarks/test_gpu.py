"""The benchmarks for a machine with a GPU, as far as they go without network and compiler."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import msgspec
import pytest

from benchmarks.contenders import OURS, THEIRS
from benchmarks.gpu import greedy, pack, run, streams
from benchmarks.gpu.bindings import write_bindings
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.found import Found
from benchmarks.gpu.reference import Answers
from benchmarks.gpu.sources import is_kept, write_sources
from benchmarks.gpu.work import BARE, Work
from benchmarks.jobs import Job, Run, Setup

KEPT = [
    "CMakeLists.txt",
    "LICENSE",
    "cmake/llama.pc.in",
    "common/build-info.cpp.in",
    "common/parsers/sources.cmake",
    "ggml/cmake/common.cmake",
    "ggml/src/CMakeLists.txt",
    "ggml/src/ggml.c",
    "ggml/src/ggml-version.h.in",
    "ggml/src/ggml-cpu/arch/x86/quants.c",
    "ggml/src/ggml-cuda/common.cuh",
    "ggml/src/ggml-cuda/template-instances/fattn-mma-f16-instance-ncols1_16-ncols2_4.cu",
    "ggml/src/ggml-cuda/vendors/cuda.h",
    "include/llama.h",
    "scripts/ui-assets.cmake",
    "src/llama-version.h.in",
    "src/models/llama.cpp",
    "tools/mtmd/models/llava.cpp",
    "tools/server/server.cpp",
    "tools/ui/CMakeLists.txt",
    "tools/ui/ui.cpp.in",
    "vendor/cpp-httplib/LICENSE",
    "vendor/nlohmann/json.hpp",
]
LEFT = [
    "README.md",
    "docs/build.md",
    "examples/simple/simple.cpp",
    "ggml/src/ggml-metal/ggml-metal.metal",
    "ggml/src/ggml-vulkan/ggml-vulkan.cpp",
    "gguf-py/pyproject.toml",
    "models/ggml-vocab-llama-bpe.gguf",
    "scripts/sync-ggml.sh",
    "tests/test-chat.cpp",
    "tools/mtmd/test-1.jpeg",
    "tools/server/README.md",
    "tools/server/bench/script.js",
    "tools/server/tests/unit/test_basic.cpp",
    "tools/ui/src/lib/vendors/license/LICENSE",
]


@pytest.fixture
def sdist(tmp_path) -> Path:
    """A source distribution with some of llama.cpp's files."""
    files = {"PKG-INFO": "Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: 1.2.3\n"}
    files |= {"llama_cpp/__init__.py": "", "llama_cpp/py.typed": "", "README.md": "words"}
    files |= {f"vendor/llama.cpp/{name}": name for name in (*KEPT, *LEFT)}
    path = tmp_path / "llama_cpp_python-1.2.3.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"llama_cpp_python-1.2.3/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize(("names", "kept"), [(KEPT, True), (LEFT, False)])
def test_of_llama_cpp_goes_along_what_cmake_names(names, kept):
    assert [name for name in names if is_kept(PurePosixPath(name)) is not kept] == []


def test_sources_are_written_into_one_folder(sdist, tmp_path):
    assert write_sources(sdist, tmp_path / "out.tar.gz") == len(KEPT)
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        assert sorted(archive.getnames()) == sorted(f"llama.cpp/{name}" for name in KEPT)
        read = archive.extractfile("llama.cpp/include/llama.h")
        assert read is not None
        assert read.read() == b"include/llama.h"


def test_bindings_are_a_wheel_without_libraries(sdist, tmp_path):
    wheel = write_bindings(sdist, tmp_path)
    assert wheel.name == "llama_cpp_python-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        record = archive.read("llama_cpp_python-1.2.3.dist-info/RECORD").decode()
        assert sorted(line.partition(",")[0] for line in record.splitlines()) == sorted(
            archive.namelist()
        )
        assert "llama_cpp/__init__.py" in archive.namelist()


def test_a_wheel_is_written_again_without_some_files(tmp_path):
    whole, part = tmp_path / "whole.whl", tmp_path / "part.whl"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a/b.py", "b")
        archive.writestr("a/large.gguf", "g")
        archive.writestr("a.dist-info/RECORD", "a/b.py,,1\na/large.gguf,,1\na.dist-info/RECORD,,\n")
    pack.without(whole, part, ".gguf")
    with zipfile.ZipFile(part) as archive:
        assert archive.namelist() == ["a/b.py", "a.dist-info/RECORD"]
        assert archive.read("a.dist-info/RECORD") == b"a/b.py,,1\na.dist-info/RECORD,,\n"


def test_a_folder_is_packed_and_one_that_is_too_large_is_refused(
    sdist, tmp_path, monkeypatch, capsys
):
    def fetch(folder: Path) -> None:
        (folder / "large.whl").write_bytes(bytes(pack.MIB))

    monkeypatch.setattr(pack, "fetch_wheels", fetch)
    monkeypatch.setattr(pack, "write_project", lambda _folder: None)
    flags = [str(tmp_path / "packed"), "--sdist", str(sdist), "--architecture", "89"]
    pack.main([*flags, "--limit", "2"])
    assert "MiB  together" in capsys.readouterr().out
    packed = tmp_path / "packed"
    assert (packed / "architecture").read_text() == "89\n"
    there = ("there.sh", "README.md", "benchmarks/gpu/run.py", "llama.cpp.tar.gz", "wheels")
    assert all((packed / name).exists() for name in there)
    with pytest.raises(SystemExit, match=r"1\.0 MiB may travel"):
        pack.main([*flags, "--limit", "1"])


def test_what_runs_there_is_asked_for_but_what_is_compiled_there():
    names = pack.requirements()
    assert any(name.startswith("litestar") for name in names)
    assert {"gguf", "pip"} <= {*names}
    assert not any(name.startswith("llama-cpp-python") for name in names)


def test_the_script_says_how_it_is_called():
    script = Path(pack.__file__).parent / "there.sh"
    subprocess.run(["bash", "-n", script], check=True)


def test_time_that_a_section_leaves_goes_to_those_after_it():
    now = [0.0]
    shares = {"one": 1.0, "two": 1.0, "three": 2.0}
    allowed = []
    for name, part in Clock(100, lambda: now[0]).parts(shares):
        allowed.append((name, part.seconds))
        now[0] += 10 if name == "one" else part.seconds
        assert part.left == (15 if name == "one" else 0)
    assert allowed == [("one", 25), ("two", 30), ("three", 60)]


def test_rounds_end_with_the_time_and_who_fails_is_left_out():
    now = [0.0]

    def lasting(seconds: float, until: int = 1000):
        calls = []

        def runner(job: Job, _limit: float) -> Run:
            calls.append(job)
            now[0] += seconds * job.streams
            if len(calls) > until:
                raise RuntimeError("gone")
            return Run(float(job.streams), 2.0, 0.0)

        return runner

    runners = {OURS: lasting(1), BARE: lasting(1), THEIRS: lasting(1, until=1)}
    jobs = [Job(1, 1, 1, greedy=True), Job(8, 1, 1, greedy=True), Job(64, 1, 1, greedy=True)]
    found = Found(others=streams.OTHERS)
    clock = Clock(20, lambda: now[0])
    streams.rounds(runners, jobs, found, clock)
    assert found.figures == {
        "1 stream, greedy: tokens/s": {OURS: [1.0], BARE: [1.0], THEIRS: [1.0]},
        "8 streams, greedy: tokens/s": {OURS: [8.0], BARE: [8.0]},
        "8 streams, greedy: tokens/s, prompts included": {OURS: [2.0], BARE: [2.0]},
    }
    assert found.missing == [
        "llama-server from 8 streams, greedy: tokens/s on: RuntimeError: gone",
        "64 streams, greedy: tokens/s: the time was up",
    ]
    assert [row.ratio for row in found.rows()] == ["1.000"] * 3


def test_rounds_measure_no_more_streams_than_slots():
    assert {job.streams for job in streams.jobs(8)} == {1, 8}
    assert {job.streams for job in streams.jobs(64)} == {1, 8, 32, 64}


def test_tokens_are_counted_up_to_the_first_that_differs():
    euro = "€".encode()
    pieces = [b"one", b" two", euro[:1], euro[1:], b"!"]
    assert greedy.equal_tokens(pieces, "one two€!") == 5
    assert greedy.equal_tokens(pieces, "one two€?") == 4
    assert greedy.equal_tokens(pieces, "one tw") == 1
    assert greedy.equal_tokens(pieces, "one twoo") == 2
    assert greedy.equal_tokens([b"a", b"\xff"], "a�") == 2
    expected = Answers([[1], [2]], [pieces, pieces], [[0.5, 0.25, 0.0, 0.0, 0.0]] * 2)
    same = greedy.compared("on", expected, ["one two€!"] * 2, must=True)
    other = greedy.compared("on", expected, ["one two€!", "one too"], must=True)
    assert (same.ours, same.met, same.note) == ("10 of 10", True, "")
    assert (other.ours, other.met, other.mark) == ("6 of 10", False, "all")
    assert other.note == "other: answer 2 at token 2 (0.250)"
    assert greedy.compared("on", expected, ["", ""], must=False).met is None


def test_a_section_that_fails_keeps_what_it_found_and_says_why(tmp_path, monkeypatch):
    def failing(_work: Work, found: Found, _clock: Clock) -> None:
        found.add("figure", OURS, 2.0)
        found.add("figure", "other", 1.0)
        raise RuntimeError("no room")

    def silent(_work: Work, _found: Found, _clock: Clock) -> None:
        pass

    sections = {
        "one": run.Section("One", failing, ["other"], 1.0),
        "two": run.Section("Two", silent, [], 1.0),
    }
    monkeypatch.setattr(run, "SECTIONS", sections)
    work = Work(Setup("folder/some.gguf"), None, None)
    report = run.run(work, ["one", "two"], 1.0, tmp_path)
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written == json.loads(msgspec.json.encode(report))
    assert written["setup"]["model"] == "some.gguf"
    assert written["sections"]["one"]["found"]["figures"]["figure"] == {OURS: [2.0], "other": [1.0]}
    table = (tmp_path / "table.txt").read_text()
    assert all(text in table for text in (report.card, "One", "2.000", "RuntimeError: no room"))
    assert "the time was up before anything was measured" in table

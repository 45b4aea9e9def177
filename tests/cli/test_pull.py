"""``colonnade pull`` from a stand-in hub, in a pipe and in a terminal."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, GUARD_SECONDS, end
from tests.hub import stand_in as hubs

MODEL = b"GGUF" + os.urandom(3_000_000)
OTHER = b"GGUF" + os.urandom(1_000)
PROJECTOR = b"GGUF" + os.urandom(500)
REPO = {
    "README.md": b"",
    "m-Q2_K.gguf": OTHER,
    "m-Q4_K_M.gguf": MODEL,
    "m-Q8_0-00001-of-00002.gguf": MODEL[:2_000_000],
    "m-Q8_0-00002-of-00002.gguf": MODEL[:2_000_001],
}
HELD = 1_500_000


@pytest.fixture
def hub(environ):
    """A stand-in hub that the commands ask."""
    with hubs.running() as hub:
        hub.repos["o/r"] = dict(REPO)
        environ["HF_ENDPOINT"] = hub.endpoint
        yield hub


@pytest.fixture
def cache(environ):
    return Path(environ["HF_HUB_CACHE"])


@pytest.fixture
def start(environ, tmp_path):
    """Starts a command that can be killed in the middle."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environ,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _blob(cache, content):
    return cache / "models--o--r" / "blobs" / hashlib.sha256(content).hexdigest()


class TestPipe:
    def test_the_usual_one(self, colonnade, hub):
        done = colonnade("pull", "hf:o/r")
        assert done.returncode == 0, done.stderr
        path = Path(done.stdout.strip())
        assert path.name == "m-Q4_K_M.gguf"
        assert path.read_bytes() == MODEL
        lines = done.stderr.splitlines()
        assert lines[:2] == [
            "Taking Q4_K_M, the usual one of 3",
            "Fetching m-Q4_K_M.gguf of o/r (2.86 MiB)",
        ]
        assert lines[-1].startswith("hf:o/r:Q4_K_M: 2.86 MiB are here; 2.86 MiB came at ")

        again = colonnade("pull", "hf:o/r:Q4_K_M")
        assert again.stdout == done.stdout
        assert again.stderr == "hf:o/r:Q4_K_M was here already (2.86 MiB)\n"

    def test_several_files_and_a_projector(self, colonnade, hub):
        hub.repos["o/r"]["mmproj-F16.gguf"] = PROJECTOR
        done = colonnade("pull", "hf:o/r:q8_0", "--no-mmproj")
        assert "Left there: mmproj-F16.gguf (504 bytes), for pictures or sound" in done.stderr
        folder = Path(done.stdout.strip()).parent
        parts = ["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"]
        assert sorted(each.name for each in folder.iterdir()) == parts

        done = colonnade("pull", "hf:o/r:q8_0")
        assert "With it comes mmproj-F16.gguf (504 bytes)" in done.stderr
        assert (folder / "mmproj-F16.gguf").read_bytes() == PROJECTOR
        assert colonnade("pull", "hf:o/r:q8_0").stderr.startswith("hf:o/r:q8_0 was here already")

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("o/r", "'o/r' is nothing to download: that is hf:OWNER/REPO[:FILE-OR-QUANT]; did you"),
            ("demo", "'demo' is nothing to download: that is hf:OWNER/REPO[:FILE-OR-QUANT]"),
            ("hf:o", "'hf:o' is not of the form hf:OWNER/REPO"),
            ("hf:o/../r", "'hf:o/../r' is not of the form hf:OWNER/REPO"),
            ("hf:../..", "'hf:../..' is not of the form hf:OWNER/REPO"),
            ("hf:o/away", "o/away is not on the hub, or is private (then HF_TOKEN must be set)"),
            ("hf:o/texts", "hf:o/texts has no GGUF file"),
            ("hf:o/r:Q5_K_M", "hf:o/r has no Q5_K_M; it has hf:o/r:Q2_K, hf:o/r:Q4_K_M, hf:o/r:Q"),
        ],
    )
    def test_refused_in_one_line(self, colonnade, hub, model, message):
        hub.repos["o/texts"] = {"README.md": b""}
        done = colonnade("pull", model)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"colonnade: {message}")
        assert len(done.stderr.splitlines()) == 1

    def test_many_models(self, colonnade, hub):
        hub.repos["o/r"] = {f"m{number}-IQ1_S.gguf": OTHER for number in range(10_000)}
        done = colonnade("pull", "hf:o/r")
        assert done.stderr.startswith(
            "colonnade: hf:o/r may mean several models; take one of hf:o/"
        )
        assert done.stderr.endswith("m1007-IQ1_S.gguf and 9,988 more\n")
        done = colonnade("pull", "hf:o/r:m77-IQ1_X.gguf")
        assert done.stderr.startswith("colonnade: hf:o/r has no m77-IQ1_X.gguf; it has ")
        assert len(done.stderr) < 1_000

    def test_hub_that_is_down(self, colonnade, hub):
        colonnade("pull", "hf:o/r:Q2_K")
        down = {"HF_ENDPOINT": hubs.unused_endpoint()}
        done = colonnade("pull", "hf:o/r:Q2_K", **down)
        assert done.returncode == 1
        assert done.stderr.endswith("(a downloaded copy is here and stays as it is)\n")
        done = colonnade("pull", "hf:o/r:Q8_0", **down)
        assert done.stderr.startswith("colonnade: o/r cannot be fetched: the hub cannot be reached")
        done = colonnade("pull", "hf:o/r:Q8_0", HF_HUB_OFFLINE="1")
        assert done.stderr == "colonnade: o/r cannot be fetched: HF_HUB_OFFLINE is set\n"


class TestGoesOn:
    def test_after_kill(self, start, colonnade, hub, cache):
        hub.hold_at = HELD
        process = start("pull", "hf:o/r:Q4_K_M")
        hub.held.acquire(timeout=GUARD_SECONDS)
        partial = Path(f"{_blob(cache, MODEL)}.incomplete")
        _until(lambda: partial.exists() and partial.stat().st_size > HELD // 2)
        process.kill()
        process.wait()
        here = partial.stat().st_size
        hub.hold_at = None
        done = colonnade("pull", "hf:o/r:Q4_K_M")
        assert done.returncode == 0, done.stderr
        assert hub.ranges == [None, f"bytes={here}-"]
        assert Path(done.stdout.strip()).read_bytes() == MODEL
        assert "of it are here)" in done.stderr

    def test_two_processes_at_once(self, start, hub, cache):
        hub.hold_at = HELD
        first = start("pull", "hf:o/r:Q4_K_M")
        hub.held.acquire(timeout=GUARD_SECONDS)
        second = start("pull", "hf:o/r:Q4_K_M")
        line = second.stderr.readline()
        assert line == "Another process is fetching m-Q4_K_M.gguf: waiting for it\n"
        hub.go_on.set()
        assert first.communicate()[0] == second.communicate()[0]
        assert (first.returncode, second.returncode) == (0, 0)
        assert hub.ranges == [None]

    def test_who_waited_goes_on_where_the_other_was_killed(self, start, hub, cache):
        hub.hold_at = HELD
        first = start("pull", "hf:o/r:Q4_K_M")
        hub.held.acquire(timeout=GUARD_SECONDS)
        partial = Path(f"{_blob(cache, MODEL)}.incomplete")
        _until(lambda: partial.exists() and partial.stat().st_size > HELD // 2)
        second = start("pull", "hf:o/r:Q4_K_M")
        second.stderr.readline()
        hub.hold_at = None
        first.kill()
        path = second.communicate()[0].strip()
        assert Path(path).read_bytes() == MODEL
        assert len(hub.ranges) == 2
        assert hub.ranges[1].startswith("bytes=")


class TestTerminal:
    def test_asks(self, terminal, hub):
        child = terminal("pull", "hf:o/r")
        child.expect_exact("hf:o/r has 3 models:")
        child.expect(
            r"1 +Q2_K +1004 bytes\s+2 +Q4_K_M +2.86 MiB +the usual one\s+3 +Q8_0 .*2 files"
        )
        child.expect_exact("Which one, by number or name? [Q4_K_M] ")
        child.sendline("Q5_K_M")
        child.expect_exact("hf:o/r has no Q5_K_M; it has ")
        child.expect_exact("Which one, by number or name? [Q4_K_M] ")
        child.sendline("1")
        child.expect_exact("Fetching m-Q2_K.gguf of o/r (1004 bytes)")
        child.expect_exact("hf:o/r:Q2_K: 1004 bytes are here; ")
        code, rest = end(child)
        assert code == 0
        assert rest.strip().endswith("m-Q2_K.gguf")

        child = terminal("pull", "hf:o/r")
        child.expect(r"Q2_K +1004 bytes +here")
        child.expect_exact("[Q4_K_M] ")
        child.sendline("")
        child.expect_exact("hf:o/r:Q4_K_M: 2.86 MiB are here; ")
        assert end(child)[0] == 0

    @pytest.mark.parametrize(("key", "code", "said"), [("c", 130, "Stopped."), ("d", 1, "nothing")])
    def test_nothing_chosen(self, terminal, hub, key, code, said):
        child = terminal("pull", "hf:o/r")
        child.expect_exact("[Q4_K_M] ")
        child.sendcontrol(key)
        child.expect_exact(said)
        assert end(child)[0] == code

    def test_interrupted(self, terminal, hub, cache):
        hub.hold_at = HELD
        child = terminal("pull", "hf:o/r:Q4_K_M")
        child.expect(r"m-Q4_K_M\.gguf .*1\.4/2\.9 MiB")
        child.sendcontrol("c")
        child.expect(r"Stopped: 1\.\d\d MiB of 2\.86 MiB are kept, and the same command goes on")
        assert end(child)[0] == 130
        hub.hold_at = None
        child = terminal("pull", "hf:o/r:Q4_K_M")
        child.expect(r"Fetching m-Q4_K_M.gguf of o/r \(2\.86 MiB, 1\.\d\d MiB of it are here\)")
        assert end(child)[0] == 0
        assert _blob(cache, MODEL).read_bytes() == MODEL

    def test_names_of_somebody_elses(self, terminal, hub):
        hub.repos["o/r"] = {"[red]a\x1b]0;x-Q2_K.gguf": OTHER, "b-Q2_K.gguf": OTHER}
        child = terminal("pull", "hf:o/r")
        child.expect_exact("[red]a\\u001b]0;x-Q2_K.gguf")
        child.expect_exact("name? ")
        child.sendline("1")
        child.expect_exact("which is none to be stored under")
        assert end(child)[0] == 1


@pytest.fixture
def disk(environ, tmp_path):
    """Runs Python code with ``pull(model)`` and a cache on a small disk of its own; ``first`` is
    done to the disk before."""
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare here")

    def run(code, first):
        cache = tmp_path / "disk"
        cache.mkdir()
        prelude = "import sys; from colonnade.cli.commands import main"
        program = f"{prelude}\n{code}"
        script = f'set -e; cd "$1"; {first}; shift; exec "$@"'
        return subprocess.run(
            ["unshare", "-rm", "sh", "-c", script, "sh", str(cache), sys.executable, "-c", program],
            env=environ | {"HF_HUB_CACHE": str(cache / "hub")},
            capture_output=True,
            text=True,
            timeout=GUARD_SECONDS,
            check=False,
        )

    probe = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("no disks can be mounted here")
    return run


class TestDisk:
    def test_too_small(self, disk, hub):
        done = disk('main(["pull", "hf:o/r:Q4_K_M"])', "mount -t tmpfs -o size=2m none .; cd .")
        assert done.returncode == 1
        assert "colonnade: o/r needs 2.86 MiB more, and the disk of " in done.stderr
        assert hub.ranges == []

    def test_full_in_the_middle(self, disk, hub):
        """Others write, too, while it comes."""
        code = """
import shutil
from types import SimpleNamespace
shutil.disk_usage = lambda _: SimpleNamespace(free=10**12)
try:
    main(["pull", "hf:o/r:Q4_K_M"])
finally:
    from pathlib import Path
    print([each.stat().st_size > 10**6 for each in Path("hub").rglob("*.incomplete")])
"""
        done = disk(code, 'mount -t tmpfs -o size=2m none "$1"; cd "$1"')
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(
            ": the disk is full; what has come is kept, and the next try goes on from there"
        )
        assert done.stdout == "[True]\n"

    def test_that_cannot_be_written(self, disk, hub, colonnade, tmp_path, cache):
        colonnade("pull", "hf:o/r:Q2_K")
        first = f"mkdir hub; mount --bind {cache} hub; mount -o remount,bind,ro hub; true"
        code = """
for model in ("hf:o/r:Q2_K", "hf:o/r:Q8_0"):
    try:
        main(["pull", model])
    except SystemExit as end:
        print(end.code)
"""
        done = disk(code, first)
        path, *codes = done.stdout.splitlines()
        assert path.endswith("m-Q2_K.gguf")
        assert codes == ["0", "1"]
        assert "hf:o/r:Q2_K was here already" in done.stderr
        assert done.stderr.endswith(": Read-only file system\n")


def _until(true):
    import time

    deadline = time.monotonic() + GUARD_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)

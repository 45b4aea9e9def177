"""``hf:`` on the command line, with a model that really loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

COMMAND = (sys.executable, "-m", "colonnade")


@pytest.fixture
def colonnade(stand_in, tmp_path):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("COLONNADE_")}
    hub = {"HF_ENDPOINT": stand_in.endpoint, "HF_HUB_CACHE": str(tmp_path / "hub")}

    def run(*arguments, **variables):
        return subprocess.run(
            [*COMMAND, *arguments],
            env=kept | hub | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_download_and_cache(colonnade, stand_in, random_model, gone):
    stand_in.repos["owner/tiny"] = {"tiny-Q8_0.gguf": random_model("llama").read_bytes()}
    check = ("check", "hf:owner/tiny:Q8_0", "--json", "--threads", "1")

    done = colonnade(*check)
    assert json.loads(done.stdout)["model"] == "owner/tiny:Q8_0", done.stderr
    assert "Fetching tiny-Q8_0.gguf of owner/tiny" in done.stderr

    for offline in ({"HF_ENDPOINT": gone}, {"HF_HUB_OFFLINE": "1"}):
        done = colonnade(*check, **offline)
        assert json.loads(done.stdout)["model"] == "owner/tiny:Q8_0", done.stderr
        assert "taking the downloaded copy" in done.stderr

    listed = [line.split()[0] for line in colonnade("models").stdout.splitlines()[1:]]
    here = [name for name in listed if not name.startswith("pkg:")]  # of the tests' environment
    assert here == ["demo", "hf:owner/tiny:Q8_0"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("hf:owner/away", "owner/away is not on the hub"),
        ("hf:owner/gated", "owner/gated is gated"),
        ("hf:owner", "'hf:owner' is not of the form"),
    ],
)
def test_refused_in_one_line(colonnade, stand_in, model, message):
    stand_in.repos["owner/gated"] = {"m.gguf": b"GGUF"}
    stand_in.gated.add("owner/gated")
    done = colonnade("serve", model, "--port", "0")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"colonnade: {message}")
    assert "Traceback" not in done.stderr


def test_hub_down_without_a_copy(colonnade, gone):
    done = colonnade("check", "hf:owner/tiny", HF_ENDPOINT=gone)
    assert done.returncode == 1
    assert done.stderr.startswith("colonnade: owner/tiny cannot be fetched: the hub cannot be")
    assert len(done.stderr.splitlines()) == 1

"""``colonnade check``."""

from __future__ import annotations

import json
import re

from colonnade.worker.llama import openmp_waits

# The tests have the machine not for themselves, and threads that wait for each other are slow.
ONE = ("--threads", "1")


def test_for_people(colonnade, model):
    done = colonnade("check", model, *ONE)
    assert done.returncode == 0
    assert re.search(r"^Model +llama \(llama [A-Z]\w*\)$", done.stdout, re.MULTILINE)
    labels = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"Model", "Memory", "Prefill", "Decoding", "Waiting", "Template", "Infill"} <= labels


def test_for_machines(colonnade, model):
    done = colonnade("check", model, *ONE, "--json", "--ctx-size", "256")
    report = json.loads(done.stdout)
    assert report["model"] == "llama"
    assert report["context"] == 256
    assert report["generates"] is True
    assert report["prefill_speed"] > 0
    assert report["decode_speed"] > 0
    assert report["memory_bytes"] > report["size_bytes"] > 0
    assert report["embedding_size"] is None
    assert report["thread_wait"] is None


def test_the_speed_is_that_of_the_wait_it_chose(colonnade, model):
    report = json.loads(colonnade("check", model, "--threads", "2", "--json").stdout)
    if openmp_waits(2) is not None:
        assert re.fullmatch(
            r"(spinning before sleep|asleep): a step takes [\d.]+ ms spinning, [\d.]+ asleep",
            report["thread_wait"],
        )


def test_smallest_context(colonnade, model):
    assert colonnade("check", model, *ONE, "--ctx-size", "8").returncode == 0


def test_embedding_model(colonnade, random_model):
    done = colonnade("check", random_model("embedding"), *ONE, "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["generates"] is False
    assert report["embedding_size"] > 0
    assert report["decode_speed"] is None


def test_progress_in_plain_lines(colonnade, model):
    lines = colonnade("check", model, *ONE).stderr.splitlines()
    assert lines[0] == "Loading llama.gguf"
    assert lines[-1] == "Loading llama.gguf: 100%"


def test_models(colonnade):
    done = colonnade("models")
    assert done.returncode == 0
    demo, *packages = done.stdout.splitlines()
    assert demo.split() == ["demo", "embedded"]
    assert all(line.startswith("pkg:") for line in packages), "those of tests/real, if installed"

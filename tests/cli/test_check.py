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


class TestEstimate:
    def test_for_people(self, colonnade, model):
        done = colonnade("check", model, *ONE, "--estimate", "--memory", "500")
        assert done.returncode == 0
        assert not done.stderr
        words = r"^Fit +2,048 tokens x 4; of 500 MiB: weights [\d.]+ MiB, KV .* program [\d.]+ MiB$"
        assert re.search(words, done.stdout, re.MULTILINE)

    def test_what_embeds_has_no_slots(self, colonnade, random_model):
        done = colonnade("check", random_model("bert"), *ONE, "--estimate", "--memory", "500")
        assert done.returncode == 0
        words = r"^Fit +[\d,]+ tokens; of 500 MiB: weights [\d.]+ MiB, compute .*$"
        assert re.search(words, done.stdout, re.MULTILINE)

    def test_for_machines_with_everything_chosen(self, colonnade, model):
        wishes = "--ctx-size", "0", "--slots", "0", "--memory", "500", "--mmap"
        found = json.loads(colonnade("check", model, *ONE, "--estimate", "--json", *wishes).stdout)
        assert (found["context"], found["slots"]) == (found["context_trained"], 4)
        assert found["room_bytes"] == 500 << 20
        parts = ("weights", "mapped", "cache", "compute", "program")
        assert sum(found[f"{part}_bytes"] for part in parts) == found["total_bytes"]
        assert found["mapped_bytes"] > 0
        assert found["fits"] is True

    def test_what_does_not_fit(self, colonnade, model):
        done = colonnade("check", model, *ONE, "--estimate", "--memory", "20")
        assert done.returncode == 1
        assert "tokens x 4; of 20.0 MiB" in done.stdout
        assert re.fullmatch(r"colonnade: llama\.gguf does not fit: .*\n", done.stderr)
        done = colonnade("check", model, *ONE, "--estimate", "--memory", "20", "--ctx-size", "0")
        assert done.returncode == 1
        assert re.search(r"in all; there is room for 20 MiB\n$", done.stderr)

    def test_what_is_no_model(self, colonnade, tmp_path):
        file = tmp_path / "no.gguf"
        file.write_bytes(b"GGUF")
        done = colonnade("check", str(file), *ONE, "--estimate")
        assert done.returncode == 1
        assert "no.gguf is damaged" in done.stderr


def test_progress_in_plain_lines(colonnade, model):
    lines = colonnade("check", model, *ONE).stderr.splitlines()
    assert lines[0] == "Loading llama.gguf"
    assert lines[-1] == "Loading llama.gguf: 100%"


def test_models(colonnade):
    done = colonnade("models")
    assert done.returncode == 0
    head, demo, *packages = done.stdout.splitlines()
    assert head.split() == ["MODEL", "SIZE", "QUANTIZATION", "MODIFIED"]
    assert (demo.split()[0], demo.split()[-1]) == ("demo", "embedded")
    assert all(line.startswith("pkg:") for line in packages), "those of tests/real, if installed"

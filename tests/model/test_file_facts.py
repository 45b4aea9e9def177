"""What the header of a file says, and that a hostile one costs little."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gguf import GGUFReader, GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.random_gguf import write_random_gguf
from benchmarks.random_projector import write_random_projector
from colonnade.messages import FileFacts, LoadModel
from colonnade.worker.llama import LlamaModel, ModelError, describe
from colonnade.worker.llama import footprint as demo
from colonnade.worker.llama.file_facts import file_facts

if TYPE_CHECKING:
    from tests.conftest import RandomModel

DEMO = Path(demo.__file__).parents[2] / "demo" / "demo.gguf"
KINDS = ("llama", "sliding", "recurrent", "embedding", "reranker", "qwen3-embedding")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_llama_cpp_finds_in_the_file(kind: str, random_model: RandomModel) -> None:
    path = random_model(kind)
    facts = file_facts(path)
    model = LlamaModel(LoadModel(str(path), ctx_size=64, slots=1, threads=1), lambda _: True)
    try:
        info = describe(model)
    finally:
        model.close()
    for name in ("name", "architecture", "parameters", "ctx_train", "embedding_size", "vocab_size"):
        assert getattr(facts, name) == getattr(info, name), name
    assert facts.decoder == info.decoder
    assert facts.infill == info.infill
    assert facts.chat_template == bool(info.chat_templates)
    assert facts.size == path.stat().st_size
    assert facts.model


def test_what_the_embedded_model_can_do() -> None:
    facts = file_facts(DEMO)
    assert (facts.chat_template, facts.tools, facts.thoughts) == (True, True, True)
    assert facts.infill
    assert facts.pooling == ""


def test_how_embeddings_are_pooled(random_model: RandomModel) -> None:
    pooled = {kind: file_facts(random_model(kind)).pooling for kind in KINDS}
    assert pooled["embedding"] == "mean"
    assert pooled["qwen3-embedding"] == "last"
    assert pooled["reranker"] == "rank"
    assert pooled["llama"] == ""


def test_projectors_are_no_models(tmp_path: Path) -> None:
    vision, audio = (
        file_facts(write_random_projector(tmp_path / f"{kind}.gguf", kind=kind))
        for kind in ("gemma3", "ultravox")
    )
    assert (vision.projector, vision.vision, vision.audio, vision.model) == (
        True,
        True,
        False,
        False,
    )
    assert (audio.projector, audio.vision, audio.audio, audio.decoder) == (True, False, True, False)


def test_adapters_and_classifiers_are_told(tmp_path: Path) -> None:
    adapter = _written(tmp_path / "lora.gguf", "llama", {"general.type": "adapter"})
    assert (adapter.adapter, adapter.model, adapter.decoder) == (True, False, False)
    labels = ["no", "yes"] * 50
    judge = _written(tmp_path / "judge.gguf", "bert", {"bert.classifier.output_labels": labels})
    assert (judge.labels, judge.decoder, judge.model) == (tuple(labels[:64]), False, True)


def test_where_it_comes_from(tmp_path: Path) -> None:
    base = "general.base_model.0"
    facts = _written(
        tmp_path / "m.gguf",
        "llama",
        {
            "general.license": "apache-2.0",
            f"{base}.name": "Small",
            f"{base}.organization": "Owner",
            "general.base_model.1.name": "Other",
        },
        {"general.base_model.count": 2, "general.file_type": 15},
        tensors=2,
    )
    assert facts.license == "apache-2.0"
    assert facts.base_models == ("Owner/Small", "Other")
    assert facts.quantization == "Q4_K_M"
    assert facts.types == (("F32", 256),)
    unsaid = _written(
        tmp_path / "n.gguf",
        "llama",
        {},
        {"general.base_model.count": (1 << 32) - 1, "general.file_type": 9999},
    )
    assert (unsaid.base_models, unsaid.quantization, unsaid.types) == ((), "", ())


def test_types_of_real_tensors(random_model: RandomModel) -> None:
    path = random_model("llama")
    facts = file_facts(path)
    read = GGUFReader(path)
    sizes: dict[str, int] = {}
    for tensor in read.tensors:
        name = tensor.tensor_type.name
        sizes[name] = sizes.get(name, 0) + int(tensor.n_bytes)
    assert {name for name, _ in facts.types} == set(sizes)
    for name, size in facts.types:
        assert sizes[name] <= size < sizes[name] + 32 * len(read.tensors)  # with what is between


def test_parts_of_a_file_are_counted_together(tmp_path: Path) -> None:
    for number in (1, 2):
        _written(tmp_path / f"m-0000{number}-of-00002.gguf", "llama", {}, tensors=number)
    _written(tmp_path / "m-00001-of-00003.gguf", "llama", {})
    facts = file_facts(tmp_path / "m-00001-of-00002.gguf")
    assert facts.parameters == 3 * 32
    assert facts.size == sum(each.stat().st_size for each in tmp_path.glob("*-of-00002.gguf"))


def _written(
    path: Path,
    architecture: str,
    values: dict[str, str | list[str]],
    numbers: dict[str, int] | None = None,
    tensors: int = 0,
) -> FileFacts:
    import numpy as np

    writer = GGUFWriter(path, architecture)
    for key, value in values.items():
        (writer.add_string if isinstance(value, str) else writer.add_array)(key, value)
    for key, number in (numbers or {}).items():
        writer.add_uint32(key, number)
    for number in range(tensors):
        writer.add_tensor(f"blk.{number}.x", np.zeros(32, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file_facts(path)


_HEAD = b"GGUF" + struct.pack("<I", 3)
_KEY = struct.pack("<Q", 1) + b"k"
HUGE = (1 << 64) - 1


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<QQ", HUGE, 0),
        struct.pack("<QQ", 0, HUGE),
        struct.pack("<QQQ", 0, 1, HUGE),
        struct.pack("<QQ", 0, 1) + _KEY + struct.pack("<IQ", 8, HUGE),
        struct.pack("<QQ", 0, 1) + _KEY + struct.pack("<IIQ", 9, 8, 1 << 40),
        struct.pack("<QQ", 0, 1) + _KEY + struct.pack("<IIQ", 9, 4, HUGE),
        struct.pack("<QQ", 0, 1) + _KEY + struct.pack("<IIQ", 9, 9, 1 << 30),
        struct.pack("<QQ", 0, 1) + _KEY + struct.pack("<I", 99),
        struct.pack("<QQ", 1, 0) + _KEY + struct.pack("<I", 1000),
        struct.pack("<QQ", 1, 0) + _KEY + struct.pack("<IQQQQ", 4, HUGE, HUGE, HUGE, HUGE),
    ],
)
def test_no_count_is_believed(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.gguf"
    with path.open("wb") as file:
        file.write(_HEAD + body)
        file.truncate(1 << 40)  # zeros, as long as anybody may say
    began = time.process_time()
    with pytest.raises(ModelError, match=r"hostile.gguf is damaged"):
        file_facts(path)
    assert time.process_time() - began < 10


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = write_random_gguf(tmp_path_factory.mktemp("whole") / "model.gguf", vocab=512)
    return path.read_bytes()[:60_000]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_a_header_holds_it_is_facts_or_a_refusal(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 9))
        changed[at : at + 8] = data.draw(
            st.one_of(st.binary(min_size=8, max_size=8), st.sampled_from([b"\xff" * 8, bytes(8)]))
        )
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(changed[: data.draw(st.integers(4, len(changed)))])
    with suppress(ModelError):
        facts = file_facts(path)
        assert facts.parameters >= 0
        assert len(facts.name) <= 200

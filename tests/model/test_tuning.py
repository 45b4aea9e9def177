"""llama.cpp's further options: what each changes, against ``Llama``, and what is refused."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp
import msgspec
import numpy as np
import pytest
from gguf import GGUFWriter

from benchmarks import random_gguf
from colonnade.engine import Engine, LoadError
from colonnade.messages import LoadModel, Tuning
from colonnade.worker.llama import LlamaModel, ModelError, describe
from colonnade.worker.llama.adapters import _fits, _parts
from colonnade.worker.llama.header import HeaderError, Tensor, read_header
from colonnade.worker.ports import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tests.conftest import RandomModel

    Logits = NDArray[np.float32]
    WriteAdapter = Callable[..., str]

PROMPT = np.random.default_rng(7).integers(10, 4000, 150).tolist()
CTX = 256
BATCH = 64
YARN = {"rope_scaling_type": 2, "rope_freq_scale": 0.25}
KV = "kv_overrides"


@contextmanager
def _loaded(path: Path, *, options: dict[str, Any] | None = None, **wishes: Any) -> Iterator[Any]:
    shape = {"ctx_size": CTX, "slots": 1, "batch_size": BATCH, "threads": 1}
    wishes = shape | {"flash_attention": "off"} | wishes
    load = LoadModel(str(path), tuning=Tuning(**options or {}), **wishes)
    model = LlamaModel(load, lambda _: True)
    try:
        yield model
    finally:
        model.close()


def _read(model: LlamaModel, tokens: list[int] = PROMPT) -> Logits:
    """Logits after the tokens, read as the worker reads a prompt."""
    for at in range(0, len(tokens), BATCH):
        part = tokens[at : at + BATCH]
        rows = model.decode([Chunk(0, at, part, 1)])
    return rows[-1].copy()


def _logits(path: Path, options: dict[str, Any] | None = None, **wishes: Any) -> Logits:
    with _loaded(path, options=options, **wishes) as model:
        return _read(model)


def _greedy(model: LlamaModel, count: int = 16) -> list[int]:
    tokens = [int(_read(model).argmax())]
    while len(tokens) < count:
        rows = model.decode([Chunk(0, len(PROMPT) + len(tokens) - 1, tokens[-1:], 1)])
        tokens.append(int(rows[0].argmax()))
    return tokens


def _reference(path: Path, **theirs: Any) -> Logits:
    """What ``Llama`` computes with its own options."""
    shape = {"n_ctx": CTX, "n_batch": BATCH, "n_ubatch": BATCH, "n_threads": 1}
    shape |= {"n_threads_batch": 1, "verbose": False}
    llama = llama_cpp.Llama(str(path), **shape | theirs)
    llama.eval(PROMPT)
    logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(llama.ctx), (llama.n_vocab(),))
    last = logits.copy()
    llama.close()
    return last


def _same(left: Logits, right: Logits) -> bool:
    assert np.isfinite(left).all()
    return bool(np.allclose(left, right, atol=1e-4))


@pytest.fixture(scope="session")
def plain(random_model: RandomModel) -> Logits:
    """Logits of the llama kind without any option."""
    return _logits(random_model("llama"))


@pytest.fixture
def write_adapter(tmp_path: Path) -> WriteAdapter:
    """Write a LoRA adapter of rank 8 for the llama kind, or what is asked for in its place."""

    def write(
        *,
        arch: str = "llama",
        kind: str = "lora",
        alpha: float | int = 8.0,
        tensors: dict[str, NDArray[Any]] | None = None,
        name: str = "adapter",
    ) -> str:
        path = tmp_path / f"{name}.gguf"
        writer = GGUFWriter(path, arch)
        writer.add_string("general.type", "adapter")
        writer.add_string("adapter.type", kind)
        if isinstance(alpha, int):
            writer.add_uint32("adapter.lora.alpha", alpha)
        else:
            writer.add_float32("adapter.lora.alpha", alpha)
        writer.add_array("general.tags", ["of", "no", "use"])
        writer.add_array("general.numbers", [1, 2, 3])
        for tensor, values in (tensors or _pair("blk.0.attn_q.weight", 128, 128)).items():
            writer.add_tensor(tensor, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return str(path)

    return write


def _pair(weight: str, inputs: int, outputs: int, rank: int = 8) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(3)
    return {
        f"{weight}.lora_a": random.standard_normal((rank, inputs)).astype(np.float32) * 0.2,
        f"{weight}.lora_b": random.standard_normal((outputs, rank)).astype(np.float32) * 0.2,
    }


# what the options change, by the same options of ``Llama``


@pytest.mark.parametrize(
    ("options", "base"),
    [
        ({"rope_freq_base": 500.0}, {}),
        ({"rope_freq_scale": 0.25}, {}),
        (YARN, {"rope_freq_scale": 0.25}),
        ({"rope_scaling_type": 2, "yarn_ext_factor": 1.0, "rope_freq_scale": 0.5}, {}),
        (YARN | {"yarn_ext_factor": 0.3}, YARN),
        (YARN | {"yarn_ext_factor": 0.0, "yarn_attn_factor": 1.5}, YARN | {"yarn_ext_factor": 0.0}),
        (YARN | {"yarn_beta_fast": 400.0}, YARN),
        (YARN | {"yarn_beta_slow": 8.0}, YARN),
        (YARN | {"yarn_orig_ctx": 64}, YARN),
    ],
    ids=lambda options: "+".join(options) or "plain",
)
def test_positions_are_rotated_as_llama_does(
    options: dict[str, Any], base: dict[str, Any], random_model: RandomModel
) -> None:
    path = random_model("llama")
    ours = _logits(path, options)
    assert _same(ours, _reference(path, **options))
    assert not _same(ours, _logits(path, base))


def test_no_scaling_takes_the_scale_away(random_model: RandomModel, plain: Logits) -> None:
    scaled = {"rope_scaling_type": 0, "rope_freq_scale": 0.25}
    assert _same(_logits(random_model("llama"), scaled), plain)


@pytest.mark.parametrize("zero", ["rope_freq_base", "rope_freq_scale", "yarn_orig_ctx"])
def test_zero_is_as_the_file_says(zero: str, random_model: RandomModel, plain: Logits) -> None:
    assert _same(_logits(random_model("llama"), {zero: 0}), plain)


def test_overrides_of_each_type(random_model: RandomModel, plain: Logits) -> None:
    path = random_model("llama")
    overrides = {
        "llama.context_length": 4096,
        "llama.rope.scaling.type": "linear",
        "llama.rope.scaling.factor": 4.0,
        "tokenizer.ggml.add_bos_token": True,
        "general.name": "n" * 127,
    }
    with _loaded(path, options={KV: overrides}) as model:
        info, ours = describe(model), _read(model)
    assert info.ctx_train == 4096
    assert info.add_bos
    assert _same(ours, _reference(path, kv_overrides=overrides))
    assert _same(ours, _logits(path, {"rope_freq_scale": 0.25}))
    assert not _same(ours, plain)
    with _loaded(path) as model:
        info = describe(model)
    assert info.ctx_train == 2048
    assert not info.add_bos


def test_the_context_that_the_overrides_say_is_what_a_request_gets(
    random_model: RandomModel,
) -> None:
    options = {KV: {"llama.context_length": 300}}
    with _loaded(random_model("llama"), options=options, ctx_size=0) as model:
        assert model.ctx_size == 300


def test_an_override_that_nothing_reads_is_pointed_out(
    random_model: RandomModel, plain: Logits, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {KV: {"llama.contxt_length": 300}}
    assert _same(_logits(random_model("llama"), options), plain)
    assert "kv_overrides['llama.contxt_length'] changes nothing" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["llama", "sliding", "hybrid", "recurrent"])
def test_small_passes_give_the_same_tokens(kind: str, random_model: RandomModel) -> None:
    path, context = random_model(kind), llama_cpp.llama_n_ubatch
    found = []
    for size in (None, 7):
        with _loaded(path, options={"ubatch_size": size}) as model:
            found.append(_greedy(model))
            assert model.batch_size == BATCH
            assert context(model._context) == (size or BATCH)
    assert found[0] == found[1]
    assert len(set(found[0])) > 4


def test_side_by_side_with_passes_smaller_than_the_slots(random_model: RandomModel) -> None:
    """Every slot's row is there, whatever passes they were computed in."""
    rows = []
    for size in (None, 1):
        options = {"ubatch_size": size}
        with _loaded(random_model("recurrent"), options=options, slots=3) as model:
            chunks = [Chunk(slot, 0, PROMPT[slot : slot + 9], 1) for slot in range(3)]
            rows.append(model.decode(chunks).copy())
    assert np.allclose(rows[0], rows[1], atol=1e-3)


def test_a_short_context_bounds_the_passes(random_model: RandomModel) -> None:
    wishes: dict[str, Any] = {"batch_size": 512, "options": {"ubatch_size": 512}}
    with _loaded(random_model("llama"), **wishes) as model:
        assert llama_cpp.llama_n_ubatch(model._context) == CTX


def test_the_whole_cache_under_a_sliding_window(random_model: RandomModel) -> None:
    tokens, kept = [], []
    for full in (True, False):
        options = {"swa_full": full, "ubatch_size": 32}
        with _loaded(random_model("sliding"), options=options, ctx_size=1024) as model:
            tokens.append(_greedy(model))
            model.keep(0, 0)
            _read(model, (PROMPT * 6)[:900])
            kept.append(model.can_keep(0, 100))
    assert tokens[0] == tokens[1]
    assert kept == [True, False]


@pytest.mark.parametrize(
    ("options", "wishes"),
    [
        ({"kv_type_k": "q8_0"}, {}),
        ({"kv_type_k": "q4_0", "kv_type_v": "f16"}, {"kv_type": "f32"}),
        ({"kv_type_k": "f16", "kv_type_v": "q8_0"}, {"flash_attention": "on", "kv_type": "f32"}),
        ({"kv_type_v": "q8_0"}, {"flash_attention": "auto"}),
    ],
)
def test_keys_and_values_of_other_types(
    options: dict[str, Any], wishes: dict[str, Any], random_model: RandomModel
) -> None:
    path = random_model("llama")
    bits = {"f32": 32, "f16": 16, "q8_0": 8.5, "q4_0": 4.5}
    types = [options.get(f"kv_type_{side}", wishes.get("kv_type", "f16")) for side in "kv"]
    with _loaded(path, options=options, **wishes) as model:
        ours, size = _read(model), len(model.save(0))
    layers, width = 4, 64
    expected = sum(bits[kind] for kind in types) / 8 * width * layers * len(PROMPT)
    assert size == pytest.approx(expected, rel=0.02)
    numbers = {"f32": 0, "f16": 1, "q8_0": 8, "q4_0": 2}
    theirs = {"type_k": numbers[types[0]], "type_v": numbers[types[1]]}
    flash = wishes.get("flash_attention", "off") != "off"
    assert _same(ours, _reference(path, flash_attn=flash, **theirs))


@pytest.mark.parametrize(("scale", "changes"), [(0.0, False), (1.0, True), (-0.5, True)])
def test_an_adapter(
    scale: float,
    changes: bool,
    random_model: RandomModel,
    plain: Logits,
    write_adapter: WriteAdapter,
) -> None:
    path, adapter = random_model("llama"), write_adapter(alpha=16.0)
    ours = _logits(path, {"lora": ((adapter, scale),)})
    assert _same(ours, _reference(path, lora_path=adapter, lora_scale=scale))
    assert _same(ours, plain) is not changes


def test_adapters_add_up(random_model: RandomModel, write_adapter: WriteAdapter) -> None:
    path = random_model("llama")
    query, down = _pair("blk.0.attn_q.weight", 128, 128), _pair("blk.1.ffn_down.weight", 256, 128)
    first, second = (
        write_adapter(name=name, tensors=tensors)
        for name, tensors in (("first", query), ("second", down))
    )
    both = write_adapter(name="both", tensors=query | down)
    apart = _logits(path, {"lora": ((first, 0.5), (second, 0.25), (second, 0.25))})
    assert _same(apart, _logits(path, {"lora": ((both, 0.5),)}))
    assert not _same(apart, _logits(path, {"lora": ((first, 0.5),)}))


def test_an_adapter_of_the_embedding(
    random_model: RandomModel, plain: Logits, write_adapter: WriteAdapter
) -> None:
    pair = _pair("token_embd.weight", 4096, 128)
    adapter = write_adapter(
        tensors={name: values.T if "_a" in name else values for name, values in pair.items()}
    )
    path = random_model("llama")
    ours = _logits(path, {"lora": ((adapter, 1.0),)})
    assert _same(ours, _reference(path, lora_path=adapter))
    assert not _same(ours, plain)


# what only a machine with GPUs, or with several processors, shows: that it reaches llama.cpp

NAMES = ("split_mode", "main_gpu", "offload_kqv", "op_offload")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What llama.cpp is given while a model is loaded."""
    seen: dict[str, Any] = {}
    load, init = llama_cpp.llama_model_load_from_file, llama_cpp.llama_init_from_model

    def look(params: Any) -> None:
        seen.update((name, getattr(params, name)) for name in NAMES if hasattr(params, name))

    def load_model(path: bytes, params: Any) -> Any:
        look(params)
        seen["tensor_split"] = params.tensor_split[:16] if params.tensor_split else None
        return load(path, params)

    def make_context(model: Any, params: Any) -> Any:
        look(params)
        return init(model, params)

    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", load_model)
    monkeypatch.setattr(llama_cpp, "llama_init_from_model", make_context)
    monkeypatch.setattr(llama_cpp, "llama_numa_init", lambda numa: seen.update(numa=numa))
    return seen


@pytest.mark.skipif(llama_cpp.llama_supports_gpu_offload(), reason="GPUs that are there may refuse")
def test_what_is_for_gpus_reaches_llama_cpp(
    given: dict[str, Any], random_model: RandomModel, plain: Logits
) -> None:
    path = random_model("llama")
    ours = {"split_mode": 2, "main_gpu": 1, "offload_kqv": False, "op_offload": False, "numa": 2}
    logits = _logits(path, ours | {"tensor_split": (3.0, 1.0)})
    assert given == ours | {"tensor_split": [3.0, 1.0] + [0.0] * 14}
    assert _same(logits, plain)


def test_what_is_not_given_is_left_alone(given: dict[str, Any], random_model: RandomModel) -> None:
    _logits(random_model("llama"))
    ours = dict(given)
    params = (
        llama_cpp.llama_model_default_params(),
        llama_cpp.llama_context_default_params(),
    )
    defaults = {
        name: getattr(each, name) for each in params for name in NAMES if hasattr(each, name)
    }
    assert ours == defaults | {"tensor_split": None}


# what is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split_mode": 4}, "split_mode is 4; it can be from 0 to 3"),
        ({"split_mode": -1}, "split_mode is -1"),
        ({"split_mode": 3}, "split_mode is 3, which needs a GPU"),
        ({"main_gpu": 16}, "main_gpu is 16; it can be from -1 to 15"),
        ({"main_gpu": 10**400}, "main_gpu is far too large"),
        ({"tensor_split": (1.0,) * 17}, "tensor_split has 17 shares; most are 16"),
        ({"tensor_split": (1.0, -1.0)}, "tensor_split's share is -1"),
        ({"ubatch_size": 0}, "ubatch_size is 0"),
        ({"ubatch_size": 65}, "ubatch_size is 65, more than batch_size, 64"),
        ({"rope_scaling_type": 4}, "rope_scaling_type is 4; it can be from -1 to 3"),
        ({"rope_freq_base": -1.0}, "rope_freq_base is -1; it can be 0 or from"),
        ({"rope_freq_base": 0.5}, "rope_freq_base is 0.5"),
        ({"rope_freq_base": 1e39}, r"rope_freq_base is 1e\+39"),
        ({"rope_freq_scale": -1.0}, "rope_freq_scale is -1; it can be 0 or from"),
        ({"rope_freq_scale": 1e5}, "rope_freq_scale is 100000"),
        ({"yarn_ext_factor": 1e9}, "yarn_ext_factor is"),
        ({"yarn_attn_factor": 1e9}, "yarn_attn_factor is"),
        ({"yarn_beta_fast": 1e9}, "yarn_beta_fast is"),
        ({"yarn_beta_slow": -1e9}, "yarn_beta_slow is"),
        ({"yarn_orig_ctx": -1}, "yarn_orig_ctx is -1"),
        ({"yarn_orig_ctx": 1 << 31}, "yarn_orig_ctx is 2147483648; it can be from 0 to 2147483647"),
        ({"numa": 5}, "numa is 5; it can be from 0 to 4"),
        ({"kv_type_k": "q9"}, "kv_type_k is 'q9'; it can be f32, f16"),
        ({"kv_type_v": ""}, "kv_type_v is ''"),
        ({"kv_type_v": "q8_0"}, "kv_type_v is 'q8_0', which needs flash_attention"),
        ({"kv_type_v": "iq4_nl", "kv_type_k": "f16"}, "kv_type_v is 'iq4_nl', which needs"),
        ({KV: {"": 1}}, "kv_overrides has an empty key"),
        ({KV: {"k" * 128: 1}}, "kv_overrides has the key 'k+', 128 bytes; most are 127"),
        ({KV: {"a\0b": 1}}, "kv_overrides has the key .*, which holds a zero"),
        ({KV: {"general.name": "é" * 64}}, "'general.name'.* is 'é+', 128 bytes; most are 127"),
        ({KV: {"general.name": "a\0b"}}, "kv_overrides.'general.name'. is .* holds a zero"),
        ({KV: {"llama.context_length": 1 << 32}}, "'llama.context_length'. is 4294967296"),
        ({KV: {"llama.rope.freq_base": 1e39}}, "kv_overrides.'llama.rope.freq_base'. is 1e"),
        ({KV: {"llama.attention.layer_norm_rms_epsilon": -1.0}}, "rms_epsilon'. is -1; it can"),
        ({KV: {"gemma3.rope.freq_base_swa": -3.0}}, "kv_overrides.'gemma3.rope.freq_base_swa'. is"),
        ({KV: {"llama.rope.scaling.attn_factor": 1e38}}, "scaling.attn_factor'. is 1e"),
        ({"lora": (("", 1.0),)}, "lora: .* is not a file"),
        ({"lora": (("/no/such.gguf", 1.0),)}, "lora: /no/such.gguf: no such file"),
        ({"lora": (("/no/such.gguf", 1e9),)}, "lora's scale is 1000000000"),
    ],
)
def test_values_that_cannot_be(
    options: dict[str, Any],
    words: str,
    random_model: RandomModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: False)
    # checked before llama.cpp is asked, so that no trial run is needed either
    monkeypatch.setattr("colonnade.worker.llama.opening.rehearse", lambda _: None)
    with (
        pytest.raises(ModelError, match=words) as caught,
        _loaded(random_model("llama"), options=options),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_parallel_tensors_need_flash_attention(
    random_model: RandomModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: True)
    words = "split_mode is 3, which needs flash_attention"
    with (
        pytest.raises(ModelError, match=words),
        _loaded(random_model("llama"), options={"split_mode": 3}),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rope_freq_base", nan),
        ("yarn_ext_factor", -inf),
        ("tensor_split", (1.0, nan)),
        (KV, {"llama.rope.freq_base": inf}),
        ("lora", (("a.gguf", nan),)),
    ],
)
def test_numbers_that_are_none_are_no_tuning(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is -?(nan|inf), which is no finite number"):
        Tuning(**{name: value})


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"llama.context_length": "long"}, "'llama.context_length'. is str; llama.cpp wants int"),
        ({"llama.rope.freq_base": 500}, "'llama.rope.freq_base'. is int; llama.cpp wants float"),
        ({"tokenizer.ggml.add_bos_token": 1}, "add_bos_token'. is int; llama.cpp wants bool"),
        ({"llama.rope.scaling.type": 2.0}, "scaling.type'. is float; llama.cpp wants str"),
        ({"llama.block_count": 5}, "could not be loaded with these kv_overrides: "),
        ({"llama.context_length": 0}, "context_length is 0, with which there is no context"),
        # these end llama.cpp's process
        ({"llama.block_count": 0}, "with these kv_overrides ends llama.cpp's process: .*n_layer"),
        ({"tokenizer.ggml.model": "llama"}, "with these kv_overrides ends llama.cpp's process"),
    ],
)
def test_overrides_that_the_model_cannot_have(
    overrides: dict[str, Any], words: str, random_model: RandomModel
) -> None:
    with (
        pytest.raises(ModelError, match=words) as caught,
        _loaded(random_model("llama"), options={KV: overrides}, ctx_size=0),
    ):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rotated", [0, 5, 34, -2])
def test_overrides_that_end_the_process_when_it_computes(
    rotated: int, random_model: RandomModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colonnade.worker.llama.opening.rehearse", lambda _: None)
    words = f"dimension_count'. is {rotated}; it can be an even number up to 32"
    with (
        pytest.raises(ModelError, match=words),
        _loaded(random_model("hybrid"), options={KV: {"lfm2.rope.dimension_count": rotated}}),
    ):
        pass


def test_small_passes_of_a_model_that_looks_ahead(random_model: RandomModel) -> None:
    options = {KV: {"llama.attention.causal": False}, "ubatch_size": 8}
    with (
        pytest.raises(ModelError, match="ubatch_size is 8, less than the batch, 64"),
        _loaded(random_model("llama"), options=options),
    ):
        pass


@pytest.mark.parametrize(
    ("option", "flash"), [("kv_type_k", "off"), ("kv_type_k", "on"), ("kv_type_v", "auto")]
)
def test_blocks_that_do_not_fit_the_heads(
    option: str, flash: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = replace(random_gguf.SHAPES["tiny"], width=192, layers=1)
    monkeypatch.setitem(random_gguf.SHAPES, "tiny", shape)
    path = random_gguf.write_random_gguf(tmp_path / "heads-of-48.gguf")
    words = f"{option} is 'q8_0', in blocks of 32 numbers; the model's heads have 48"
    with (
        pytest.raises(ModelError, match=words),
        _loaded(path, options={option: "q8_0"}, flash_attention=flash),
    ):
        pass
    with _loaded(path, options={"kv_type_k": "bf16"}, flash_attention=flash) as model:
        assert np.isfinite(_read(model)).all()


def _one(weight: str, side: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """An adapter's pair with one half replaced."""
    return _pair(weight, 128, 128) | {f"{weight}.lora_{side}": values}


QUERY = "blk.0.attn_q.weight"


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        ({"arch": "qwen2"}, "model arch and LoRA arch mismatch"),
        ({"kind": "control"}, "expect adapter.type to be 'lora'"),
        ({"tensors": _pair(QUERY, 64, 128)}, "incorrect shape"),
        ({"tensors": _pair("blk.9.attn_q.weight", 128, 128)}, "does not exist in base model"),
        ({"tensors": {f"{QUERY}.lora_a": np.ones((8, 128), np.float32)}}, "missing one component"),
        ({"tensors": {QUERY: np.ones((8, 128), np.float32)}}, "unexpected suffix"),
        # these end llama.cpp's process, on loading or when it first computes
        ({"alpha": 8}, "is no adapter: its adapter.lora.alpha has the wrong type"),
        (
            {"tensors": _one(QUERY, "a", np.ones((8, 128), np.int32))},
            f"{QUERY}.lora_a is not what an adapter multiplies with",
        ),
        (
            {"tensors": _one(QUERY, "b", np.ones((3, 128, 8), np.float32))},
            f"{QUERY}.lora_b is not what an adapter multiplies with",
        ),
        (
            {
                "tensors": {
                    "token_embd.weight.lora_a": np.ones((4096, 8), np.float32),
                    "token_embd.weight.lora_b": np.ones((128, 16), np.float32),
                }
            },
            "token_embd.weight has two ranks, 8 and 16",
        ),
    ],
)
def test_adapters_of_something_else(
    adapter: dict[str, Any], words: str, random_model: RandomModel, write_adapter: WriteAdapter
) -> None:
    options = {"lora": ((write_adapter(**adapter), 1.0),)}
    with (
        pytest.raises(ModelError, match=f"^lora: .*{words}"),
        _loaded(random_model("llama"), options=options),
    ):
        pass


def test_an_embedding_that_is_the_output_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_adapter: WriteAdapter
) -> None:
    shape = replace(random_gguf.SHAPES["tiny"], tied=True, layers=1)
    monkeypatch.setitem(random_gguf.SHAPES, "tiny", shape)
    path = random_gguf.write_random_gguf(tmp_path / "tied.gguf")
    tensors = {
        "token_embd.weight.lora_a": np.ones((4096, 8), np.float32),
        "token_embd.weight.lora_b": np.ones((128, 8), np.float32),
    }
    options = {"lora": ((write_adapter(tensors=tensors), 1.0),)}
    with (
        pytest.raises(ModelError, match=r"^lora: .* is the output matrix too"),
        _loaded(path, options=options),
    ):
        pass


def test_the_output_is_looked_for_in_every_part_of_a_model() -> None:
    parts = [path.name for path in _parts(Path("m-00001-of-00003.gguf"))]
    assert parts == [f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert list(_parts(Path("m.gguf"))) == [Path("m.gguf")]


@pytest.mark.parametrize(("depth", "fits"), [(4, True), (3, False), (1, False)])
def test_an_adapter_has_a_matrix_for_each_expert(depth: int, fits: bool) -> None:
    name, tensor = "blk.0.ffn_up_exps.weight.lora_a", Tensor((128, 8, depth), 0)
    assert _fits(name, tensor, 4) is fits
    assert _fits("blk.0.ffn_up.weight.lora_a", tensor, 4) is (depth == 1)


def test_files_that_are_no_adapter(
    random_model: RandomModel, tmp_path: Path, write_adapter: WriteAdapter
) -> None:
    whole = Path(write_adapter())
    text, cut, short = (tmp_path / name for name in ("text.gguf", "cut.gguf", "short.gguf"))
    text.write_text("hello")
    cut.write_bytes(whole.read_bytes()[:150])
    short.write_bytes(whole.read_bytes()[:-3000])
    for file, words in (
        (random_model("llama"), "expect general.type to be 'adapter'"),
        (tmp_path, "is not a file"),
        (text, "is not a GGUF file"),
        (cut, "is damaged"),
        (short, "corrupted or incomplete"),
    ):
        with (
            pytest.raises(ModelError, match=f"^lora: .*{words}"),
            _loaded(random_model("llama"), options={"lora": ((str(file), 1.0),)}),
        ):
            pass


def test_a_header_cut_anywhere_is_damaged(write_adapter: WriteAdapter) -> None:
    whole = Path(write_adapter())
    data, header = whole.read_bytes(), read_header(whole)
    assert header.texts["adapter.type"] == "lora"
    assert header.tensors[f"{QUERY}.lora_a"] == ((128, 8), 0)
    end = data.index(f"{QUERY}.lora_b".encode()) + len(f"{QUERY}.lora_b") + 4 + 16 + 4 + 8
    for length in range(0, end, 7):
        whole.write_bytes(data[:length])
        with pytest.raises(HeaderError, match="is damaged"):
            read_header(whole)
    whole.write_bytes(data[:end])
    assert read_header(whole) == header


# across the process boundary


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rope_scaling_type": 9}, "rope_scaling_type is 9"),
        ({KV: {"llama.expert_count": 4}}, "kv_overrides ends llama.cpp's process: .*n_expert"),
    ],
)
async def test_refusals_come_from_a_worker_that_lives(
    options: dict[str, Any], words: str, random_model: RandomModel
) -> None:
    load = LoadModel(str(random_model("llama")), threads=1, tuning=Tuning(**options))
    with pytest.raises(LoadError, match=words) as caught:
        await Engine.start(load)
    assert "process died" not in str(caught.value)


@pytest.mark.anyio
async def test_every_option_crosses_to_the_worker(
    random_model: RandomModel, write_adapter: WriteAdapter
) -> None:
    tuning = Tuning(
        split_mode=1,
        main_gpu=0,
        tensor_split=(1.0, 2.0),
        kv_overrides={
            "llama.context_length": 4096,
            "llama.rope.freq_base": 10000.0,  # a float all the way
            "tokenizer.ggml.add_bos_token": True,
            "llama.rope.scaling.type": "yarn",
        },
        ubatch_size=16,
        rope_scaling_type=2,
        rope_freq_base=500.0,
        rope_freq_scale=0.5,
        yarn_ext_factor=1.0,
        yarn_attn_factor=1.0,
        yarn_beta_fast=32.0,
        yarn_beta_slow=1.0,
        yarn_orig_ctx=2048,
        offload_kqv=True,
        op_offload=True,
        swa_full=False,
        lora=((write_adapter(), 0.5),),
        numa=0,
        kv_type_k="q8_0",
        kv_type_v="bf16",
    )
    assert all(value is not None for value in msgspec.structs.astuple(tuning))
    load = LoadModel(str(random_model("llama")), ctx_size=256, threads=1, tuning=tuning)
    engine = await Engine.start(load)
    info = engine.info
    await engine.close()
    assert info.add_bos
    assert info.ctx_train == 4096, "which is what YaRN makes of it, too: 2048 / 0.5"

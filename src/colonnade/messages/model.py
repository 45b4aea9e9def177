"""What a worker is told to load, and what it says of the model once it is there."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from msgspec import Struct

from colonnade.messages.requests import MediaKind  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterator


class Tuning(Struct, frozen=True, gc=False):
    """Further options of llama.cpp for a model and its context; None leaves its own default.

    Numbers are finite, or this is a ``ValueError``: what the worker is told is JSON, where others
    become null. The worker checks the rest.
    """

    split_mode: int | None = None
    """How tensors are split over GPUs: 0 not at all, 1 by layer, 2 by row, 3 within tensors."""
    main_gpu: int | None = None
    """With ``split_mode`` 0, the GPU that has everything; -1 for none."""
    tensor_split: tuple[float, ...] | None = None
    """Shares of the GPUs, in proportion; all zero leaves it to their memory."""
    kv_overrides: dict[str, bool | int | float | str] | None = None
    """Put before the file's own metadata. Keys and texts have at most 127 bytes."""
    ubatch_size: int | None = None
    """Tokens that are computed at once, at most ``batch_size``; unless given, as many."""
    rope_scaling_type: int | None = None
    """-1 as the file says, 0 none, 1 linear, 2 YaRN, 3 LongRoPE."""
    rope_freq_base: float | None = None
    """0 as the file says."""
    rope_freq_scale: float | None = None
    """One over the factor by which the context is stretched; 0 as the file says."""
    yarn_ext_factor: float | None = None
    """For all of YaRN's factors: negative as the file says."""
    yarn_attn_factor: float | None = None
    yarn_beta_fast: float | None = None
    yarn_beta_slow: float | None = None
    yarn_orig_ctx: int | None = None
    """Tokens of context that the model was trained on; 0 as the file says."""
    offload_kqv: bool | None = None
    """Keep the cache, and compute attention, on the GPUs."""
    op_offload: bool | None = None
    """Compute on a GPU with weights that are not there, where a batch is large enough."""
    swa_full: bool | None = None
    """Keep the whole context's keys and values, as llama.cpp does unless told otherwise, not the
    sliding window's alone."""
    lora: tuple[tuple[str, float], ...] | None = None
    """Adapters: path and scale."""
    numa: int | None = None
    """``enum ggml_numa_strategy``: 0 none, 1 distribute, 2 isolate, 3 numactl, 4 mirror."""
    kv_type_k: str | None = None
    """As ``kv_type``, for the keys alone."""
    kv_type_v: str | None = None
    """As ``kv_type``, for the values alone."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            for number in _floats(getattr(self, name)):
                if not isfinite(number):
                    msg = f"{name} is {number}, which is no finite number"
                    raise ValueError(msg)


def _floats(value: object) -> Iterator[float]:
    """The floats in an option's value."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _floats(part)
    elif isinstance(value, dict):
        yield from _floats(tuple(value.values()))


class LoadModel(Struct, frozen=True, gc=False):
    """The model file and the shape of its context. Sizes are in tokens; 0 means "choose"."""

    path: str
    ctx_size: int | None = None
    """Tokens of context that one request may use, prompt and answer together: None for 8,192, or as
    many as it was trained on where that is less, 0 for as many as fit."""
    slots: int = 4
    """Sequences decoded side by side; 0 for as many as fit and are of use."""
    batch_size: int = 512
    """Most tokens in one ``llama_decode`` call (``n_batch``, and ``n_ubatch`` unless tuned)."""
    workers: int = 1
    """Workers of the model beside each other, this one included."""
    threads: int = 0
    """Threads for decoding; 0 means the number of physical cores available, divided between the
    workers."""
    threads_batch: int = 0
    """Threads for prefill; 0 means as ``threads``."""
    gpu_layers: int = -1
    """Layers to offload where llama.cpp was built for a GPU; -1 means as many as fit."""
    flash_attention: str = "auto"
    """``auto``, ``on`` or ``off``."""
    kv_type: str = "f16"
    """Type of the KV cache: ``f32``, ``f16``, ``q8_0`` ..."""
    mmap: bool | None = None
    """Map the file, or read it; None as ``huge_pages`` says."""
    huge_pages: str = "auto"
    """``auto``, ``on`` or ``off``: whether the weights are read into huge pages."""
    mlock: bool = False
    cache_size: int = 1024
    """Host memory for states of earlier prompts, in MiB."""
    prefill_step_ms: float = 100.0
    """How long one step may grow for prefill while other sequences decode, in milliseconds."""
    speculate: bool = True
    """Guess tokens from earlier text where that pays."""
    batch_invariant: bool = False
    """Keep to batches in which a row does not depend on what is beside it."""
    adapters: tuple[tuple[str, str], ...] = ()
    """LoRA adapters that requests may choose: each one's name and file."""
    draft_path: str = ""
    """A smaller model of the same vocabulary, which guesses instead."""
    projector_path: str = ""
    """The file that makes pictures and sounds readable for the model (``mmproj``); empty for
    none."""
    max_grammar_size: int = 4_000_000
    """Most characters of one constraint's grammar."""
    max_grammar_depth: int = 256
    """Most brackets within brackets in one."""
    memory: int = 0
    """Most MiB of the machine's memory to take; 0 for most of what is free."""
    task: str = "generate"
    """What the worker does: ``generate`` text, ``embed`` (and score) it, or ``auto``: what the file
    is made for."""
    pooling: str = "auto"
    """How an embedding is made of those of its tokens: ``mean``, ``cls`` (the first one), ``last``,
    ``rank`` (a classifier's scores), or ``auto``: as the file says, else ``last`` where attention
    looks back only, and ``mean`` where it looks ahead."""
    check_room: bool = True
    """Whether to see beforehand what it takes: not where it was loaded before."""
    hang_seconds: float = 30.0
    """How long the worker may be silent, or stand still in a step; 0 for ever."""
    choose_wait: bool = False
    """Whether the worker may choose how its threads wait for each other: the environment that it is
    started in was made for that."""
    tuning: Tuning = Tuning()


class ModelInfo(Struct, frozen=True, gc=False):
    """Everything that the server process knows of a model. It never opens the file itself."""

    path: str
    name: str
    """``general.name`` of the file, or its stem."""
    architecture: str
    description: str
    """llama.cpp's one-line description, such as ``llama 0.5B Q8_0``."""
    parameters: int
    size: int
    """Bytes of all tensors."""
    vocab_size: int
    ctx_train: int
    ctx_size: int
    """Tokens of context that one request may use."""
    slots: int
    embedding_size: int
    memory: int
    """Resident bytes of the worker process after loading."""
    chat_templates: dict[str, str]
    """By name; the unnamed one is ``default``. Empty when the file has none."""
    bos_token: str
    eos_token: str
    eot_token: str
    special_tokens: dict[int, str]
    """Text of every control and user-defined token, by id."""
    add_bos: bool
    """The tokenizer puts BOS before a prompt on its own."""
    infill: bool
    """The vocabulary has fill-in-the-middle tokens."""
    recurrent: bool
    """Recurrent or hybrid memory: a sequence cannot be cut at an arbitrary position."""
    sliding_window: int
    """Width of sliding-window attention in tokens, 0 for none."""
    decoder: bool
    """False for encoder-only (embedding) models, which cannot generate."""
    sampling: dict[str, float]
    """The file's own recommended sampling settings (``general.sampling.*``), by our field names."""
    control_tokens: tuple[int, ...]
    """Which of ``special_tokens`` are control tokens."""
    grammar_tokens: dict[str, int]
    """The tokens, by name, that a grammar has to write as ``<[id]>``: no text of it spells them."""
    metadata: dict[str, str]
    """The file's scalar metadata, without the tokenizer's."""
    draft: str = ""
    """Name of the file of the draft model; empty for none."""
    pooling: str = ""
    """Of a worker that embeds: ``mean``, ``cls``, ``last`` or ``rank``; empty for one that
    generates."""
    row_size: int = 0
    """Numbers of an embedding, or scores of a pair of texts."""
    labels: tuple[str, ...] = ()
    """What a classifier's scores are of, as far as the file names that."""
    media: tuple[MediaKind, ...] = ()
    """What a prompt may hold beside text."""
    projector: str = ""
    """Name of the projector's file; empty for none."""

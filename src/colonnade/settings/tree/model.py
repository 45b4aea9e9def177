"""A model, and how tokens are drawn from it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from colonnade.settings.tree.kinds import MILLISECONDS, TOKENS, Fraction, NonNegative, Penalty, Text

KvType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]


class ModelSettings(Struct, frozen=True, kw_only=True):
    """Model."""

    model: Annotated[
        Text | None,
        Meta(
            description="A GGUF file, `hf:OWNER/REPO[:FILE-OR-QUANT]` (on the Hugging Face hub), "
            "`pkg:PACKAGE[:FILE]` (in an installed Python package), `demo` (embedded) or, "
            "for a server that starts without one, `none`. Left out: `demo`, and `none` where "
            "other models are named.",
            extra={"argument": True},
        ),
    ] = None
    model_alias: Annotated[
        Text | None, Meta(description="The name under which clients know the model.")
    ] = None
    any_model_name: Annotated[
        bool,
        Meta(description="Answer requests for models that are not served, instead of a 404."),
    ] = False
    chat_template: Annotated[
        Text | None,
        Meta(description="Chat template in place of the model's own: a Jinja file, or a name."),
    ] = None
    ctx_size: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Context of one request, prompt and answer; 0 for the largest that fits, "
            "up to the trained one; unset, 8,192, or the trained one where that is less.",
            extra=TOKENS,
        ),
    ] = None
    slots: Annotated[
        int,
        Meta(
            description="Answers generated side by side; others queue; 0 for as many as fit and "
            "are of use.",
            ge=0,
            le=256,
        ),
    ] = 4
    workers: Annotated[
        int,
        Meta(
            description="Worker processes of the model beside each other, each with `slots` of its "
            "own. They share the weights' memory; threads, `cache_size` and the queue are divided "
            "between them, and a request goes to the one that has read its beginning.",
            ge=1,
            le=64,
        ),
    ] = 1
    batch_size: Annotated[
        int,
        Meta(description="Most tokens in one step of the model.", ge=1, le=1 << 20, extra=TOKENS),
    ] = 512
    threads: Annotated[
        int, Meta(description="Threads for decoding; 0 takes the physical cores.", ge=0, le=512)
    ] = 0
    threads_batch: Annotated[
        int, Meta(description="Threads for reading prompts; 0 means as `threads`.", ge=0, le=512)
    ] = 0
    gpu_layers: Annotated[
        int,
        Meta(
            description="Layers to offload to a GPU, if there is one; -1 for as many as fit.", ge=-1
        ),
    ] = -1
    flash_attention: Annotated[
        Literal["auto", "on", "off"], Meta(description="Fused attention kernels.")
    ] = "auto"
    kv_type: Annotated[KvType, Meta(description="Number format of the KV cache.")] = "f16"
    mmap: Annotated[
        bool | None,
        Meta(description="Map the model file, or read it; unset, as `huge_pages` says."),
    ] = None
    huge_pages: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Read the model file into huge pages instead of mapping it: faster, and "
            "memory of its own. `auto` does so where the file takes no more than half of what is "
            "free and nothing of it goes to a GPU."
        ),
    ] = "auto"
    mlock: Annotated[bool, Meta(description="Keep the model from being swapped out.")] = False
    cache_size: Annotated[
        int,
        Meta(
            description="Memory for the states of earlier prompts; 0 for none.",
            ge=0,
            extra={"unit": "MiB"},
        ),
    ] = 1024
    prefill_step_ms: Annotated[
        float,
        Meta(
            description="How long one step may grow for new prompts while others decode.",
            gt=0,
            extra=MILLISECONDS,
        ),
    ] = 100.0
    speculate: Annotated[
        bool, Meta(description="Guess tokens from earlier text, where that is faster.")
    ] = True
    batch_invariant: Annotated[
        bool,
        Meta(
            description="The same tokens for the same request, to the bit, whatever runs beside it "
            "and whatever of it was read before. Slower."
        ),
    ] = False
    lora: Annotated[
        tuple[Text, ...],
        Meta(
            description="A LoRA adapter that requests may choose, `[NAME=]FILE[:SCALE]`: by the "
            "name `MODEL:NAME`, or in `lora`. With a scale it is applied to those that choose none."
        ),
    ] = ()
    draft_model: Annotated[
        Text | None,
        Meta(
            description="A smaller model of the same vocabulary that guesses tokens instead: a "
            "GGUF file, `hf:OWNER/REPO[:FILE-OR-QUANT]` or `pkg:PACKAGE[:FILE]`."
        ),
    ] = None
    mmproj: Annotated[
        Text | None,
        Meta(
            description="The projector with which the model sees images or hears audio: a GGUF "
            "file, or `none`. Unset, the one that lies beside the model, in its directory or its "
            "repository, if there is one."
        ),
    ] = None

    embeddings: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Who may be asked for embeddings: `auto`, models that are made for it; "
            "`on`, those that generate text, too, in a second worker; `off`, none."
        ),
    ] = "auto"
    pooling: Annotated[
        Literal["auto", "mean", "cls", "last", "rank"],
        Meta(
            description="How an embedding is made of those of its tokens; `rank` are a reranker's "
            "scores. `auto`: as the file says, else `last`, or `mean` where attention looks ahead."
        ),
    ] = "auto"
    embedding_prefix: Annotated[
        str,
        Meta(
            description="What a model wants before texts to embed, where a request does not say "
            "whether they are queries or documents."
        ),
    ] = ""
    query_prefix: Annotated[
        str,
        Meta(description="The same before queries, such as `search_query: `."),
    ] = ""
    document_prefix: Annotated[
        str,
        Meta(description="The same before documents, such as `search_document: `."),
    ] = ""
    normalize_embeddings: Annotated[
        bool,
        Meta(description="Scale embeddings to a length of 1, where a request does not say."),
    ] = True


class SamplingSettings(Struct, frozen=True, kw_only=True):
    """Sampling defaults.

    For requests that do not say themselves. Unset, the model file's recommendation holds, and
    llama.cpp's default where it has none.
    """

    temperature: Annotated[
        NonNegative | None, Meta(description="Randomness of the answer; 0 is none.")
    ] = None
    top_k: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Draw from the K likeliest tokens; 0 for all."),
    ] = None
    top_p: Annotated[
        Fraction | None, Meta(description="Draw from the likeliest tokens that sum up to P.")
    ] = None
    min_p: Annotated[
        Fraction | None, Meta(description="Leave out tokens less likely than P times the best.")
    ] = None
    typical_p: Annotated[
        Fraction | None, Meta(description="Locally typical sampling; 1 for off.")
    ] = None
    repeat_penalty: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Divide the logits of recent tokens by this; 1 for off."),
    ] = None
    repeat_last_n: Annotated[
        Annotated[int, Meta(ge=-1)] | None,
        Meta(description="How many tokens count as recent; -1 for all.", extra=TOKENS),
    ] = None
    frequency_penalty: Annotated[
        Penalty | None, Meta(description="Penalty for each occurrence of a token.")
    ] = None
    presence_penalty: Annotated[
        Penalty | None, Meta(description="Penalty for a token that occurred.")
    ] = None

"""The fields of the endpoints that embed and score texts."""

from __future__ import annotations

from colonnade.api.fields.row import Endpoint, Field, Source, Standing

_EMBEDDINGS = (Endpoint.EMBEDDINGS,)
_RERANK = (Endpoint.RERANK,)
_SCORE = (Endpoint.SCORE,)
_SCORES = (*_RERANK, *_SCORE)
_ALL = (*_EMBEDDINGS, *_SCORES)

_OPENAI = (Source.OPENAI,)
_LLAMA = (Source.LLAMA_SERVER,)
_VLLM = (Source.VLLM,)
_JINA = (Source.JINA,)
_COHERE = (Source.COHERE,)
_TEI = (Source.TEI,)
_EMBEDDERS = (*_OPENAI, *_LLAMA, *_VLLM)
_RERANKERS = (*_LLAMA, *_VLLM, *_JINA, *_COHERE)


def _done(
    name: str, endpoints: tuple[Endpoint, ...], sources: tuple[Source, ...], note: str = ""
) -> Field:
    return Field(name, Standing.DONE, note, endpoints, sources)


def _refused(
    name: str,
    endpoints: tuple[Endpoint, ...],
    sources: tuple[Source, ...],
    example: object,
    note: str,
    neutral: tuple[object, ...] = (),
) -> Field:
    return Field(name, Standing.REFUSED, note, endpoints, sources, neutral, example)


_DONE = (
    _done("model", _ALL, _EMBEDDERS, "The name of a served model; absent for the default one."),
    _done(
        "input",
        _EMBEDDINGS,
        _EMBEDDERS,
        "Text, token ids, or a list of either; `--max-inputs` at most, none of them empty.",
    ),
    _done(
        "encoding_format",
        _EMBEDDINGS,
        _EMBEDDERS,
        "`float`, which it is unless given, or `base64`.",
    ),
    _done(
        "dimensions",
        _EMBEDDINGS,
        (*_OPENAI, *_VLLM),
        "The first so many numbers, scaled anew. Of use with models that were trained for it.",
    ),
    _done(
        "truncate_prompt_tokens",
        _ALL,
        _VLLM,
        "-1 for as many as the model reads. Of a pair, the document is cut.",
    ),
    _done("truncation_side", _EMBEDDINGS, _VLLM, "`right`, the end, unless it is `left`."),
    _done("add_special_tokens", _EMBEDDINGS, _VLLM, "Token ids are taken as they are in any case."),
    _done("normalize", _EMBEDDINGS, _VLLM, "As `--normalize-embeddings` says unless given."),
    _done("embd_normalize", _EMBEDDINGS, _LLAMA, "Another way to say `normalize`."),
    _done(
        "input_type",
        _EMBEDDINGS,
        (*_VLLM, *_COHERE),
        "`query` or `document` (`search_query`, `passage` and so on): `--query-prefix` or "
        "`--document-prefix` is put before the texts.",
    ),
    _done("query", _RERANK, (*_RERANKERS, *_TEI)),
    _done("documents", _RERANK, _RERANKERS, "Texts, or objects with a `text`."),
    _done("texts", _RERANK, (*_LLAMA, *_TEI), "The documents; the answer has TEI's shape then."),
    _done("top_n", _RERANK, _RERANKERS, "All unless given."),
    _done("return_documents", _RERANK, (*_JINA, *_COHERE), "False unless given."),
    _done("return_text", _RERANK, (*_LLAMA, *_TEI), "The same in TEI's shape."),
    _done("raw_scores", _RERANK, _TEI, "True unless given: the model's own, as llama-server's."),
    _done(
        "use_activation",
        _RERANK,
        _VLLM,
        "False unless given. True: scores of one class go through the logistic function.",
    ),
    _done("use_activation", _SCORE, _VLLM, "True unless given; see above."),
    _done("text_1", _SCORE, _VLLM, "One text for all, or as many as `text_2` holds."),
    _done("text_2", _SCORE, _VLLM),
    _done("queries", _SCORE, _VLLM, "Another name of `text_1`."),
    _done("documents", _SCORE, _VLLM, "Another name of `text_2`."),
)

_IDLE = (
    Field(
        "user",
        Standing.WITHOUT_EFFECT,
        "Nobody's abuse is watched here.",
        _ALL,
        (*_OPENAI, *_VLLM),
        example="me",
    ),
)

_REFUSED = (
    _refused(
        "priority",
        _ALL,
        _VLLM,
        5,
        "Texts are computed in the turns of their clients, whatever they ask for.",
        (0,),
    ),
    _refused(
        "embed_dtype",
        _EMBEDDINGS,
        _VLLM,
        "float16",
        "Embeddings are of 32-bit floats.",
        ("float32",),
    ),
    _refused(
        "endianness",
        _EMBEDDINGS,
        _VLLM,
        "big",
        "Base64 is of little-endian floats.",
        ("native", "little"),
    ),
    _refused(
        "messages",
        _EMBEDDINGS,
        _VLLM,
        [{"role": "user", "content": "hi"}],
        "Texts alone are embedded: give 'input'.",
        ([],),
    ),
    _refused("content", _EMBEDDINGS, _LLAMA, "hi", "Give 'input': the answer has OpenAI's shape."),
    _refused(
        "max_tokens_per_doc",
        _RERANK,
        _COHERE,
        100,
        "'truncate_prompt_tokens' says how much of a query and a document together is read.",
        (4096,),
    ),
    _refused(
        "max_chunks_per_doc", _RERANK, _COHERE, 3, "A document is read as one piece.", (1, 10)
    ),
    _refused(
        "rank_fields",
        _RERANK,
        _COHERE,
        ["title"],
        "Of a document as an object, 'text' is read.",
        ([], ["text"]),
    ),
)

TEXT_FIELDS = (*_DONE, *_IDLE, *_REFUSED)
"""All rows; a field has one for each of these endpoints at most."""

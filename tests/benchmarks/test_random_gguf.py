"""Random models load in llama.cpp and behave as stand-ins for real ones must."""

import ctypes
import hashlib
from functools import cache
from typing import get_args

import llama_cpp
import numpy as np
import pytest

from benchmarks.architectures import ARCHITECTURES, Kind
from benchmarks.random_gguf import main, write_random_gguf

DECODERS = [kind for kind, each in ARCHITECTURES.items() if each.chats]

TEXTS = [
    "",
    "Hello world, how are you?",
    "  indented\n\n\tand\r\nbroken   lines ",
    "naïve café — “quotes” … €5",
    "日本語 한국어 Ελληνικά नमस्ते שלום",
    "😀👩‍👩‍👧🏳️‍🌈 \U0010ffff",
    "\x00\x01\x7f\u0080\ufeff\ufffd",
    "don't 3.14159 f(x) = x**2;",
    "<|im_start|>not special here<|im_end|>",
]


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """A loader of tiny models, each written and loaded once."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def model(kind, **options):
        name = "-".join([kind, *map(str, options.values())])
        path = write_random_gguf(folder / f"{name}.gguf", kind=kind, **options)
        return llama_cpp.Llama(
            str(path),
            n_ctx=1024,
            n_threads=1,
            n_threads_batch=1,
            embedding=kind == "embedding",
            verbose=False,
        )

    yield model
    model.cache_clear()


def logits(model):
    """The last token's, as float32 (vocabulary)."""
    pointer = llama_cpp.llama_get_logits_ith(model.ctx, -1)
    return np.ctypeslib.as_array(pointer, (model.n_vocab(),)).copy()


def greedy(model, text, tokens=64):
    """Tokens that follow `text`, most likely first, with all logits checked on the way."""
    model.reset()
    model.eval(model.tokenize(text.encode(), add_bos=False))
    written = []
    for _ in range(tokens):
        scores = logits(model)
        assert np.isfinite(scores).all()
        assert 1 < scores.std() < 10
        written.append(int(scores.argmax()))
        model.eval(written[-1:])
    return written


def piece(model, token):
    """The bytes of one token."""
    buffer = ctypes.create_string_buffer(64)
    vocabulary = llama_cpp.llama_model_get_vocab(model.model)
    length = llama_cpp.llama_token_to_piece(vocabulary, token, buffer, 64, 0, True)
    return bytes(buffer[:length])


@pytest.mark.parametrize("kind", DECODERS)
def test_greedy_text_varies_within_and_between_prompts(load, kind):
    first = greedy(load(kind), "Hello world, how are you?")
    second = greedy(load(kind), "The quick brown fox is here, how are you?")
    assert len(set(first)) > 40
    assert len(set(second)) > 40
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 16


@pytest.mark.parametrize("kind", DECODERS)
def test_greedy_text_is_the_same_each_time(load, kind):
    prompt = "Once more: "
    assert greedy(load(kind), prompt, 32) == greedy(load(kind), prompt, 32)


@pytest.mark.parametrize("kind", DECODERS)
def test_logits_stay_finite_to_the_end_of_the_context(load, kind):
    model = load(kind)
    assert len(set(greedy(model, "Tell me a long story.", tokens=960))) > 300


@pytest.mark.parametrize("quant", ["f16", "f32"])
def test_other_quantizations_load(load, quant):
    assert len(set(greedy(load("llama", quant=quant), "Hello"))) > 40


@pytest.mark.parametrize("kind", ["llama", "embedding"])
@pytest.mark.parametrize("text", TEXTS)
def test_any_text_survives_the_tokenizer(load, kind, text):
    model = load(kind)
    tokens = model.tokenize(text.encode(), add_bos=False, special=False)
    assert b"".join(piece(model, token) for token in tokens).decode() == text


def test_every_whole_token_is_what_its_text_is_tokenized_to(load):
    model = load("llama")
    for token in range(model.n_vocab() - 10):
        raw = piece(model, token)
        try:
            raw.decode()
        except UnicodeDecodeError:
            continue
        assert model.tokenize(raw, add_bos=False) == [token]


def test_some_tokens_end_within_a_character(load):
    model = load("llama")
    ends = [token for token in range(256, 4000) if piece(model, token) == b"\xf0\x9f"]
    assert len(ends) == 1


def test_special_tokens_have_their_parts(load):
    model = load("llama")
    vocabulary = llama_cpp.llama_model_get_vocab(model.model)

    def single(text):
        [token] = model.tokenize(text.encode(), add_bos=False, special=True)
        return token

    assert model.token_eos() == single("<|im_end|>")
    assert model.token_bos() == single("<|endoftext|>")
    assert llama_cpp.llama_vocab_is_eog(vocabulary, single("<|im_end|>"))
    assert llama_cpp.llama_vocab_is_control(vocabulary, single("<|im_start|>"))
    assert not llama_cpp.llama_vocab_is_control(vocabulary, single("<think>"))
    assert llama_cpp.llama_vocab_fim_pre(vocabulary) == single("<|fim_prefix|>")
    assert llama_cpp.llama_vocab_fim_suf(vocabulary) == single("<|fim_suffix|>")
    assert llama_cpp.llama_vocab_fim_mid(vocabulary) == single("<|fim_middle|>")


@pytest.mark.parametrize("add_bos", [False, True])
def test_texts_begin_with_bos_where_asked(load, add_bos):
    model = load("llama", add_bos=add_bos)
    vocabulary = llama_cpp.llama_model_get_vocab(model.model)
    assert llama_cpp.llama_vocab_get_add_bos(vocabulary) is add_bos


def test_chat_template_is_there_unless_unwanted(load):
    assert "<|im_start|>" in load("llama").metadata["tokenizer.chat_template"]
    bare = load("llama", chat_template=False)
    assert "tokenizer.chat_template" not in bare.metadata


def test_kinds_have_the_memory_they_stand_for(load):
    models = {kind: load(kind).model for kind in DECODERS}
    recurrent = [k for k, m in models.items() if llama_cpp.llama_model_is_recurrent(m)]
    hybrid = [k for k, m in models.items() if llama_cpp.llama_model_is_hybrid(m)]
    sliding = [k for k, m in models.items() if llama_cpp.llama_model_n_swa(m)]
    assert (recurrent, hybrid, sliding) == (["recurrent"], ["hybrid"], ["sliding"])


@pytest.mark.parametrize("kind", get_args(Kind))
def test_same_arguments_give_the_same_bytes(tmp_path, kind):
    def digest(**options):
        path = write_random_gguf(tmp_path / "model.gguf", kind=kind, **options)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    assert digest(seed=1) == digest(seed=1) != digest(seed=2)


def test_command_line_writes_what_it_is_asked_for(tmp_path, capsys):
    path = tmp_path / "small.gguf"
    main([str(path), "--kind", "qwen2", "--vocab", "1024", "--ctx", "256", "--no-chat-template"])
    assert f"{path.stat().st_size:,} bytes" in capsys.readouterr().out
    model = llama_cpp.Llama(str(path), n_ctx=0, verbose=False)
    assert (model.n_vocab(), model.n_ctx()) == (1024, 256)
    assert "tokenizer.chat_template" not in model.metadata

"""Vocabularies of real models: what no text becomes, and that ordinary ones are as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import llama_cpp
import pytest

from colonnade.prompt import choose_template
from colonnade.prompt.rendering import Renderer, study
from colonnade.worker.llama.vocabulary import Vocabulary
from tests.prompt.test_choose import model
from tests.prompt.test_guarded import conversation

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models


def test_smol(smol_path: Path) -> None:
    check(smol_path, "chatml", ["<|im_start|>", "<|im_end|>"])


def test_gemma(gemma_path: Path) -> None:
    check(gemma_path, "gemma", ["<start_of_turn>", "<end_of_turn>", "<bos>"])


def check(path: Path, family: str, turns: list[str]) -> None:
    llama = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(llama.model))
    controls = vocabulary._with_attribute(llama_cpp.LLAMA_TOKEN_ATTR_CONTROL)
    names = {token: vocabulary._given(token) for token in controls}
    assert set(turns) <= set(names.values())
    own = llama.metadata.get("tokenizer.chat_template")
    info = model(
        templates={} if own is None else {"default": own},
        special_tokens=names,
        control_tokens=tuple(names),
        bos_token="",
    )
    template = choose_template(info, hint=family)
    renderer = Renderer(template, study(template, frozenset(names.values())), info)

    def ids(text: str) -> list[int]:
        return list(vocabulary.tokenize(text, special=True))

    (honest,) = renderer.render(conversation("")).pieces
    toolless = conversation("")._replace(tools=None)
    plain = template.render(toolless.messages, toolless.kwargs)
    (piece,) = renderer.render(toolless).pieces
    assert ids(piece) == ids(plain)
    for name in (*turns, "".join(names.values())[:2000]):
        pieces = renderer.render(conversation(name)).pieces
        assert len(pieces) > 10
        forged = [token for piece in pieces for token in ids(piece) if token in names]
        assert forged == [token for token in ids(honest) if token in names]
    llama.close()

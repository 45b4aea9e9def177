"""The draft model beside the one that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.loading import draft_load
from colonnade.worker.llama.model import LlamaModel

if TYPE_CHECKING:
    from colonnade.messages import LoadModel
    from colonnade.worker.llama.vocabulary import Vocabulary

_SPARE = 256
"""By how many tokens vocabularies of one family differ in size: models of other widths are filled
up to other sizes."""


def open_draft(load: LoadModel, model: LlamaModel) -> LlamaModel:
    """Load the draft model, with a context of the same shape.

    Raises:
        ModelError: it cannot be loaded, has another vocabulary, or a memory that cannot be cut.
    """
    draft = LlamaModel(draft_load(load, model.ctx_size), lambda _: True)
    try:
        _check(load, draft, model)
    except ModelError:
        draft.close()
        raise
    return draft


def _check(load: LoadModel, draft: LlamaModel, model: LlamaModel) -> None:
    if not draft.can_generate:
        msg = f"{load.draft_path} cannot draft: it does not generate text"
        raise ModelError(msg)
    for each in (draft, model):
        if not each.forgets:
            msg = f"{each.path} has a recurrent memory, which cannot take back a wrong draft"
            raise ModelError(msg)
    if not _alike(draft.vocabulary, model.vocabulary):
        msg = f"{load.draft_path} cannot draft for {model.path}: its vocabulary is another"
        raise ModelError(msg)


def _alike(one: Vocabulary, other: Vocabulary) -> bool:
    """Whether the same tokens are the same text, but for some at the end that one may lack."""
    shared = min(one.size, other.size)
    return (
        abs(one.size - other.size) <= _SPARE
        and one.names()[:shared] == other.names()[:shared]
        and {t for t in one.ends if t < shared} == {t for t in other.ends if t < shared}
    )

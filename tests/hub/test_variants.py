"""Which files are the wanted model."""

from __future__ import annotations

import pytest

from colonnade.hub import ModelError
from colonnade.hub.reference import HubModel
from colonnade.hub.variants import all_models, choose_files, model_stem

ONE = ["README.md", "config.json", "tiny.gguf"]
QUANTS = ["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "m-F16.gguf", "mmproj-m-F16.gguf"]
DOTTED = ["m.v1.0.q4_k_m.gguf", "m.v1.0.q8_0.gguf"]
EIGHT = ["m-IQ2_XS.gguf", "m-Q8_0.gguf"]
ODD = ["m-IQ2_XS.gguf", "m-Q6_K.gguf"]
DYNAMIC = ["m-UD-Q4_K_XL.gguf", "m-Q6_K.gguf"]
SPLIT = [f"Q8_0/m-Q8_0-{part:05}-of-00003.gguf" for part in (2, 1, 3)]
UNFINISHED = ["m-Q4_K_M-00001-of-00002.gguf", "m-Q8_0.gguf"]
TWO_MODELS = ["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"]


@pytest.mark.parametrize(
    ("names", "wanted", "first"),
    [
        (ONE, None, "tiny.gguf"),
        (ONE, "tiny.gguf", "tiny.gguf"),
        (QUANTS, None, "m-Q4_K_M.gguf"),
        (QUANTS, "Q8_0", "m-Q8_0.gguf"),
        (QUANTS, "q2_k", "m-Q2_K.gguf"),
        (QUANTS, "f16", "m-F16.gguf"),
        (QUANTS, "m-Q2_K.gguf", "m-Q2_K.gguf"),
        (DOTTED, None, "m.v1.0.q4_k_m.gguf"),
        (EIGHT, None, "m-Q8_0.gguf"),
        (ODD, "IQ2_XS", "m-IQ2_XS.gguf"),
        (DYNAMIC, "UD-Q4_K_XL", "m-UD-Q4_K_XL.gguf"),
        (DYNAMIC, "Q4_K_XL", "m-UD-Q4_K_XL.gguf"),
        (SPLIT, None, "Q8_0/m-Q8_0-00001-of-00003.gguf"),
        (SPLIT, "Q8_0", "Q8_0/m-Q8_0-00001-of-00003.gguf"),
        (SPLIT, "m-Q8_0.gguf", "Q8_0/m-Q8_0-00001-of-00003.gguf"),
        (SPLIT, "m-Q8_0-00002-of-00003.gguf", "Q8_0/m-Q8_0-00001-of-00003.gguf"),
        (SPLIT, SPLIT[0], "Q8_0/m-Q8_0-00001-of-00003.gguf"),
        (UNFINISHED, None, "m-Q8_0.gguf"),
        (TWO_MODELS, "b-Q4_K_M.gguf", "b-Q4_K_M.gguf"),
    ],
)
def test_found(names, wanted, first):
    assert choose_files(names, HubModel("o/r", wanted))[0] == first


def test_split_model_is_all_its_parts_in_order():
    assert choose_files(SPLIT, HubModel("o/r")) == tuple(sorted(SPLIT))


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (["README.md"], None, "hf:o/r has no GGUF file"),
        (["mmproj-F16.gguf"], None, "hf:o/r has no GGUF file"),
        (ODD, None, "hf:o/r may mean several models; take one of hf:o/r:IQ2_XS, hf:o/r:Q6_K"),
        (ODD, "Q4_K_M", "hf:o/r has no Q4_K_M; it has hf:o/r:IQ2_XS, hf:o/r:Q6_K"),
        (ODD, "x.gguf", "hf:o/r has no x.gguf; it has hf:o/r:IQ2_XS, hf:o/r:Q6_K"),
        (
            TWO_MODELS,
            "Q4_K_M",
            "hf:o/r:Q4_K_M may mean several models; "
            "take one of hf:o/r:a-Q4_K_M.gguf, hf:o/r:b-Q4_K_M.gguf",
        ),
    ],
)
def test_not_found(names, wanted, message):
    with pytest.raises(ModelError) as caught:
        choose_files(names, HubModel("o/r", wanted))
    assert str(caught.value) == message


@pytest.mark.parametrize("names", [ONE, QUANTS, DOTTED, SPLIT, TWO_MODELS, DYNAMIC])
def test_every_label_means_its_model(names):
    for label, files in all_models(names):
        assert choose_files(names, HubModel("o/r", label)) == files


def test_stem():
    assert model_stem("Q8_0/m-Q8_0-00002-of-00003.gguf") == "m-Q8_0"
    assert model_stem("m.v1.gguf") == "m.v1"

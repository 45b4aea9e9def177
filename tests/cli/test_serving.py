"""From settings to what the engine and its requests are told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from colonnade.messages import LoadModel, Sampling
from colonnade.serving.loading import default_sampling, load_request
from colonnade.settings import LimitSettings, ModelSettings, SamplingSettings, Settings


def _info(**sampling):
    return SimpleNamespace(sampling=sampling)


def test_model_settings_reach_the_worker():
    model = ModelSettings(
        ctx_size=1, slots=2, kv_type="q8_0", mmap=False, prefill_step_ms=3.0, speculate=False
    )
    limits = LimitSettings(max_grammar_size=5000, max_grammar_depth=9)
    assert load_request(Settings(model=model, limits=limits), Path("m.gguf")) == LoadModel(
        "m.gguf",
        ctx_size=1,
        slots=2,
        kv_type="q8_0",
        mmap=False,
        prefill_step_ms=3.0,
        speculate=False,
        max_grammar_size=5000,
        max_grammar_depth=9,
    )


def test_defaults_are_those_of_llama_cpp():
    assert default_sampling(SamplingSettings(), _info()) == Sampling()


def test_setting_before_the_file_before_the_default():
    settings = SamplingSettings(temperature=0.0)
    chosen = default_sampling(settings, _info(temperature=0.6, top_k=20.0, top_p=0.8))
    assert chosen == Sampling(temperature=0.0, top_k=20, top_p=0.8)
    assert type(chosen.top_k) is int


def test_recommendation_for_an_unknown_sampler_is_left_out():
    assert default_sampling(SamplingSettings(), _info(novelty=1.0)) == Sampling()

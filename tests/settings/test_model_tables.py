"""Tables ``[[models]]`` of the settings' file."""

from __future__ import annotations

import pytest

from colonnade.settings import SettingsError, load_settings


@pytest.fixture
def read(nowhere, tmp_path):
    def read(text: str):
        path = tmp_path / "file.toml"
        path.write_text(text)
        return load_settings({}, nowhere, path)

    return read


def test_a_table_has_settings_of_its_own(read) -> None:
    settings = read("""
        [model]
        slots = 2
        ctx_size = 512
        chat_template = "chatml"
        draft_model = "small.gguf"
        [[models]]
        name = "small"
        aliases = ["gpt-4o-mini"]
        model = "hf:o/r"
        pin = true
        ttl = 60
        preload = true
        ctx_size = 1024
        temperature = 0.5
        [[models]]
        model = "b.gguf"
    """)
    first, second = settings.models
    assert (first.name, first.aliases, first.pin, first.ttl, first.preload) == (
        "small", ("gpt-4o-mini",), True, 60.0, True,
    )  # fmt: skip
    own = settings.of(first)
    assert (own.model.model, own.model.model_alias) == ("hf:o/r", "small")
    assert (own.model.slots, own.model.ctx_size) == (2, 1024)
    assert own.sampling.temperature == 0.5
    other = settings.of(second)
    assert (other.model.chat_template, other.model.draft_model) == (None, None)
    assert (other.model.ctx_size, other.sampling.temperature, second.ttl) == (512, None, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models = 3", r"\[\[models\]\]"),
        ("[models]\nname = 'x'", r"\[\[models\]\]"),
        ("[[models]]\nname = 'x'", "'model'"),
        ("[[models]]\nmodel = ''", "'model'"),
        ("[[models]]\nmodel = 'a'\nctx_sise = 3", "did you mean ctx_size"),
        ("[[models]]\nmodel = 'a'\nport = 3", "unknown key 'port'"),
        ("[[models]]\nmodel = 'a'\nslots = 'many'", "slots: expected"),
        ("[[models]]\nmodel = 'a'\nttl = -1", "ttl"),
        ("[[models]]\nmodel = 'a'\npin = 'yes'", "pin"),
        ("[[models]]\nmodel = 'a'\naliases = 'b'", "1: aliases: expected `array`, got `str`$"),
        ("[[models]]\nmodel = 'a'\naliases = [3]", "1: aliases: expected `str`, got `int`$"),
        ("[[models]]\nname='x'\nmodel='a'\n[[models]]\nmodel='b'\naliases=['x']", "two are named"),
        ("[[models]]\nname=''\nmodel='a'", "empty"),
    ],
)
def test_what_is_wrong_is_told(read, text, told) -> None:
    with pytest.raises(SettingsError, match=told):
        read(text)

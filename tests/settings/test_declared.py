"""Every setting has its three spellings, and what derives from the tree agrees with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from colonnade.messages import LoadModel, Sampling
from colonnade.settings import DECLARED, Settings, SettingsError, load_settings, sealed
from colonnade.settings.table import render

ROOT = Path(__file__).parents[2]

_FOUND = {
    *("path", "adapters", "draft_path", "projector_path", "tuning", "choose_wait"),
    *("check_room", "task"),
}
"""Fields of ``LoadModel`` that are no settings but follow from them, or from the request."""


def _another_value(setting):
    """A value that fits and is not the default."""
    if setting.is_switch:
        return not setting.default
    if setting.choices:
        return next(choice for choice in setting.choices if choice != setting.default)
    if setting.many:
        return ("https://a.example", "https://b.example")
    shape = type(setting.shape).__name__
    if shape == "IntType":
        return (setting.default or 0) + 1
    if shape == "FloatType":
        return setting.default / 2 if setting.default else 0.5
    return "other"


def _text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _toml(setting, value):
    value = list(value) if isinstance(value, tuple) else value
    return f"[{setting.group}]\n{setting.name} = {msgspec.json.encode(value).decode()}\n"


def _kept(setting, value):
    return tuple(map(sealed, value)) if setting.secret else value


def _value(settings, setting):
    return getattr(getattr(settings, setting.group), setting.name)


def test_names_are_unique_over_all_groups():
    names = [setting.name for setting in DECLARED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("setting", DECLARED, ids=lambda setting: setting.name)
class TestEachSetting:
    def test_is_described(self, setting):
        assert setting.help.endswith(".")
        assert setting.expected

    def test_default(self, setting, nowhere):
        settings = load_settings({}, nowhere)
        assert _value(settings, setting) == setting.default

    def test_by_flag(self, setting, nowhere):
        value = _another_value(setting)
        settings = load_settings({setting.name: value}, nowhere)
        assert _value(settings, setting) == _kept(setting, value)

    def test_by_environment(self, setting, nowhere):
        value = _another_value(setting)
        settings = load_settings({}, {**nowhere, setting.env: _text(value)})
        assert _value(settings, setting) == _kept(setting, value)

    def test_by_file(self, setting, nowhere, tmp_path):
        value = _another_value(setting)
        file = tmp_path / "file.toml"
        file.write_text(_toml(setting, value))
        settings = load_settings({}, nowhere, file)
        assert _value(settings, setting) == _kept(setting, value)

    def test_empty_environment_variable_is_not_set(self, setting, nowhere):
        if setting.guards:
            with pytest.raises(SettingsError, match=setting.env):
                load_settings({}, {**nowhere, setting.env: ""})
            return
        settings = load_settings({}, {**nowhere, setting.env: ""})
        assert _value(settings, setting) == setting.default


def test_every_field_of_load_model_is_a_setting():
    settings = Settings()
    said = msgspec.structs.asdict(settings.model) | msgspec.structs.asdict(settings.limits)
    for field in msgspec.structs.fields(LoadModel):
        if field.name not in _FOUND:
            assert said[field.name] == field.default, field.name


def test_every_sampling_setting_is_a_field_of_sampling():
    assert set(Settings().sampling.__struct_fields__) <= set(Sampling.__struct_fields__)


def test_documentation_is_up_to_date():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == render(), "run: python -m colonnade.settings > docs/settings.md"

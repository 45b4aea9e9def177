from __future__ import annotations

import pytest


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An environment in which no settings file lies in a usual place."""
    monkeypatch.chdir(tmp_path)
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}

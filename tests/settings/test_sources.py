"""Which source wins, and what is said of a wrong one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from colonnade.settings import SettingsError, load_settings


@pytest.fixture
def write(tmp_path):
    def write(text, name="file.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_flag_before_environment_before_file_before_default(nowhere, write):
    file = write("[server]\nport = 1\n[model]\nslots = 2\nctx_size = 3\n")
    environ = {**nowhere, "COLONNADE_PORT": "11", "COLONNADE_SLOTS": "12"}
    settings = load_settings({"port": 21, "slots": None}, environ, file)
    assert settings.server.port == 21
    assert settings.model.slots == 12
    assert settings.model.ctx_size == 3
    assert settings.model.threads == 0


def test_a_source_replaces_a_list_as_a_whole(nowhere, write):
    file = write('[server]\ncors_origins = ["a", "b"]\n')
    environ = {**nowhere, "COLONNADE_CORS_ORIGINS": " c , d,"}
    assert load_settings({}, nowhere, file).server.cors_origins == ("a", "b")
    assert load_settings({}, environ, file).server.cors_origins == ("c", "d")
    assert load_settings({"cors_origins": ("e",)}, environ, file).server.cors_origins == ("e",)
    assert load_settings({"cors_origins": ()}, environ, file).server.cors_origins == ("c", "d")


class TestWhichFile:
    def test_working_directory_before_home(self, nowhere, write):
        write("[server]\nport = 1\n", "colonnade.toml")
        write("[server]\nport = 2\n", "config/colonnade/config.toml")
        assert load_settings({}, nowhere).server.port == 1
        Path("colonnade.toml").unlink()
        assert load_settings({}, nowhere).server.port == 2

    def test_named_by_environment(self, nowhere, write):
        write("[server]\nport = 1\n", "colonnade.toml")
        named = write("[server]\nport = 3\n", "named.toml")
        environ = {**nowhere, "COLONNADE_CONFIG": str(named)}
        assert load_settings({}, environ).server.port == 3

    def test_named_file_must_be_there(self, nowhere):
        with pytest.raises(SettingsError, match=r"away\.toml: cannot be read: No such file"):
            load_settings({}, nowhere, Path("away.toml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1", "unknown setting [server] prot; did you mean [server] port?"),
        ("[server]\nslots = 1", "unknown setting [server] slots; did you mean [model] slots?"),
        ("[server]\nxyzzy = 1", "unknown setting [server] xyzzy"),
        ("[sever]\nport = 1", "unknown table [sever]; did you mean server?"),
        ("port = 1", "unknown setting 'port'; it belongs into a table: [server] port"),
        ("server = 1", "'server' must be a table: [server]"),
        ("[server]\nport = 'x'", "[server] port: expected a whole number from 0 to 65535, got 'x'"),
        ("[server]\nport = '80'", "expected a whole number from 0 to 65535, got '80'"),
        ("[server]\nport = true", "expected a whole number from 0 to 65535, got True"),
        ("[server]\nport = 65536", "expected a whole number from 0 to 65535, got 65536"),
        ("[server]\nhost = ''", "[server] host: expected a text, got ''"),
        ("[server]\ncors_origins = '*'", "expected a list of texts, got '*'"),
        ("[model]\nmmap = 1", "[model] mmap: expected true or false, got 1"),
        ("[model]\nkv_type = 'q9'", "expected one of f32, f16, bf16, q8_0"),
        ("[model]\nprefill_step_ms = 0", "expected a number above 0, got 0"),
        ("[sampling]\ntop_p = 1.5", "[sampling] top_p: expected a number from 0 to 1, got 1.5"),
        ("[sampling]\ntemperature = inf", "expected a number, 0 or more, got inf"),
        ("[server\n", "not valid TOML"),
    ],
)
def test_wrong_file(nowhere, write, text, message):
    file = write(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, nowhere, file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_not_text(nowhere, tmp_path):
    file = tmp_path / "binary.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="it is not UTF-8 text"):
        load_settings({}, nowhere, file)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("COLONNADE_PROT", "1", "unknown environment variable; did you mean COLONNADE_PORT?"),
        ("COLONNADE_XYZZY", "1", "unknown environment variable"),
        ("COLONNADE_PORT", "x", "expected a whole number from 0 to 65535, got 'x'"),
        ("COLONNADE_PORT", "-1", "expected a whole number from 0 to 65535, got '-1'"),
        ("COLONNADE_TOP_P", "2", "expected a number from 0 to 1, got '2'"),
        ("COLONNADE_TEMPERATURE", "nan", "expected a number, 0 or more, got 'nan'"),
        ("COLONNADE_MMAP", "maybe", "expected true or false, got 'maybe'"),
        ("COLONNADE_API_KEY", "", "a key is empty"),
        ("COLONNADE_API_KEY", "a,", "a key is empty"),
        ("COLONNADE_API_KEY", "a, ,b", "a key is empty"),
        ("COLONNADE_ADMIN_KEY", "sha256=abc", "sha256= stands before 64 hexadecimal digits"),
        ("COLONNADE_API_KEY_FILE", "", "expected a text, got ''"),
        ("COLONNADE_LOG_LEVEL", "loud", "expected one of debug, info, warning, error, got 'loud'"),
    ],
)
def test_wrong_environment(nowhere, variable, value, message):
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {**nowhere, variable: value})
    assert str(caught.value) == f"{variable}: {message}"


@pytest.mark.parametrize("source", ["flag", "environment", "file"])
def test_of_a_key_only_its_hash_is_kept(nowhere, write, source):
    secret = "a-key-that-nobody-sees"
    given = {
        "flag": lambda: load_settings({"api_key": (secret,)}, nowhere),
        "environment": lambda: load_settings({}, {**nowhere, "COLONNADE_API_KEY": secret}),
        "file": lambda: load_settings({}, nowhere, write(f'[server]\napi_key = ["{secret}"]\n')),
    }
    settings = given[source]()
    assert secret not in repr(settings)
    hash_ = hashlib.sha256(secret.encode()).hexdigest()
    assert settings.server.api_key == (f"sha256={hash_}",)
    again = load_settings({"api_key": settings.server.api_key}, nowhere)
    assert again.server.api_key == settings.server.api_key


@pytest.mark.parametrize("text", ['api_key = [""]', 'api_key = ["good", " "]', "api_key = [1]"])
def test_a_wrong_key_in_the_file(nowhere, write, text):
    with pytest.raises(SettingsError, match=r"\[server\] api_key: (a key is empty|expected)"):
        load_settings({}, nowhere, write(f"[server]\n{text}\n"))

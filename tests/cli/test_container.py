"""The Containerfile, as far as it can be held without an engine that builds it.

And the other files of docs/deployment.md, where they repeat what the settings say.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from colonnade.settings import DECLARED, Settings, load_settings

ROOT = Path(__file__).parents[2]


def _instructions():
    """The stages, each a list of keyword and text."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    stages = [[]]
    for line in filter(None, map(str.strip, text.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            stages.append([])
        stages[-1].append((keyword, rest.strip()))
    return stages


STAGES = _instructions()
FINAL = STAGES[-1]


def _all(stage, keyword):
    return [rest for each, rest in stage if each == keyword]


def _one(keyword):
    (found,) = _all(FINAL, keyword)
    return found


def _variables():
    pairs = (word.partition("=") for rest in _all(FINAL, "ENV") for word in shlex.split(rest))
    return {name: value for name, _, value in pairs}


def _copied():
    """What the build takes from the context."""
    words = [rest.split() for stage in STAGES for rest in _all(stage, "COPY")]
    return [source for parts in words if parts[0][:2] != "--" for source in parts[:-1]]


def _ignored(path):
    """Whether .containerignore keeps a path out: its last pattern for it or for a parent counts."""
    ignored = False
    for line in (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        shape = re.escape(pattern.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(shape, str(each)) for each in (path, *path.parents)):
            ignored = not pattern.startswith("!")
    return ignored


class TestWhatIsBuilt:
    def test_both_stages_have_the_same_python(self):
        first, second = (rest.split()[0] for stage in STAGES for rest in _all(stage, "FROM"))
        assert first == second

    @pytest.mark.parametrize("source", _copied())
    def test_sources_are_there(self, source):
        assert (ROOT / source).exists()
        assert not _ignored(Path(source))

    def test_the_project_can_be_built_of_them(self):
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text)
        project, hatch = document["project"], document["tool"]["hatch"]
        wheel = hatch["build"]["targets"]["wheel"]
        needed = ["pyproject.toml", project["readme"], *project["license-files"]]
        needed += [*wheel["packages"], *wheel["force-include"], hatch["version"]["path"]]
        places = [Path(source) for source in _copied()]
        for path in map(Path, needed):
            assert any(path.is_relative_to(place) for place in places), path

    @pytest.mark.parametrize(
        "path", ["src/colonnade/demo/demo.gguf", "src/colonnade/py.typed", "templates/chatml.jinja"]
    )
    def test_data_is_not_ignored(self, path):
        assert (ROOT / path).is_file()
        assert not _ignored(Path(path))

    @pytest.mark.parametrize(
        "path",
        [
            ".git/HEAD",
            ".venv/bin/python",
            "tests/conftest.py",
            "docs/deployment.md",
            "model.gguf",
            "src/colonnade/__pycache__/app.pyc",
            "src/colonnade/web/__pycache__/sse.pyc",
        ],
    )
    def test_the_rest_is_ignored(self, path):
        assert _ignored(Path(path))


class TestWhatRuns:
    def test_ports_are_the_defaults(self):
        defaults = {each.name: each.default for each in DECLARED if each.name.endswith("port")}
        assert {int(port) for port in _one("EXPOSE").split()} == set(defaults.values())
        assert defaults["port"] == 8000  # in the health check and in docs/deployment.md

    def test_variables_are_settings(self):
        variables = _variables()
        ours = {name: text for name, text in variables.items() if name.startswith("COLONNADE_")}
        settings = load_settings({}, ours | {"XDG_CONFIG_HOME": os.devnull})
        assert settings.server.host == "0.0.0.0"
        assert settings.server.allow_anyone
        assert settings.registry.models_dir == ("/models",)
        assert set(ours) <= {setting.env for setting in DECLARED}

    def test_user_is_not_root(self):
        user, group = map(int, _one("USER").split(":"))
        assert user > 0
        assert group > 0
        assert FINAL.index(("USER", _one("USER"))) > max(
            place for place, (keyword, _) in enumerate(FINAL) if keyword in ("RUN", "COPY")
        )

    def test_what_is_written_goes_to_a_volume(self):
        volumes = json.loads(_one("VOLUME"))
        variables = _variables()
        for name in ("HOME", "XDG_DATA_HOME", "HF_HOME"):
            assert any(variables[name].startswith(each) for each in volumes)

    def test_command(self, colonnade):
        command = [*json.loads(_one("ENTRYPOINT")), *json.loads(_one("CMD"))]
        assert command == ["colonnade", "serve"]
        assert colonnade(*command[1:], "--help").returncode == 0


class TestHealthCheck:
    def _check(self, port):
        words = json.loads(_one("HEALTHCHECK").partition("CMD")[2])
        assert words[0] == "python"
        return subprocess.run(
            [sys.executable, *words[1:]],
            env=os.environ | {"COLONNADE_PORT": str(port)},
            capture_output=True,
            timeout=30,
            check=False,
        ).returncode

    def test_server(self, server):
        assert self._check(server.root_url.rpartition(":")[2]) == 0

    def test_nobody(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and does not listen
            assert self._check(taken.getsockname()[1]) == 1

    def test_another_service(self):
        code = (
            "import http.server as h; s = h.HTTPServer(('127.0.0.1', 0), h.BaseHTTPRequestHandler)"
        )
        code += "; print(s.server_port, flush=True); s.handle_request()"
        command = [sys.executable, "-c", code]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as other:
            assert self._check(other.stdout.readline().strip()) == 1


class TestOtherFiles:
    def _text(self, name):
        return (ROOT / "docs" / name).read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", ["deployment.md", "colonnade.service", "nginx.conf"])
    def test_variables_are_settings(self, name):
        found = set(re.findall(r"COLONNADE_[A-Z_]*[A-Z]", self._text(name)))
        assert found <= {setting.env for setting in DECLARED}

    def test_systemd_waits_longer_than_the_server(self):
        (patience,) = re.findall(
            r"^TimeoutStopSec=(\d+)$", self._text("colonnade.service"), re.MULTILINE
        )
        assert int(patience) > Settings().server.shutdown_seconds + 5

    def test_nginx_takes_what_the_server_takes(self):
        (mebibytes,) = re.findall(r"client_max_body_size (\d+)m;", self._text("nginx.conf"))
        assert int(mebibytes) * 1024**2 == Settings().server.max_body_size

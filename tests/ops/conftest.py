"""A server of which everything is asked once, with two keys: an operator's and a user's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ADMIN = {"authorization": "Bearer operators-secret"}
USER = {"authorization": "Bearer users-secret"}


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("keys")
    keys = folder / "keys"
    keys.write_text("operator:operators-secret admin\nuser:users-secret\n")
    keys.chmod(0o600)
    running = start_server(
        "demo", "--threads", "1", "--slots", "2", "--queue-size", "1", "--api-key-file", str(keys),
        "--access-log", env={**os.environ, "XDG_DATA_HOME": str(folder)},
    )  # fmt: skip
    yield running
    running.stop()


def samples(server: RunningServer) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What /metrics says, by name and labels."""
    answer = httpx.get(server.root_url + "/metrics", headers=ADMIN)
    assert answer.status_code == 200
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(answer.text)
        for each in family.samples
    }


def total(server: RunningServer, name: str, **labels: str) -> float:
    """The sum of a metric over all labels that are not given."""
    wanted = set(labels.items())
    return sum(
        value
        for (found, has), value in samples(server).items()
        if found == name and wanted <= {*has}
    )


def names(text: str) -> set[str]:
    """The metrics that a query of PromQL asks for."""
    return set(re.findall(r"\b(?:colonnade|process)_\w+", text))


@pytest.fixture
def colonnade() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command to its end."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: text for name, text in os.environ.items() if "COLONNADE" not in name}
        command = [sys.executable, "-m", "colonnade", *arguments]
        return subprocess.run(
            command, env=kept | variables, capture_output=True, text=True, timeout=60, check=False
        )

    return run

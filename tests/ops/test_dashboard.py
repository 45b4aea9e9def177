"""The dashboard and the page on metrics speak of what is there, and the page of all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ops.conftest import ADMIN, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import RunningServer

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text())
LABELS = re.compile(r"(\w+)(?:=~?|!=)\"")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


@pytest.fixture(scope="module")
def there(watched: RunningServer) -> set[str]:
    """Everything that a query may ask for: counters with `_total`, histograms with their parts."""
    text = httpx.get(watched.root_url + "/metrics", headers=ADMIN).text
    found = set()
    for family in text_string_to_metric_families(text):
        match family.type:
            case "counter":
                found.add(f"{family.name}_total")
            case "histogram":
                found |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
            case _:
                found.add(family.name)
    return found


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]


def test_every_query_asks_for_what_is_there(there: set[str]) -> None:
    asked = {name for expression in expressions() for name in names(expression)}
    assert len(asked) > 20
    assert asked <= there


def test_its_panels_are_sound() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at: dict[str, Any] = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells
        assert at["x"] + at["w"] <= 24
    for expression in expressions():
        assert expression.count("(") == expression.count(")")


def test_its_labels_are_there(watched: RunningServer) -> None:
    """Of metrics that have values already: labels that a query selects by or groups by."""
    text = httpx.get(watched.root_url + "/metrics", headers=ADMIN).text
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for expression in expressions():
        wanted = set(LABELS.findall(expression))
        for group in GROUPED.findall(expression):
            wanted |= {each.strip() for each in group.split(",")}
        known = [labels[name] for name in names(expression) if name in labels]
        if known:
            assert wanted <= set.union(*known), expression


def test_the_page_names_every_metric(there: set[str]) -> None:
    page = (DOCS / "metrics.md").read_text()
    named = set(re.findall(r"`(colonnade_\w+)`", page))
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in there if name.startswith("colonnade_")
    }
    assert ours <= named
    monitored = {name for name in named if "event_loop" in name}  # where the loop is monitored
    assert named - monitored <= ours

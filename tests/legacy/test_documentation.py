"""``/docs`` and ``/redoc``: whole, from this server alone, and held to that by a policy."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from tests.browser import shown
from tests.legacy.conftest import TITLES

DOORS = [None, *TITLES.values()]
PAGES = ["/docs", "/redoc", "/docs/", "/redoc/"]


def url_of(server, title):
    return server.root_url if title is None else server.services[title]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("title", DOORS)
def test_a_page_is_of_this_server_alone(legacy, title, path):
    with httpx.Client(base_url=url_of(legacy, title)) as http:
        page = http.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        (document,) = re.findall(
            r'<script type="application/json" id="document">(.*?)</script>', page.text, re.DOTALL
        )
        assert json.loads(document) == http.get("/openapi.json").json()
        frame = page.text.replace(document, "")
        assert "//" not in frame, "nothing is loaded from elsewhere"
        assert "Handler" not in document, "Litestar's own pages are no routes of ours"
        loaded = re.findall(r'(?:src|href)="([^"]+)"', frame)
        assert len(loaded) >= 3
        for each in loaded:
            if not each.startswith("data:"):
                part = http.get(page.url.join(each))
                assert part.status_code == 200, each
                kind = "text/css" if each.endswith(".css") else "text/javascript"
                assert part.headers["content-type"].startswith(kind)
                assert part.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*(src=|application/json))", frame)


def test_policy(legacy):
    pages = [httpx.get(legacy.root_url + "/redoc") for _ in range(2)]
    policies = [
        dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
        for page in pages
    ]
    for page, policy in zip(pages, policies, strict=True):
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in page.headers["content-security-policy"]
        (nonce,) = re.findall(r"'nonce-([\w-]{20,})'", policy["style-src"])
        assert f'nonce="{nonce}"' in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
    assert policies[0] != policies[1], "no page can know it"


@pytest.mark.parametrize("name", ["__init__.py", "..%2f__init__.py", "redoc", "swagger_bundle.js"])
def test_other_files_are_not_served(legacy, name):
    assert httpx.get(f"{legacy.root_url}/docs/{name}").status_code == 404


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_browser_shows_it_without_the_internet(legacy, tmp_path, page):
    text, complaints = shown(legacy.root_url + page, tmp_path / "profile")
    view = text.partition('id="view"')[2].partition('id="document"')[0]
    for path in ("/v1/chat/completions", "/v1/models"):
        assert path in view, complaints
    # What ReDoc would load (a picture of its makers) or send to them is held back.
    refused = [line for line in complaints.splitlines() if "Content Security Policy" in line]
    assert all("cdn.redoc.ly/redoc/logo" in line for line in refused), refused
    assert not re.search(r"Error:|style-src|script-src", complaints), complaints

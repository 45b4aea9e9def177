"""Bodies that come packed or in another encoding: read within bounds, or refused by name."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from colonnade.web.body import BodyFailure, decode
from colonnade.web.coding import CodingError, other_encoding, unpack

if TYPE_CHECKING:
    import httpx

CHAT = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
BODY = json.dumps(CHAT).encode()
PATH = "/v1/chat/completions"


def bare(data: bytes) -> bytes:
    """What some clients send as ``deflate``: without zlib's header and checksum."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Any] = {
    "gzip": (gzip.compress, "gzip"),
    "deflate": (zlib.compress, "deflate"),
    "bare": (bare, "deflate"),
}


@pytest.mark.parametrize("name", PACKERS)
@given(data=st.binary(max_size=5000) | st.binary(min_size=1, max_size=9).map(lambda b: b * 3000))
def test_unpacked_as_it_was(name: str, data: bytes) -> None:
    pack, coding = PACKERS[name]
    assert unpack(pack(data), coding, 30_000) == data


@given(data=st.binary(max_size=300), coding=st.sampled_from(["gzip", "deflate"]))
def test_anything_is_unpacked_or_refused(data: bytes, coding: str) -> None:
    with suppress(CodingError, RequestEntityTooLarge):
        unpack(data, coding, 10_000)


@pytest.mark.parametrize("name", PACKERS)
def test_cut_off_or_longer_than_its_end(name: str) -> None:
    pack, coding = PACKERS[name]
    whole = pack(BODY)
    for wrong in (whole[:-1], whole[:3], b"", whole + b"x", whole + whole):
        with pytest.raises(CodingError, match=f"not valid {coding}"):
            unpack(wrong, coding, 10_000)


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_left_where_it_passes_the_limit(name: str) -> None:
    pack, coding = PACKERS[name]
    bomb = pack(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(RequestEntityTooLarge):
            unpack(bomb, coding, 2_000_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5_000_000


@pytest.mark.parametrize(
    "coding", ["gzip", "x-gzip", "GZIP", "deflate", "identity", "", "identity, gzip"]
)
async def test_packed_requests_are_answered(client: httpx.AsyncClient, coding: str) -> None:
    pack = (
        gzip.compress
        if "gzip" in coding.lower()
        else zlib.compress
        if coding == "deflate"
        else bytes
    )
    response = await client.post(PATH, content=pack(BODY), headers={"content-encoding": coding})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_other_codings_are_named(client: httpx.AsyncClient, coding: str) -> None:
    response = await client.post(PATH, content=BODY, headers={"content-encoding": coding})
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "gzip, deflate"
    error = response.json()["error"]
    assert error["code"] == "unsupported_media_type"
    assert repr(coding) in error["message"]


async def test_what_is_not_gzip(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, content=BODY, headers={"content-encoding": "gzip"})
    assert response.status_code == 400
    assert "not valid gzip" in response.json()["error"]["message"]


async def test_a_bomb_is_too_large(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    response = await client.post(PATH, content=bomb, headers={"content-encoding": "gzip"})
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


async def test_a_mark_of_utf_8(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, content=b"\xef\xbb\xbf" + BODY)
    assert response.status_code == 200
    nothing = await client.post(PATH, content=b"\xef\xbb\xbf")
    assert "no body" in nothing.json()["error"]["message"]


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_other_encodings_are_named(encoding: str) -> None:
    name = encoding.upper()[:6]
    for text in ("{}", '{"a": "é"}', '{"\U0001f600": 1}', " {}"):
        with pytest.raises(BodyFailure, match=f"it is in {name}, but JSON is sent in UTF-8"):
            decode(text.encode(encoding), dict)


@given(st.text(min_size=1))
def test_no_text_without_nul_is_taken_for_another_encoding(text: str) -> None:
    if "\0" not in text:
        assert other_encoding(text.encode(errors="surrogatepass")) is None


@pytest.mark.parametrize("path", [PATH, "/v1/completions"])
async def test_a_name_that_is_no_text(client: httpx.AsyncClient, path: str) -> None:
    body = BODY[:-1] + b', "prompt": "Hi", "temp\x93": 1}'
    answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]["message"]

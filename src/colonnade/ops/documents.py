"""``/docs``, ``/redoc`` and ``/openapi.json``: where clients of the older services look for them.

The two pages are Swagger UI and ReDoc from the package ``offapi``, and load nothing from elsewhere.
Litestar's own would, and make the document on the event loop.
"""

import asyncio
import html
import secrets
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath
from litestar.serialization import encode_json, get_serializer

from colonnade.web.access import admins_only

_OWN: Final = Path(__file__).parent / "static"
_BUNDLED: Final = Path(str(metadata.distribution("offapi").locate_file("offapi")))
"""Found without importing it: its own templates put all of the scripts into the page."""
LITESTARS: Final = JsonRenderPlugin()
"""The one page that Litestar's router has; without any it would have those that load from afar."""

_CSS, _SCRIPT = "text/css", "text/javascript"

_FILES: Final[dict[str, tuple[Path, str]]] = {
    "swagger-bundle.css": (_BUNDLED / "swagger_style.css", _CSS),
    "swagger-bundle.js": (_BUNDLED / "swagger_bundle.js", _SCRIPT),
    "redoc-bundle.js": (_BUNDLED / "redoc.js", _SCRIPT),
    "swagger.js": (_OWN / "swagger.js", _SCRIPT),
    "redoc.js": (_OWN / "redoc.js", _SCRIPT),
    "nonce.js": (_OWN / "nonce.js", _SCRIPT),
}
"""What the pages load, below ``/docs``, each with its type."""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
{head}
</head>
<body>
<div id="view"></div>
<script type="application/json" id="document">{document}</script>
{scripts}
</body>
</html>
"""

_SWAGGER_HEAD = '<link rel="stylesheet" href="{base}swagger-bundle.css">'
_SWAGGER_SCRIPTS = """\
<script src="{base}swagger-bundle.js"></script>
<script src="{base}swagger.js"></script>"""
_REDOC_HEAD = '<script src="{base}nonce.js" nonce="{nonce}"></script>'
_REDOC_SCRIPTS = '<script type="module" src="{base}redoc.js"></script>'


class Documents:
    """The OpenAPI document of an application, made once, when somebody first wants it."""

    def __init__(self) -> None:
        self._encoded = b""
        self._making = asyncio.Lock()

    async def encoded(self, app: Litestar) -> bytes:
        """The document in JSON. To make it takes some tenths of a second, so a thread does."""
        async with self._making:
            if not self._encoded:
                self._encoded = await asyncio.to_thread(_encoded, app)
        return self._encoded

    async def page(
        self, request: Request[Any, Any, Any], head: str, scripts: str
    ) -> Response[bytes]:
        """A page that shows it. Scripts and styles come from this server alone."""
        nonce = secrets.token_urlsafe(16)
        # Relative, for proxies that put the server below a path of theirs.
        base = "../docs/" if request.scope["raw_path"].endswith(b"/") else "docs/"
        text = _PAGE.format(
            title=html.escape(request.app.openapi_schema.info.title),
            head=head.format(nonce=nonce, base=base),
            # No text of it can end the element that holds it.
            document=(await self.encoded(request.app)).decode().replace("<", "\\u003c"),
            scripts=scripts.format(base=base),
        )
        return Response(text.encode(), media_type=MediaType.HTML, headers=_policy(nonce))


def _encoded(app: Litestar) -> bytes:
    return encode_json(app.openapi_schema.to_schema(), get_serializer())


def _policy(nonce: str) -> dict[str, str]:
    """What a page of ours may do: show itself, in no frame of others, and ask this server."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'nonce-{nonce}'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }


@get("/docs", media_type=MediaType.HTML)
async def swagger(
    request: Request[Any, Any, Any], documents: NamedDependency[Documents]
) -> Response[bytes]:
    """Swagger UI."""
    return await documents.page(request, _SWAGGER_HEAD, _SWAGGER_SCRIPTS)


@get("/redoc", media_type=MediaType.HTML)
async def redoc(
    request: Request[Any, Any, Any], documents: NamedDependency[Documents]
) -> Response[bytes]:
    """ReDoc."""
    return await documents.page(request, _REDOC_HEAD, _REDOC_SCRIPTS)


@get("/openapi.json")
async def openapi(
    request: Request[Any, Any, Any], documents: NamedDependency[Documents]
) -> Response[bytes]:
    """The document itself."""
    return Response(await documents.encoded(request.app), media_type=MediaType.JSON)


@get("/docs/{name:str}")
async def part(name: FromPath[str]) -> Response[bytes]:
    """A script or a style of the pages."""
    found = _FILES.get(name)
    if found is None:
        raise NotFoundException
    path, kind = found
    headers = {"cache-control": "private, max-age=3600"}
    # Not Litestar's File, which has a descriptor open and a megabyte read for each client that does
    # not take it.
    return Response(await asyncio.to_thread(_content, path), media_type=kind, headers=headers)


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


def documents_router(documents: Documents) -> Router:
    """The pages, which do not describe themselves."""
    return Router(
        "/",
        route_handlers=[swagger, redoc, openapi, part],
        dependencies={"documents": Provide(lambda: documents, sync_to_thread=False)},
        include_in_schema=False,
        guards=[admins_only],
    )


def schema_router(documents: Documents) -> Router:
    """Where Litestar itself has the document, ``/schema/openapi.json``; also ``/schema``."""

    async def answer(request: Request[Any, Any, Any]) -> Response[bytes] | None:
        if request.url.path.rstrip("/").endswith(("/schema", "/openapi.json")):
            return Response(await documents.encoded(request.app), media_type=MediaType.JSON)
        return None  # Litestar says that there is no such page

    return Router(
        "/schema",
        route_handlers=[],
        include_in_schema=False,
        guards=[admins_only],
        before_request=answer,
    )

"""The ports that a server listens on, each with its application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.api.media import MediaOptions
from colonnade.api.options import ApiOptions
from colonnade.app import create_app, create_service_app
from colonnade.cli.errors import CommandError
from colonnade.cli.sockets import bind, url
from colonnade.legacy.errors import Service
from colonnade.web.fetch import Fetcher, ListedHosts
from colonnade.web.hosts import own_names
from colonnade.web.pages import PageRules

if TYPE_CHECKING:
    import socket

    from litestar import Litestar

    from colonnade.legacy.house import House
    from colonnade.settings import Settings
    from colonnade.web.access import Access


@dataclass(frozen=True, slots=True)
class Door:
    """A port: the main one, or an older service's own."""

    service: Service | None
    sockets: list[socket.socket]
    url: str
    pages: PageRules
    media: MediaOptions = field(default_factory=MediaOptions)


def open_doors(settings: Settings) -> list[Door]:
    """Take the ports, the main one first. They do not listen yet.

    Raises:
        CommandError: one of them cannot be had, or what is set for web pages, or for hosts of
            pictures, makes no sense.
    """
    media = _media(settings)
    doors = [_door(None, settings, settings.server.port, media)]
    if settings.legacy.legacy_ports:
        for service in Service:
            port = getattr(settings.legacy, f"{service.value}_port")
            doors.append(_door(service, settings, port, media))
    return doors


def _door(service: Service | None, settings: Settings, port: int, media: MediaOptions) -> Door:
    host = settings.server.host
    pages = _pages(service, settings)
    try:
        sockets = bind(host, port)
    except CommandError as error:
        if service is None:
            raise
        flag = f"--{service.value.replace('_', '-')}-port"
        raise CommandError(str(error).replace("--port", flag)) from error
    return Door(service, sockets, url(host, sockets), pages, media)


def _pages(service: Service | None, settings: Settings) -> PageRules:
    server = settings.server
    hosts = (*server.allowed_hosts, *own_names(server.host))
    try:
        if service is Service.LLAMA_CHAT:
            origins = settings.legacy.llama_chat_origins
            return PageRules(origins, hosts, "--llama-chat-origins")
        return PageRules(server.cors_origins, hosts)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _media(settings: Settings) -> MediaOptions:
    try:
        hosts = ListedHosts(settings.server.media_hosts)
    except ValueError as error:
        raise CommandError(str(error)) from error
    limits = settings.limits
    return MediaOptions(limits.media_size << 20, limits.media_count, Fetcher(hosts))


def app_of(door: Door, house: House, access: Access) -> Litestar:
    """What answers at a door."""
    settings = house.settings
    options = ApiOptions(
        max_choices=settings.limits.max_choices,
        max_answers=settings.limits.max_answers,
        max_inputs=settings.limits.max_inputs,
        max_messages=settings.limits.max_messages,
        max_tools=settings.limits.max_tools,
        max_body_size=settings.server.max_body_size,
        keep_alive_seconds=settings.server.keep_alive_seconds,
        continue_final_message=settings.server.continue_final_message,
        may_pass=settings.queue.may_pass,
        pages=door.pages,
        media=door.media,
    )
    if door.service is not None:
        return create_service_app(door.service, house, options, access)
    return create_app(house.generator, house.models, options, access, house=house)

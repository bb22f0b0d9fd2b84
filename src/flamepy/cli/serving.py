"""The entry point of ``flame-session-manager``: reads the configuration and puts the parts together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flamepy.errors import FlameError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.dashboard.serving import WebServer
    from flamepy.server.app import Server
    from flamepy.server.config import Config
    from flamepy.server.objects import ObjectCache
    from flamepy.wire.rpc import Served

app = typer.Typer(name="flame-session-manager", add_completion=False, rich_markup_mode=None)


def main() -> None:
    """Run ``flame-session-manager`` with the arguments of this process."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it tells of every connection that ends
    app(prog_name="flame-session-manager")


@app.command()
def serve(  # noqa: PLR0913 - the command line has them
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="A flame-cluster.yaml.")] = None,
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Where to listen; http://127.0.0.1:8080.")] = "",
    cache: Annotated[
        str, typer.Option(metavar="URL", help="Where the object cache listens; grpc://127.0.0.1:9090.")
    ] = "",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where everything is kept.")] = None,
    resources: Annotated[str, typer.Option(metavar="TEXT", help="What to share out: cpu=8,mem=16g,gpu=1.")] = "",
    web: Annotated[str, typer.Option(metavar="URL", help="Where the web page listens; http://127.0.0.1:8082.")] = "",
    no_web: Annotated[bool, typer.Option("--no-web", help="No web page.")] = False,
) -> None:
    """Run a Flame cluster on this machine: sessions, object cache, web page."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        from flamepy.server import config as settings
    except ImportError as error:
        _fail(f"{error.name} is not installed: pip install 'flamepy[server]'")
    try:
        read = settings.read(config)
        given: dict[str, Any] = {
            "endpoint": endpoint,
            "cache": cache,
            "data": data or (None if read.data != Path() else _default_data()),
            "capacity": settings.resources(resources) if resources else None,
            "web": web,
        }
        final = replace(read, **{key: value for key, value in given.items() if value})
        final = replace(final, data=final.data.absolute(), web=None if no_web else final.web).checked()
        asyncio.run(run(final))
    except FlameError as error:
        _fail(str(error))


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        FlameError: It cannot be started.
    """
    from flamepy.server.app import Server

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    cache = object_cache(config)
    await asyncio.to_thread(cache.start)
    server, web = None, None
    try:
        server = Server(replace(config, cache=cache.endpoint), more=_beside, objects=cache)
        await server.start()
        web = await _web_page(server, cache)
        _announce(server, web)
        await ended.wait()
    finally:
        if web is not None:
            await web.stop()
        if server is not None:
            await server.stop()
        await asyncio.to_thread(cache.stop)


def _beside(server: Server) -> Iterator[Served]:
    """What is served beside ``flame.v1``."""
    from flamepy.engines.select import hosted_executor
    from flamepy.server.desk import Desk
    from flamepy.server.links import Links
    from flamepy.server.view import View

    yield from Desk(View(server)).served()
    yield from Links(server, hosted_executor).served()


def object_cache(config: Config) -> ObjectCache:
    """Return the object cache that the configuration describes, not started yet."""
    from flamepy.server.config import size
    from flamepy.server.objects import CacheSettings, ObjectCache

    options = config.cache_options
    eviction = options.get("eviction") or {}
    most = eviction.get("max_memory", "1g")
    forever = eviction.get("policy") == "none"
    tls = config.tls
    return ObjectCache(
        CacheSettings(
            endpoint=config.cache,
            advertise=options.get("advertise"),
            data=config.data / "objects",
            max_bytes=None if forever or most is None else size(str(most)),
            max_objects=eviction.get("max_objects"),
            token=config.token,
            cert_file=tls.cert_file if tls else None,
            key_file=tls.key_file if tls else None,
        )
    )


async def _web_page(server: Server, cache: ObjectCache) -> WebServer | None:
    """Start the web page, if one is wanted."""
    config = server.config
    if config.web is None:
        return None
    from flamepy.dashboard.app import create_app
    from flamepy.dashboard.serving import WebServer
    from flamepy.server.config import DEFAULT_WEB_PORT, address
    from flamepy.server.view import View

    context = None
    if config.tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(config.tls.cert_file, config.tls.key_file)
    host, port = address(config.web, DEFAULT_WEB_PORT)
    page = create_app(View(server), token=config.token, hosts=[host], objects=cache.statistics)
    web = WebServer(page, host=host.strip("[]"), port=port, ssl=context)
    await web.start()
    return web


def _announce(server: Server, web: WebServer | None) -> None:
    log = logging.getLogger("flamepy.server")
    machine = server.machine
    if web is not None:
        log.info("web page at %s", web.url)
    log.info("sessions at %s, objects at %s", server.endpoint, server.config.cache)
    log.info(
        "sharing out cpu=%d, mem=%.1fGi, gpu=%d of %s; data in %s",
        *(machine.capacity.cpu, machine.capacity.memory / (1 << 30), machine.capacity.gpu, machine.name),
        server.config.data,
    )


def _default_data() -> Path:
    import platformdirs

    state = os.environ.get("FLAMEPY_STATE_DIR") or platformdirs.user_state_dir("flamepy")
    return Path(state) / "server"


def _fail(message: str) -> None:
    print(f"flame-session-manager: {message}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(1)


if __name__ == "__main__":
    main()

"""Putting the house together: the only place among the interfaces that sees the infrastructure."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from application.checkpointing import fold_format
from application.engine import Engine, EngineSettings
from application.folds import Folds
from application.ports import EventLog, Nodes, StoreUnavailable, Views
from application.programs import Programs
from application.queries import Queries
from application.service import Service
from application.what_if import WhatIf
from domain.secrets import unusable
from infrastructure import sqlite_files
from infrastructure.json_schemas import check_schema
from infrastructure.memory_checkpoints import MemoryCheckpoints
from infrastructure.memory_log import MemoryLog
from infrastructure.memory_views import MemoryViews
from infrastructure.nodes.addresses import HostPatterns
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from infrastructure.sources import excerpt, locate
from infrastructure.sqlite_checkpoints import open_checkpoints
from infrastructure.sqlite_log import open_log
from infrastructure.sqlite_views import open_views
from infrastructure.system import SystemClock, TimeSortedIds
from infrastructure.table_store import TableStore
from interfaces.settings import BadSetting, Settings

if TYPE_CHECKING:
    from infrastructure.nodes.ai_endpoint import AiEndpoint
    from infrastructure.nodes.mail import MailServer
    from infrastructure.postgres_address import Address

logger = logging.getLogger("clew.store")
Made = TypeVar("Made")

__all__ = ["Reader", "excerpt", "library_nodes", "locate", "make_nodes", "make_service", "migrate", "open_reader"]


class Reader:
    """The questions that can be asked of a store without driving it; close it after use."""

    def __init__(
        self, log: EventLog, views: Views, queries: Queries, nodes: Nodes, *, folds: Folds, what_if: WhatIf
    ) -> None:
        self.queries = queries
        self.what_if = what_if
        self.nodes = nodes
        self._log = log
        self._views = views
        self._folds = folds

    def close(self) -> None:
        """Release the store."""
        self.what_if.close()
        self._folds.close()
        self._views.close()
        self._log.close()


def make_nodes(settings: Settings, *, tables: TableStore | None = None) -> Nodes:
    """The node registry: the library, the folders of the settings, and what installed packages offer.

    Without `tables`, which only a service that runs them has, nodes that keep something refuse to run, and which secrets
    there are is not known.
    """
    return standard_registry(
        files_root=_files_root(settings),
        nodes_dirs=settings.nodes,
        outside=_outside(settings),
        tables=tables,
        secrets=frozenset(settings.secrets) if tables is not None else None,
    )


def library_nodes() -> Nodes:
    """The node library alone, as it comes with Clew."""
    return standard_registry(files_root=None, entry_points=False)


def make_service(settings: Settings) -> Service:
    """A service on the store of the settings, not started. Raises ClewError when the store can't be used."""
    secrets = _secrets(settings)
    tables = TableStore(settings.companion("tables"))
    nodes = make_nodes(settings, tables=tables)
    log, views = _open(settings)
    folds = _folds(settings, log)
    programs = Programs(log, nodes, settings.limits)

    def make_engine(committed: Callable[[int], None]) -> Engine:
        return Engine(
            log=log,
            nodes=nodes,
            clock=SystemClock(),
            ids=TimeSortedIds(),
            check_schema=check_schema,
            programs=programs,
            settings=EngineSettings(
                limits=settings.limits,
                max_running=settings.max_running,
                threads=settings.threads,
                worker=f"{socket.gethostname()}:{os.getpid()}",
            ),
            secrets=secrets,
            committed=committed,
            folds=folds,
        )

    return Service(
        log=log,
        views=views,
        nodes=nodes,
        programs=programs,
        make_engine=make_engine,
        release=tables.close,
        folds=folds,
        make_what_if=lambda queries, folds: _what_if(
            settings, log, views, queries, programs=programs, folds=folds, nodes=nodes
        ),
    )


def open_reader(settings: Settings) -> Reader:
    """The store of the settings, for reading only: a server may hold it. Raises ClewError when it can't be read."""
    nodes = make_nodes(settings)
    log, views = _open(settings, read_only=True)
    folds = _folds(settings, log, read_only=True)
    programs = Programs(log, nodes, settings.limits)
    queries = Queries(log, views, programs, nodes, folds=folds)
    what_if = _what_if(settings, log, views, queries, programs=programs, folds=folds, nodes=nodes)
    return Reader(log, views, queries, nodes, folds=folds, what_if=what_if)


def _what_if(
    settings: Settings,
    log: EventLog,
    views: Views,
    queries: Queries,
    *,
    programs: Programs,
    folds: Folds,
    nodes: Nodes,
) -> WhatIf:
    return WhatIf(
        log,
        views,
        programs,
        nodes,
        folds=folds,
        check_schema=check_schema,
        limits=settings.limits,
        secrets=_secrets(settings),
        version_at=queries.version_at,
    )


def migrate(settings: Settings) -> str:
    """Bring the tables of the store to this Clew's version, and say what was done. Raises ClewError when it can't."""
    if not settings.is_postgres:
        place = settings.store_path or "A store in memory"
        return f"{place} needs no migration: a server makes what it needs there."
    address = _address(settings)
    from infrastructure import postgres_schema, postgres_view_tables  # noqa: PLC0415 - most stores are files

    before, after = postgres_schema.migrate(address)
    postgres_view_tables.build(address)
    if before == after:
        return f"{address.shown} is at version {after} of the schema already."
    return f"{address.shown} is at version {after} of the schema now (it was {before or 'not there'})."


def _open(settings: Settings, *, read_only: bool = False) -> tuple[EventLog, Views]:
    if settings.is_postgres:
        return _open_postgres(settings, read_only=read_only)
    path, beside = settings.store_path, settings.companion("views")
    if path is None or beside is None:
        return MemoryLog(), MemoryViews()
    is_new = not path.exists()
    log = open_log(path, read_only=read_only)
    try:
        return log, open_views(beside, read_only=read_only)
    except BaseException:
        log.close()
        if is_new:  # it has no event yet: nothing is left of a start that failed
            with contextlib.suppress(OSError):  # why it can't start matters more than what it can't clear away
                sqlite_files.remove(path)
        raise


def _open_postgres(settings: Settings, *, read_only: bool) -> tuple[EventLog, Views]:
    address = _address(settings)
    from infrastructure import postgres_log, postgres_views  # noqa: PLC0415 - most stores are files

    log = postgres_log.open_log(address, read_only=read_only)
    try:
        return log, postgres_views.open_views(address, read_only=read_only)
    except BaseException:
        log.close()
        raise


def _address(settings: Settings) -> Address:
    """Where the store in PostgreSQL is. Raises BadSetting, also where the driver is missing."""
    try:
        from infrastructure.postgres_address import parse  # noqa: PLC0415 - most stores are files
    except ImportError as error:
        message = (
            f"A store in PostgreSQL needs psycopg, which can't be used here: pip install 'clew[postgres]'. ({error})"
        )
        raise BadSetting(message) from error
    return _setting("CLEW_STORE", lambda: parse(settings.store))


def _folds(settings: Settings, log: EventLog, *, read_only: bool = False) -> Folds:
    """Folding from a log, with the checkpoints beside it: without them where they can't be used, for all can be done so."""
    path = settings.companion("checkpoints")
    if path is None:
        return Folds(log, MemoryCheckpoints())
    try:
        checkpoints = open_checkpoints(path, fold_format(), read_only=read_only)
    except StoreUnavailable as error:
        logger.warning("No checkpoints are used: %s", error.message)
        return Folds(log)
    return Folds(log, checkpoints, keeps=not read_only)


def _files_root(settings: Settings) -> Path:
    if settings.files is not None:
        return settings.files
    path = settings.store_path
    return (path.parent if path is not None else settings.home) / "files"


def _outside(settings: Settings) -> Outside:
    """What the nodes may reach, and with what. Raises BadSetting, which repeats no secret."""
    return Outside(
        allowed=_setting("CLEW_ALLOW_HOSTS", lambda: HostPatterns(settings.allow_hosts)),
        mail=_setting("CLEW_SMTP_URL with CLEW_SMTP_FROM", lambda: _mail(settings)),
        ai=_setting("CLEW_AI_URL and what goes with it", lambda: _ai(settings)),
    )


def _secrets(settings: Settings) -> dict[str, str]:
    """The secrets by name. Raises BadSetting, which repeats none."""
    values = {name: secret.reveal() for name, secret in settings.secrets.items()}
    for name, value in values.items():
        problem = unusable(name, value)
        if problem is not None:
            raise BadSetting(f"CLEW_SECRET_{name} can't be used: {problem}.")
    return values


def _setting(name: str, make: Callable[[], Made]) -> Made:
    try:
        return make()
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadSetting(f"{name} can't be used: {error}.") from error


def _mail(settings: Settings) -> MailServer | None:
    if not settings.smtp_url:
        return None
    from infrastructure.nodes.mail import MailServer  # noqa: PLC0415 - most services send no mail

    return MailServer(settings.smtp_url.reveal(), settings.smtp_from)


def _ai(settings: Settings) -> AiEndpoint | None:
    if not settings.ai_url:
        return None
    from infrastructure.nodes.ai_endpoint import AiEndpoint, Price  # noqa: PLC0415 - most services ask no model

    prices = msgspec.json.decode(settings.ai_prices or "{}", type=dict[str, Price])
    return AiEndpoint(
        settings.ai_url,
        key=settings.ai_key.reveal(),
        model=settings.ai_model,
        hosts=settings.ai_hosts,
        prices=prices,
    )

"""The default broker: queues in the site's own PostgreSQL, through kombu's `pgmq` transport under our alias.

Knows the three faults of that transport and cures them; must not know any task.
"""

import hashlib
from typing import Any

from django.db import connections
from kombu.transport import pgmq as stock
from pgmq import PGMQueue
from psycopg_pool import ConnectionPool

ALIAS = "prepaid"
QUEUE_NAME_LENGTH_MAX = 47
POOL_TIMEOUT_S = 10.0
DRAIN_TIMEOUT_S = 1.0
# What Django adds to libpq's parameters for its own cursors, or that would make a pool of the pool.
FOREIGN_PARAMETERS = ("context", "cursor_factory", "pool", "prepare_threshold")


def connection_parameters() -> dict[str, Any]:
    """Return libpq's parameters of the site's own database: TLS, passwords and time limits included."""
    parameters = dict(connections["default"].get_connection_params())
    for name in FOREIGN_PARAMETERS:
        parameters.pop(name, None)
    return parameters


class Channel(stock.Channel):
    """A channel whose queue names always fit and whose queues are made once."""

    def entity_name(self, name: Any, table: dict[int, int] = stock.CHARS_REPLACE_TABLE) -> str:
        """Shorten a name that pgmq would refuse: its beginning, then a digest of the whole."""
        full = super().entity_name(name, table)
        if len(full) <= QUEUE_NAME_LENGTH_MAX:
            return str(full)
        digest = hashlib.sha256(str(name).encode()).hexdigest()[:16]
        return f"{full[: QUEUE_NAME_LENGTH_MAX - len(digest) - 1]}_{digest}"

    def _new_queue(self, queue: str, **arguments: Any) -> None:
        if not self._has_queue(queue):  # type: ignore[no-untyped-call]
            super()._new_queue(queue, **arguments)  # type: ignore[no-untyped-call]


class Transport(stock.Transport):
    """Connects as Django does, instead of by a URL that loses options and quotes no password."""

    Channel = Channel
    driver_type = ALIAS
    driver_name = ALIAS

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Look up from the queue once a second, so that a worker that shall stop sees it soon."""
        limit = timeout if timeout is None else min(timeout, DRAIN_TIMEOUT_S)
        super().drain_events(connection, timeout=limit, **kwargs)  # type: ignore[no-untyped-call]

    def _create_pgmq_client(self) -> PGMQueue:
        options = (self.client and self.client.transport_options) or {}
        pool = ConnectionPool(
            kwargs=connection_parameters(),
            min_size=1,
            max_size=int(options.get("pool_size", 2)),
            timeout=POOL_TIMEOUT_S,
            check=ConnectionPool.check_connection,
            name="broker",
            open=True,
        )
        queue = PGMQueue(
            conn_string=None,
            pool=pool,
            vt=int(options.get("visibility_timeout", Channel.default_visibility_timeout)),
            init_extension=False,
        )
        # The client closes only a pool that it calls its own.
        queue._own_pool = True
        return queue

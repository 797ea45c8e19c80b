"""The hot list: fingerprints of cards that must not be accepted offline, and how it changed.

Knows fingerprints and versions; triggers keep it (sql/tables/0001_hot_list.sql). Holds no number or UID.
"""

from __future__ import annotations

from django.db import connection

from terminals import advices

# One statement, so that the version and the rows are of one moment. A version that is not ours, such as one
# from before a restore, is answered with the whole list.
_CHANGES = """
select head.version, head.version < %(since)s or %(since)s = 0,
    coalesce(array_agg(encode(entry.fingerprint, 'hex') order by entry.version)
        filter (where entry.is_hot), '{}'),
    coalesce(array_agg(encode(entry.fingerprint, 'hex') order by entry.version)
        filter (where not entry.is_hot and %(since)s between 1 and head.version), '{}')
from (select coalesce(max(version), 0) as version from cards_hotlisthead) as head
left join cards_hotlistentry as entry on head.version < %(since)s or entry.version > %(since)s
group by head.version
"""


def list_changes(since: int) -> advices.HotList:
    """List what changed after a version; all that is hot where it is 0 or none of ours. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, {"since": since})
        version, is_full, added, removed = cursor.fetchone()
    return advices.HotList(version=version, full=is_full, added=added, removed=removed)


def hot_list_version() -> int:
    """Give the version of the list now."""
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(version), 0) from cards_hotlisthead")
        return int(cursor.fetchone()[0])

"""What the application's role may do with tables it does not own.

Knows the two roles and one naming rule; must not know any table but by how its name begins.
"""

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

READ_ONLY_NAMES = r"^(ledger_|django_migrations$)"

LIST_RELATIONS = """
select n.nspname, c.relname, c.relkind, c.relname ~ %s
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (current_schema(), 'pgmq')
  and c.relkind in ('r', 'p', 'v', 'm', 'S')
  and c.relowner = current_user::regrole
order by c.relname
"""


def grant_to_application(connection: BaseDatabaseWrapper) -> None:
    """Let the application's role change ordinary tables, read the ledger's, and make queues.

    Does nothing when the site has one role alone, which then owns everything.
    """
    app = settings.DATABASE_APP_ROLE
    with connection.cursor() as cursor:
        cursor.execute("select current_user = %s, to_regrole(quote_ident(%s)) is not null", [app, app])
        owns_everything, exists = cursor.fetchone()
        if owns_everything or not exists:
            return
        role = sql.Identifier(app)
        cursor.execute(LIST_RELATIONS, [READ_ONLY_NAMES])
        for schema, name, kind, read_only in cursor.fetchall():
            relation = sql.Identifier(schema, name)
            cursor.execute(sql.SQL("revoke all on {} from {}").format(relation, role))
            rights = list_rights(kind, read_only=read_only)
            if rights:
                cursor.execute(sql.SQL("grant {} on {} to {}").format(sql.SQL(rights), relation, role))
        cursor.execute("select to_regnamespace('pgmq') is not null")
        if cursor.fetchone()[0]:
            cursor.execute(sql.SQL("grant usage, create on schema pgmq to {}").format(role))


def list_rights(kind: str, *, read_only: bool) -> str:
    if kind == "S":
        return "" if read_only else "usage, select, update"
    return "select" if read_only else "select, insert, update, delete"

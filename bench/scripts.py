"""What pgbench runs: P0, the least that any ledger must do, and the redeem as the site calls it.

Knows SQL texts; the redeem's is made from the site's own statement, so that it cannot drift from it.
"""

from __future__ import annotations

from bench.shop import ACCOUNT_ID, ACCOUNTS, CURRENCY, LOOKUP, STORE_ID, TERMINAL_ID
from bench.site import Site

P0_TABLES = f"""
create table p0_account (id uuid primary key, balance bigint not null check (balance >= 0))
with (fillfactor = 60);
create table p0_entry (
    id uuid primary key, account_id uuid not null, amount bigint not null, balance_after bigint not null);
insert into p0_account select {ACCOUNT_ID}, 1000000000 from generate_series(1, {ACCOUNTS}) as n;
grant select, insert, update on p0_account, p0_entry to prepaid_app;
""".replace("{n}", "n")

CHOOSE = """
\\set n random(1, :cards) + :client_id * :cards
\\set amount random(1, 500)
\\set sequence :sequence + 1
"""
# One conditional UPDATE, one INSERT, one commit, as pgbench writes its own scripts.
P0 = (
    CHOOSE
    + f"""
begin;
update p0_account set balance = balance - :amount where id = {ACCOUNT_ID} and balance >= :amount;
insert into p0_entry (id, account_id, amount, balance_after) values (uuidv7(), {ACCOUNT_ID}, :amount, 0);
commit;
""".replace("{n}", ":n::text")
)
# The strict form: the same in one statement, one round trip.
P0_STRICT = (
    CHOOSE
    + f"""
with spent as (
    update p0_account set balance = balance - :amount
    where id = {ACCOUNT_ID} and balance >= :amount returning id, balance
)
insert into p0_entry (id, account_id, amount, balance_after) select uuidv7(), id, :amount, balance from spent;
""".replace("{n}", ":n::text")
)
# What making ids, keys and times costs both in the same measure; no commit.
GENERATE = (
    CHOOSE
    + f"""
select uuidv7(), {LOOKUP}, {LOOKUP}, {TERMINAL_ID}, now(), :amount::bigint, :sequence::bigint;
""".replace("{n}", ":n")
)


def make_p0_tables(site: Site) -> None:
    with site.connect_as_owner() as connection:
        connection.execute(P0_TABLES)
        connection.execute("vacuum analyze p0_account")


def redeem_statement(function: str = "stored_value_redeem") -> str:
    """Give the site's statement with pgbench's values in the place of its parameters."""
    from prepaid.ledger.accounts import general_account_id
    from prepaid.stored_value import calls

    merchant = general_account_id("merchant", owner_id=STORE_ID, currency=CURRENCY)
    request = [
        "uuidv7()", LOOKUP, TERMINAL_ID.replace("{n}", ":client_id"), ":sequence", f"'{STORE_ID}'",
        "current_date", "now()", "now()", "'bench'", "''",
    ]  # fmt: skip
    presented = ["'sun'", LOOKUP, ":sequence", "null", "null", "null"]
    rest = [":amount", f"'{CURRENCY}'", "false", f"'{merchant}'"]
    sql = (
        f"select {calls.REPLY} from {function}({calls.REQUEST}, {calls.PRESENTED}, "
        "%s::bigint, %s::text, %s::boolean, %s::uuid) as reply"
    )
    return sql % tuple(value.replace("{n}", ":n") for value in [*request, *presented, *rest])


def statement_of(script: str) -> str:
    """Give a script's statement alone, on one line, and without rows to print."""
    words = " ".join(line for line in script.splitlines() if not line.startswith("\\")).strip().rstrip(";")
    return f"{words} where reply.outcome is null" if " as reply" in words else words


def redeem_script(function: str = "stored_value_redeem") -> str:
    return CHOOSE + redeem_statement(function) + ";\n"

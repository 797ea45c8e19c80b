"""The forks of docs/adr that measurement decided: the ledger as it is, and the same with one thing otherwise.

Knows how to copy ledger and functions into a schema of their own; the site's own ledger is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.clients import pgbench
from bench.drivers import measure_bodies, measure_driver, measure_servers
from bench.figures import Contender, Line, race
from bench.scripts import redeem_script
from bench.site import Site
from prepaid.runner.cluster import APP_ROLE

CLIENTS = 8
FOLDER = Path(__file__).parent
TABLES = ("account", "lot", "transaction", "transfer", "answer", "outbox")
FUNCTIONS = (
    "ledger_available", "ledger_begin_day", "ledger_bytes_of_leg", "ledger_bytes_of_legs",
    "ledger_chain_hash", "ledger_count_posting", "ledger_post", "ledger_spend", "ledger_spendable",
    "ledger_take", "stored_value_admit_card", "stored_value_count", "stored_value_find_card",
    "stored_value_redeem", "stored_value_refuse_card", "stored_value_refuse_pin", "stored_value_replay",
    "stored_value_reply_with", "stored_value_stored_answer",
)  # fmt: skip
LOOK_AGAIN = "(select card.state from cards_card as card where card.id = v_card.card_id) <> 'active'"
CHECKED = """
create trigger checked before insert or update on {schema}.ledger_transfer
    for each row execute function public.ledger_check_transfer();
create trigger checked before insert or update on {schema}.ledger_answer
    for each row execute function public.ledger_check_answer();
"""
AS_CHECKS = """
alter table {schema}.ledger_account alter currency type text, add check (currency ~ '^[A-Z]{{3}}$'),
    alter balance type bigint, alter held type bigint, add check (balance >= 0), add check (held >= 0),
    alter loaded_today type bigint, alter redeemed_today type bigint,
    add check (loaded_today >= 0 and redeemed_today >= 0);
alter table {schema}.ledger_transaction alter position type bigint, add check (position > 0),
    alter amount type bigint, alter balance_after type bigint, alter held_after type bigint,
    add check (amount >= 0), add check (balance_after >= 0), add check (held_after >= 0);
alter table {schema}.ledger_transfer alter amount type bigint, add check (amount > 0),
    add check (debit_account <> credit_account), add check (account_id in (debit_account, credit_account));
alter table {schema}.ledger_answer alter outcome type text, add check (outcome in ('approved', 'declined')),
    add check ((outcome = 'declined') = (reason is not null)),
    add check (outcome = 'approved' or (approved_amount = 0 and position is null)),
    add check (digest is not null or reason = 'already_reversed');
drop trigger checked on {schema}.ledger_transfer;
drop trigger checked on {schema}.ledger_answer;
"""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is otherwise: tables by SQL, functions by (name, old text, new text) or a folder's files."""

    name: str
    schema: str
    tables: str = ""
    texts: tuple[tuple[str, str, str], ...] = ()
    folder: str = ""


DESIGNS = (
    Design(name="as it is", schema="as_it_is"),
    Design(name="lots as rows, not in the account's row", schema="lot_rows", folder="lot_rows"),
    Design(
        name="account locked first, then read",
        schema="lock_first",
        texts=(("stored_value_redeem", "from ledger_account where id = v_card.account_id;",
                "from ledger_account where id = v_card.account_id for update;"),),
    ),
    Design(
        name="no outbox",
        schema="no_outbox",
        texts=(("ledger_spend", "    insert into ledger_outbox",
                "    return v_hash;\ninsert into ledger_outbox"),),
    ),
    Design(
        name="no SET search_path, not SECURITY DEFINER",
        schema="no_definer",
        texts=(
            ("stored_value_redeem", " security definer set search_path = pg_catalog, public, pg_temp", ""),
        ),
    ),
    Design(
        name="no second look at the card",
        schema="no_second_look",
        texts=(("stored_value_redeem", LOOK_AGAIN, "false"),),
    ),
    Design(
        name="the card's row locked for share instead",
        schema="card_locked",
        texts=(
            ("stored_value_redeem", LOOK_AGAIN, "false"),
            ("stored_value_redeem", "    v_reason := v_card.refusal;\n",
             "    perform from cards_card as card where card.id = v_card.card_id for share;\n"
             "    v_reason := v_card.refusal;\n"),
        ),
    ),
    Design(name="CHECKs in place of domains and triggers", schema="as_checks", tables=AS_CHECKS),
    Design(name="the same rows written, no rules at all", schema="rows_alone", folder="rows_alone"),
)  # fmt: skip


def measure_all(site: Site, *, rounds: int, seconds: float) -> list[Line]:
    """Measure the designs in SQL, then those of driver, body and server. Ratios are to the site as it is."""
    for design in DESIGNS:
        set_up(site, design)
    with site.connect_as_superuser() as connection:
        connection.execute("vacuum analyze")
    contenders = [
        Contender(
            design.name,
            pgbench(site, script_of(design), clients=CLIENTS, search_path=f"{design.schema},public"),
        )
        for design in DESIGNS
    ]
    lines = race("redeem", contenders, rounds=rounds, seconds=seconds)
    lines += measure_driver(site, rounds=rounds, seconds=seconds)
    lines += measure_bodies(rounds=rounds)
    return lines + measure_servers(site, rounds=rounds, seconds=seconds)


def script_of(design: Design) -> str:
    return redeem_script(f"{design.schema}.stored_value_redeem")


def set_up(site: Site, design: Design) -> None:
    """Copy accounts, tables and functions into the design's schema, with what is otherwise about it."""
    schema = design.schema
    with site.connect_as_owner() as connection:
        connection.execute(f"create schema {schema}")
        for table in TABLES:
            name = f"ledger_{table}"
            connection.execute(f"create table {schema}.{name} (like public.{name} including all)")
        connection.execute(f"alter table {schema}.ledger_account set (fillfactor = 60)")
        connection.execute(CHECKED.format(schema=schema))
        if design.tables:
            connection.execute(design.tables.format(schema=schema))
        connection.execute(f"insert into {schema}.ledger_account select * from public.ledger_account")
        connection.execute(f"set search_path = {schema}, public")
        connection.execute("set check_function_bodies = off")
        own = FOLDER / design.folder
        if design.folder and (own / "tables.sql").exists():
            connection.execute((own / "tables.sql").read_text())
        for name in FUNCTIONS:
            text = text_of(design, name).replace("= pg_catalog, public", f"= pg_catalog, {schema}, public")
            connection.execute(text)
        connection.execute(f"grant usage on schema {schema} to {APP_ROLE}")
        connection.execute(f"grant all on all tables in schema {schema} to {APP_ROLE}")


def text_of(design: Design, name: str) -> str:
    """Give a function's text as the design has it: its own file, or the site's with texts changed."""
    from prepaid.ledger.loading import list_function_files

    own = FOLDER / design.folder / f"{name}.sql"
    if design.folder and own.exists():
        return own.read_text()
    text = {file.stem: file for file in list_function_files()}[name].read_text()
    for function, old, new in design.texts:
        if function == name:
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new)
    return text

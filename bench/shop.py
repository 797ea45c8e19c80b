"""What the bench spends from: one store, its terminals and ten thousand cards with two open lots each.

Knows how such a shop is made in a few statements; the loads go through the ledger, as all value does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

from bench.site import Site

ACCOUNTS = 10_000
TERMINALS = 64
LOAD_MINOR = 1_000_000_000
CURRENCY = "CNY"
NAMES = UUID("0b8c1e0e-3f0a-4c55-8f8e-2d6f5a0c9b11")
STORE_ID = uuid5(NAMES, "store")
PROGRAM_ID = uuid5(NAMES, "program")

# Account, card and the hash that finds its credential follow from a number: no script need look them up.
ACCOUNT_ID = "md5('account' || {n})::uuid"
CARD_ID = "md5('card' || {n})::uuid"
LOOKUP = "sha256(int8send({n}::bigint))"
TERMINAL_ID = "md5('terminal' || {n})::uuid"

OPEN = f"""
insert into cards_account (id, program_id, tier, opened_at)
select {ACCOUNT_ID}, %(program)s, '', %(at)s from generate_series(1, %(accounts)s) as n;
insert into cards_card (id, account_id, program_id, last_four, state, issued_at)
select {CARD_ID}, {ACCOUNT_ID}, %(program)s, lpad((n %% 10000)::text, 4, '0'), 'active', %(at)s
from generate_series(1, %(accounts)s) as n;
insert into cards_credential (id, card_id, method, lookup, counter, key_version, pin_failures, pin_tries_max)
select md5('credential' || n)::uuid, {CARD_ID}, 'sun', {LOOKUP}, -1, 1, 0, 5
from generate_series(1, %(accounts)s) as n;
select ledger_open_account({ACCOUNT_ID}, %(currency)s, %(at)s) from generate_series(1, %(accounts)s) as n;
""".replace("{n}", "n")

LOAD = f"""
select reply.outcome, count(*)
from generate_series(1, %(accounts)s) as n, generate_series(1, 2) as lot,
    stored_value_load(
        row(md5('load' || n || '/' || lot)::uuid, sha256(int8send(n)), %(origin)s, null, %(store)s, %(day)s,
            %(at)s, %(at)s, 'bench', '')::ledger_request,
        row('desk', null, null, null, null, {CARD_ID})::stored_value_presented,
        %(amount)s, %(currency)s, 'cash', '', %(cash)s, null, null, null) as reply
group by reply.outcome
""".replace("{n}", "n")


def open_shop(site: Site) -> None:
    """Make the store, its terminals, the program with every limit set, and the loaded cards."""
    from prepaid.cards.models import Program
    from prepaid.keys import site_keys
    from prepaid.ledger.accounts import general_account_id, open_general_accounts
    from prepaid.stores.models import Store

    # Made while there are no cards yet: keys that are missing beside cards are lost.
    site_keys()
    at = datetime.now(UTC)
    Store.objects.create(id=STORE_ID, code="BENCH", name="Bench", currency=CURRENCY)
    open_general_accounts(owner_id=STORE_ID, currency=CURRENCY)
    Program.objects.create(
        id=PROGRAM_ID,
        code="BENCH",
        name="Bench",
        currency=CURRENCY,
        load_single_max=LOAD_MINOR,
        load_day_max=10 * LOAD_MINOR,
        redeem_single_max=100_000,
        redeem_day_max=10 * LOAD_MINOR,
        balance_max=10 * LOAD_MINOR,
        value_valid_months=36,
        allowed_credentials=["sun", "number", "qr"],
        pin_above=50_000,
    )
    values = {
        "accounts": ACCOUNTS,
        "program": PROGRAM_ID,
        "at": at,
        "day": at.date(),
        "store": STORE_ID,
        "origin": STORE_ID,
        "amount": LOAD_MINOR,
        "currency": CURRENCY,
        "cash": general_account_id("cash", owner_id=STORE_ID, currency=CURRENCY),
    }
    with site.connect() as connection:
        for statement in OPEN.split(";\n")[:-1]:
            connection.execute(statement, values)
        outcomes = connection.execute(LOAD, values).fetchall()
    assert outcomes == [("approved", 2 * ACCOUNTS)], outcomes
    with site.connect_as_superuser() as connection:
        connection.execute("vacuum analyze")

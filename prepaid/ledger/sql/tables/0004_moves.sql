-- Moves of value between two accounts, and the lots that came of other lots. Frozen: a later change is a later file.

-- One row a move: both of its chain entries have the move's id. Keyed by it, as the stored answer is (ADR 0020).
create table ledger_move (
    id             uuid primary key,
    from_account   uuid not null,
    from_position  ledger_position not null,
    to_account     uuid not null,
    to_position    ledger_position not null,
    amount         ledger_amount_moved not null,
    constraint ledger_move_between_two_accounts check (from_account <> to_account)
);

-- The lot that a moved or reactivated lot came of. A table of its own, so that a load pays nothing for it.
create table ledger_lot_source (
    account_id    uuid not null,
    lot_no        integer not null,
    from_account  uuid not null,
    from_lot_no   integer not null,
    primary key (account_id, lot_no)
);
create index ledger_lot_source_from on ledger_lot_source (from_account, from_lot_no);

-- A lot is what its source was: nothing that is moved turns from bonus to paid, gains a tender or outlives its expiry.
-- One that stays on its account was reactivated: only then the expiry is another.
create function ledger_check_lot_source() returns trigger language plpgsql as $$
begin
    if not exists (
        select from ledger_lot as lot
        join ledger_lot as source on source.account_id = new.from_account and source.lot_no = new.from_lot_no
        where lot.account_id = new.account_id and lot.lot_no = new.lot_no
            and (lot.bonus, lot.tender, lot.reference, lot.campaign) = (source.bonus, source.tender, source.reference, source.campaign)
            and (lot.expires_on is not distinct from source.expires_on or new.account_id = new.from_account)
            and lot.amount <= source.amount)
    then
        raise check_violation using constraint = 'ledger_lot_source_alike', table = tg_table_name,
            message = 'ledger_lot_source_alike: a lot keeps what its source was';
    end if;
    return new;
end $$;

create trigger checked before insert on ledger_lot_source for each row execute function ledger_check_lot_source();
alter table ledger_lot_source enable always trigger checked;
do $$
declare
    v_table text;
begin
    foreach v_table in array array['ledger_move', 'ledger_lot_source'] loop
        execute format('create trigger append_only before update or delete on %I for each row execute function ledger_refuse_change()', v_table);
        execute format('create trigger never_truncated before truncate on %I for each statement execute function ledger_refuse_change()', v_table);
    end loop;
end $$;

-- A second person for changes of a program's terms and for imports; and the guards of an unblock and of an import stand in
-- their tables. Frozen: a later change is a later file.

alter table ledger_approval drop constraint ledger_approval_kind_check;
alter table ledger_approval add constraint ledger_approval_kind_check check (kind in (
    'adjust', 'refund_unlinked', 'unblock', 'limit_change', 'bulk_issue', 'rule_change', 'card_return',
    'program_change', 'bulk_import'));
alter table ledger_approval drop constraint ledger_approval_of_value_has_an_origin;
alter table ledger_approval add constraint ledger_approval_of_value_has_an_origin check (
    origin_id is not null
    or kind in ('unblock', 'limit_change', 'bulk_issue', 'rule_change', 'program_change', 'bulk_import'));
alter table ledger_approval drop constraint ledger_approval_above_the_amount_by_two;
alter table ledger_approval add constraint ledger_approval_above_the_amount_by_two check (
    second_needed
    or (kind not in ('rule_change', 'program_change') and (alone_max is null or amount <= alone_max)));

-- An import waits for one decision at a time; one that was refused, expired or declined is asked for anew.
create unique index ledger_approval_import_once on ledger_approval ((payload -> 'import_id'))
    where kind = 'bulk_import' and verdict is null;
create index ledger_approval_of_import on ledger_approval ((payload -> 'import_id')) where kind = 'bulk_import';

create function stored_value_refuse_unapproved_import() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.state not in ('faulty', 'checked') then
            raise exception 'an import begins with its check' using errcode = 'PC904';
        end if;
        return new;
    end if;
    if (new.program_id, new.quantity, new.paid_minor, new.bonus_minor)
        is distinct from (old.program_id, old.quantity, old.paid_minor, old.bonus_minor)
    then
        raise exception 'what was checked is never changed' using errcode = 'PC900';
    end if;
    if old.state in ('faulty', 'checked') and new.state not in ('faulty', 'checked') and not exists (
        select from ledger_approval as approval
        where approval.kind = 'bulk_import' and approval.payload -> 'import_id' = to_jsonb(new.id::text)
            and approval.verdict in ('alone', 'approved') and approval.outcome is null
            and approval.program_id = new.program_id and approval.amount = new.paid_minor + new.bonus_minor
            and approval.amount = (
                select coalesce(sum(line.paid_minor + line.bonus_minor), 0) from cards_bulkline as line
                where line.bulk_id = new.id))
    then
        raise exception 'no approval of this very import is being carried out' using errcode = 'PC904';
    end if;
    return new;
end $$;
create trigger approved before insert or update of state, program_id, quantity, paid_minor, bonus_minor on cards_cardimport
    for each row execute function stored_value_refuse_unapproved_import();

-- A card that was blocked runs again only while an approval of that is carried out; what one person approved, only while the
-- account holds no more than they may decide. The account's row is read, not locked: what is loaded afterwards comes after.
create function stored_value_refuse_unapproved_unblock() returns trigger language plpgsql as $$
begin
    if not exists (
        select from ledger_approval as approval
        where approval.kind = 'unblock' and approval.card_id = new.id
            and approval.verdict in ('alone', 'approved') and approval.outcome is null
            and (approval.verdict = 'approved' or approval.alone_max is null or approval.alone_max >= (
                select account.balance from ledger_account as account where account.id = new.account_id)))
    then
        raise exception 'no approval of this unblock is being carried out' using errcode = 'PC904';
    end if;
    return new;
end $$;
create trigger approved before update of state on cards_card
    for each row when (old.state = 'blocked' and new.state = 'active')
    execute function stored_value_refuse_unapproved_unblock();
create index ledger_approval_of_card on ledger_approval (card_id) where card_id is not null;

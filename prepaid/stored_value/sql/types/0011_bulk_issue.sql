-- An order of many cards leaves its draft only while an approval of that very order is carried out. Frozen: a later change is
-- a later file.

-- An order waits for one decision at a time; one that was refused, expired or declined is asked for anew.
create unique index ledger_approval_order_once on ledger_approval ((payload -> 'order_id'))
    where kind = 'bulk_issue' and verdict is null;
create index ledger_approval_of_order on ledger_approval ((payload -> 'order_id')) where kind = 'bulk_issue';

create function stored_value_refuse_unapproved_order() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'draft' then
            raise exception 'an order begins as a draft' using errcode = 'PC904';
        end if;
        return new;
    end if;
    if (new.program_id, new.quantity, new.amount_each) is distinct from (old.program_id, old.quantity, old.amount_each) then
        raise exception 'what was ordered is never changed' using errcode = 'PC900';
    end if;
    if old.state in ('draft', 'cancelled') and new.state not in ('draft', 'cancelled') and not exists (
        select from ledger_approval as approval
        where approval.kind = 'bulk_issue' and approval.payload -> 'order_id' = to_jsonb(new.id::text)
            and approval.verdict in ('alone', 'approved') and approval.outcome is null
            and approval.program_id = new.program_id and approval.amount = new.quantity * new.amount_each)
    then
        raise exception 'no approval of this very order is being carried out' using errcode = 'PC904';
    end if;
    return new;
end $$;
create trigger approved before insert or update of state, program_id, quantity, amount_each on cards_cardorder
    for each row execute function stored_value_refuse_unapproved_order();

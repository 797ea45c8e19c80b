-- What was done to an order or an import is history: rows are only added. Frozen: a later change is a later file.
create trigger append_only before update or delete on cards_bulkevent
    for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on cards_bulkevent
    for each statement execute function ledger_refuse_change();
-- COPY brings lines without what follows later.
alter table cards_bulkline
    alter column bonus_minor set default 0, alter column card_state set default 'active',
    alter column external_id set default '', alter column holder_name set default '',
    alter column holder_phone set default '', alter column outcome set default '';
-- A line's number and code are taken once, whatever is told of them.
create unique index cards_bulkline_number on cards_bulkline (bulk_id, number_lookup);

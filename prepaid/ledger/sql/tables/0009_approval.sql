-- The approval that a lot was given for, beside the lot's reference: a lot that comes of another one, by a move or a
-- reactivation, keeps the reference and was given for nothing. Frozen: a later change is a later file.
drop index ledger_lot_approval_once;
alter table ledger_lot add column approval uuid;
alter table ledger_lot disable trigger append_only;
update ledger_lot as lot set approval = lot.reference::uuid
where lot.tender = 'merchant' and not exists (
    select from ledger_lot_source as source where source.account_id = lot.account_id and source.lot_no = lot.lot_no);
alter table ledger_lot enable trigger append_only;
-- Each approval is used once.
create unique index ledger_lot_approval_once on ledger_lot (account_id, approval);

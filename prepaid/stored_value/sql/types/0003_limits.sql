-- An answer tells what an undo undid: to undo a hold moves no value. Frozen: a later change is a later file.
alter type stored_value_reply add attribute undoes text cascade;

-- These take one more argument now, and are made again after migrate.
drop function if exists stored_value_reply_with(
    ledger_request, text, text, bigint, bigint, text, bigint, bigint, bigint, stored_value_card, uuid, bytea);
drop function if exists stored_value_load(
    ledger_request, stored_value_presented, bigint, text, text, text, uuid);

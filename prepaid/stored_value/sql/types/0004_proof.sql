-- Who presents a card and when is asked for where a card is found, for tokens are bound to both. The functions that
-- took less make way for those that are made after migrate. Frozen: a later change is a later file.
drop function if exists stored_value_admit_card(ledger_request, stored_value_presented, text);
drop function if exists stored_value_find_card(stored_value_presented);
drop function if exists stored_value_inquire(stored_value_presented, uuid, date);

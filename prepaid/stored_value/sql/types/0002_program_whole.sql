-- A card as found carries its program's row whole, so that a new term of a program is at hand where it is decided.
-- Frozen: a later change is a later file. The functions that take the type are made again after migrate.
drop type stored_value_card cascade;
create type stored_value_card as (
    card_id        uuid,
    account_id     uuid,
    last_four      text,
    state          text,
    expires_on     date,
    credential_id  uuid,
    counter        bigint,
    program        cards_program,
    -- Why it may not be used here and now, or null.
    refusal        text
);

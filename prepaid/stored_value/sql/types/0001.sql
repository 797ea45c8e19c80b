-- What is passed in and out of the stored-value functions. Frozen: a later change is a later file.

-- What a presented card came down to before the database: a credential's keyed hash, or a card opened by staff.
create type stored_value_presented as (
    method   text,
    lookup   bytea,
    counter  bigint,
    pin_mac  bytea,
    refusal  text,
    card_id  uuid
);

-- A card as found, with the terms of its program.
create type stored_value_card as (
    card_id            uuid,
    account_id         uuid,
    last_four          text,
    state              text,
    expires_on         date,
    credential_id      uuid,
    counter            bigint,
    program_code       text,
    currency           text,
    load_single_max    bigint,
    load_day_max       bigint,
    redeem_single_max  bigint,
    redeem_day_max     bigint,
    balance_max        bigint,
    value_valid_months smallint,
    consumption_order  text,
    allowed            text[],
    pin_above          bigint,
    scope_store_ids    uuid[],
    -- Why it may not be used here and now, or null.
    refusal            text
);

-- An answer as it goes out, the first time and each time after.
create type stored_value_reply as (
    id               uuid,
    type             text,
    outcome          text,
    reason           text,
    approved_amount  bigint,
    currency         text,
    balance          bigint,
    available        bigint,
    last_four        text,
    program_code     text,
    original_id      uuid,
    recorded_at      timestamptz,
    hash             bytea,
    replayed         boolean,
    origin_id        uuid,
    sequence         bigint,
    card_id          uuid
);

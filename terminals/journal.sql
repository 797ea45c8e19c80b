-- One terminal's journal. Every transaction is a row before a byte of it is sent; rows are never deleted.
create table entry (
    sequence    integer primary key check (sequence >= 1),
    id          text not null unique,
    type        text not null,
    amount      integer,             -- minor units
    currency    text,
    original    text,
    operator    text,
    occurred_at text not null,
    state       text not null check (state in (
        'written', 'sent', 'unresolved', 'parked', 'cancelled', 'stand_in', 'answered', 'refused')),
    content     blob not null,       -- the request as JSON, without what the card proved itself with
    body        blob,                -- the exact bytes to send, erased once the outcome is known
    attempts    integer not null default 0,
    code        text,                -- the last fault or refusal
    answer      blob,                -- the exact bytes of the site's answer
    outcome     text,
    approved    integer,             -- minor units
    answered_at text,
    card_mark   text,                -- tells one presented card from another on this terminal, and nothing else
    grant_id    text,                -- under which it was approved offline
    is_shown    integer not null default 0, -- whether the person at the terminal was told the outcome
    check ((state in ('answered', 'refused')) = (body is null)),
    check ((state = 'answered') = (answer is not null))
) strict;

create index entry_unknown on entry (sequence) where body is not null and state <> 'stand_in';
create index entry_original on entry (original) where original is not null;

create table if not exists batch (
    first_sequence integer primary key,
    last_sequence  integer not null check (last_sequence >= first_sequence),
    body           blob not null,
    answer         blob,
    closed_at      text
) strict;

create table if not exists fault (
    number   integer primary key,
    code     text not null,
    at       text not null,
    entry    text,
    operator text,
    detail   text,
    is_told  integer not null default 0
) strict;

create table belonging (
    terminal_id text not null,
    secret      blob not null        -- the key of the cards' marks
) strict;

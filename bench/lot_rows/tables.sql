-- Open lots as rows: what a redeem must find, lock and change one by one. No CHECK can hold their sum to the balance.
create table ledger_open_lots (
    account_id  uuid not null,
    lot_no      integer not null,
    bonus       boolean not null,
    remaining   ledger_amount not null,
    expires_on  date,
    primary key (account_id, lot_no)
) with (fillfactor = 60);
insert into ledger_open_lots
select account.id, lot.lot_no, lot.bonus, lot.remaining, lot.expires_on
from ledger_account as account, unnest(account.lots) as lot;
alter table ledger_account drop column lots;

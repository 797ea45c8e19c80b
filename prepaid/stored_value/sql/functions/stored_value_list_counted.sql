-- Lists the counters that a program's limits put over a load or a redemption of a card, with those limits, in the order
-- in which they are locked; none for most programs. Null means no limit. Minor units. Locks nothing.
create or replace function stored_value_list_counted(
    p_card stored_value_card, p_method text, p_instrument bytea, p_loads boolean
) returns table (
    kind text, subject bytea, loads_day_max bigint, load_day_max bigint, load_month_max bigint,
    redeem_day_max bigint, redeem_month_max bigint
) language sql stable as $$
    select 'holder', uuid_send(account.holder_id), null::bigint, (p_card.program).holder_load_day_max,
        (p_card.program).holder_load_month_max, (p_card.program).holder_redeem_day_max, (p_card.program).holder_redeem_month_max
    from cards_account as account
    where account.id = p_card.account_id and account.holder_id is not null
        and case when p_loads
            then coalesce((p_card.program).holder_load_day_max, (p_card.program).holder_load_month_max)
            else coalesce((p_card.program).holder_redeem_day_max, (p_card.program).holder_redeem_month_max) end is not null
    union all
    select 'instrument', p_instrument, (p_card.program).instrument_loads_day_max, null, null, null, null
    where p_loads and p_instrument is not null and (p_card.program).instrument_loads_day_max is not null
    union all
    select 'low_trust', uuid_send(p_card.account_id), null, null, null,
        case when (p_card.program).low_trust_pin_lifts then null else (p_card.program).low_trust_day_max end, null
    where not p_loads and p_method = 'uid' and (p_card.program).low_trust_day_max is not null
    order by 1
$$;

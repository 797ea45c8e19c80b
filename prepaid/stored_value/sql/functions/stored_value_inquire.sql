-- Tells a presented card's balance, or why not. Moves nothing and uses no SUN counter and no token up (one not higher than the last
-- one accepted is refused all the same); a wrong PIN is counted. Minor units. Locks the credential's row for a PIN.
create or replace function stored_value_inquire(
    p_presented stored_value_presented, p_store uuid, p_business_date date, p_origin uuid, p_at timestamptz,
    out reason text, out card_id uuid, out account_id uuid, out last_four text, out state text, out program_code text,
    out currency text, out balance bigint, out available bigint, out held bigint, out expires_on date
) language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card := stored_value_find_card(p_presented, p_origin, p_at);
    v_account ledger_account;
begin
    reason := stored_value_refuse_card(v_card, p_presented, p_store, p_business_date, (v_card.program).currency);
    -- A known card that may not be used is still told to the shop; only one that does not prove itself is not.
    if v_card.card_id is null or reason in ('card_unknown', 'credential_refused', 'credential_replayed') then
        return;
    end if;
    if p_presented.method = 'number' then
        reason := coalesce(stored_value_refuse_pin(v_card.credential_id, p_presented.pin_mac), reason);
        if reason in ('pin_required', 'pin_wrong', 'pin_locked') then
            return;
        end if;
    end if;
    select * into v_account from ledger_account where id = v_card.account_id;
    card_id := v_card.card_id;
    account_id := v_card.account_id;
    last_four := v_card.last_four;
    state := case when v_card.state = 'active' and v_card.expires_on < p_business_date then 'expired' else v_card.state end;
    program_code := (v_card.program).code;
    currency := v_account.currency;
    balance := v_account.balance;
    held := v_account.held;
    available := ledger_available(v_account, p_business_date);
    expires_on := v_card.expires_on;
end $$;

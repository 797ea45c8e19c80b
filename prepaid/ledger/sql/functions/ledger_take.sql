-- Takes an amount from open lots in their order of consumption, expired lots left alone. Minor units.
-- Proportional: bonus and paid lots give their shares of what is spendable; the bonus share is rounded down, so that the
-- residue falls to the last lot taken, a paid one.
-- Returns the lots that stay open and one leg per lot taken. The caller has made sure that the amount is there.
create or replace function ledger_take(
    p_lots ledger_open_lot[], p_amount bigint, p_on date, p_debit uuid, p_credit uuid, p_proportional boolean,
    out lots ledger_open_lot[], out legs ledger_leg[]
) language plpgsql immutable as $$
declare
    v_lot ledger_open_lot;
    v_left bigint := p_amount;
    v_take bigint;
    v_spendable bigint;
    v_paid_left bigint;
    v_bonus_left bigint;
begin
    lots := '{}';
    legs := '{}';
    v_bonus_left := p_amount;
    v_paid_left := p_amount;
    if p_proportional then
        v_spendable := ledger_spendable(p_lots, p_on);
        select floor(p_amount::numeric * coalesce(sum(lot.remaining), 0) / v_spendable)::bigint into v_bonus_left
        from unnest(p_lots) as lot
        where lot.bonus and (lot.expires_on is null or lot.expires_on >= p_on);
        v_paid_left := p_amount - v_bonus_left;
    end if;
    foreach v_lot in array p_lots loop
        if v_left > 0 and (v_lot.expires_on is null or v_lot.expires_on >= p_on) then
            v_take := least(v_lot.remaining, v_left, case when v_lot.bonus then v_bonus_left else v_paid_left end);
            if v_take > 0 then
                v_left := v_left - v_take;
                if v_lot.bonus then v_bonus_left := v_bonus_left - v_take; else v_paid_left := v_paid_left - v_take; end if;
                v_lot.remaining := v_lot.remaining - v_take;
                legs := legs || row(v_lot.lot_no, p_debit, p_credit, v_take)::ledger_leg;
            end if;
        end if;
        if v_lot.remaining > 0 then
            lots := lots || v_lot;
        end if;
    end loop;
    if v_left > 0 then
        raise exception 'the open lots are short of % minor units', v_left using errcode = 'PC901';
    end if;
end $$;

-- Pays one part of a bonus that is due on p_request.business_date. Returns false, and moves nothing, where it was paid or
-- cancelled before or is not due, where every card of the account is closed, or as long as the account would hold more
-- than its program or a rule allows. Minor units. Locks the account's row.
create or replace function stored_value_pay_instalment(
    p_request ledger_request, p_account uuid, p_load uuid, p_number integer
) returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_account ledger_account;
    v_bonus ledger_bonus;
    v_program cards_program;
begin
    select * into v_account from ledger_account where id = p_account for update;
    select * into v_bonus from ledger_bonus
    where account_id = p_account and load_id = p_load and number = p_number and resolution is null
        and due_on <= p_request.business_date;
    select program.* into v_program
    from cards_account as account join cards_program as program on program.id = account.program_id
    where account.id = p_account
        and exists (select from cards_card as card where card.account_id = account.id and card.state <> 'closed');
    if v_bonus.id is null or v_program.id is null or v_account.balance + v_bonus.amount > v_program.balance_max
        or stored_value_balance_rule(v_program, p_request.business_date, v_account.balance + v_bonus.amount) is not null
    then
        return false;
    end if;
    v_account := ledger_pay_bonus(p_request, v_account, v_bonus, v_program.consumption_order <> 'paid_first');
    return v_account.id is not null;
end $$;

-- Finds the offer that a load earns by: the largest bonus of those that apply to its program, amount, business date,
-- store and account's tier; of two alike the one that is paid sooner, then the older one. All null where there is none.
create or replace function stored_value_best_offer(
    p_program uuid, p_account uuid, p_amount bigint, p_business_date date, p_store uuid
) returns cards_offer language sql stable as $$
    select offer.*
    from cards_offer as offer
    where offer.program_id = p_program and offer.pay_min <= p_amount and offer.ended_at is null
        and offer.starts_on <= p_business_date and (offer.ends_on is null or offer.ends_on >= p_business_date)
        and (offer.store_ids is null or p_store = any (offer.store_ids))
        and (offer.tier = '' or offer.tier = (select account.tier from cards_account as account where account.id = p_account))
    order by offer.bonus desc, offer.instalments, offer.id
    limit 1
$$;

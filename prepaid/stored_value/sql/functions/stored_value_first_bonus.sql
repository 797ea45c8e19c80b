-- Gives the part of an offer's bonus that comes with the load itself; 0 where there is no offer. Minor units.
create or replace function stored_value_first_bonus(p_offer cards_offer) returns bigint
language sql immutable as $$
    select coalesce(p_offer.bonus / p_offer.instalments, 0)
$$;

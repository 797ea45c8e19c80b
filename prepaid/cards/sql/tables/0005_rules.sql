-- Rules and rates are history: rows are only added. A program and its rule set state their amounts in one currency.
-- Frozen: a later change is a later file.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['cards_rule', 'cards_interestrate'] loop
        execute format('create trigger append_only before update or delete on %I for each row execute function ledger_refuse_change()', v_table);
        execute format('create trigger never_truncated before truncate on %I for each statement execute function ledger_refuse_change()', v_table);
    end loop;
end $$;

-- The rule in force is looked for by these, the latest first.
create index cards_rule_in_force on cards_rule (rule_set_id, field, effective_from desc, revision desc);

create function cards_check_program() returns trigger language plpgsql as $$
begin
    if new.rule_set_id is not null and exists (
        select from cards_ruleset as rule_set
        where rule_set.id = new.rule_set_id and rule_set.currency <> '' and rule_set.currency <> new.currency)
    then
        raise check_violation using constraint = 'cards_program_currency_of_its_rule_set', table = tg_table_name,
            message = 'cards_program_currency_of_its_rule_set: a program and its rule set have one currency';
    end if;
    return new;
end $$;
create trigger checked before insert or update of rule_set_id, currency on cards_program
    for each row execute function cards_check_program();
alter table cards_program enable always trigger checked;

create function cards_check_rule_set() returns trigger language plpgsql as $$
begin
    if new.id <> old.id or new.currency <> old.currency then
        raise check_violation using constraint = 'cards_ruleset_keeps_its_currency', table = tg_table_name,
            message = 'cards_ruleset_keeps_its_currency: the rules of a set state their amounts in it';
    end if;
    return new;
end $$;
create trigger checked before update on cards_ruleset for each row execute function cards_check_rule_set();

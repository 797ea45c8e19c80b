-- Tells by which rule an id was declined; null where no rule did it. Volatile, so that it sees what the statement that
-- calls it has just written. Locks nothing.
create or replace function stored_value_told_rule(p_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return (
        select jsonb_build_object(
            'rule_set', rule_set.code, 'field', rule.field, 'effective_from', rule.effective_from, 'article', rule.article,
            'article_zh', rule.article_zh, 'source', rule.source, 'en', rule.text, 'zh', rule.text_zh)
        from ledger_answer_rule as told
        join cards_rule as rule on rule.id = told.rule_id
        join cards_ruleset as rule_set on rule_set.id = rule.rule_set_id
        where told.answer_id = p_id);
end $$;

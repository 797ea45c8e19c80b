-- The hot list follows the cards: triggers, so that no way of changing a card's state can forget it. Frozen: a later
-- change is a later file.

-- Puts a fingerprint on the list or takes it off, as the cards that show it are now. The list's head is locked until
-- the commit, so that whoever reads a version has seen all that came before it.
create function cards_follow_fingerprint(p_fingerprint bytea, p_is_gone boolean) returns void language plpgsql as $$
declare
    v_is_hot boolean;
    v_version bigint;
begin
    v_is_hot := p_is_gone or exists (
        select from cards_credential as credential join cards_card as card on card.id = credential.card_id
        where credential.fingerprint = p_fingerprint and card.state in ('blocked', 'lost', 'closed'));
    if v_is_hot is not distinct from coalesce(
        (select is_hot from cards_hotlistentry where fingerprint = p_fingerprint), false)
    then
        return;
    end if;
    insert into cards_hotlisthead (id, version) values (1, 1)
    on conflict (id) do update set version = cards_hotlisthead.version + 1 returning version into v_version;
    insert into cards_hotlistentry (fingerprint, is_hot, version) values (p_fingerprint, v_is_hot, v_version)
    on conflict (fingerprint) do update set is_hot = excluded.is_hot, version = excluded.version;
end $$;

create function cards_follow_card() returns trigger language plpgsql as $$
begin
    perform cards_follow_fingerprint(fingerprint, false)
    from (select distinct fingerprint from cards_credential
          where card_id = new.id and fingerprint is not null order by fingerprint) as shown;
    return null;
end $$;

create function cards_follow_credential() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.fingerprint is not null then
        -- A credential that is gone opens no card any more, until another one shows the same fingerprint.
        perform cards_follow_fingerprint(old.fingerprint, not exists (
            select from cards_credential where fingerprint = old.fingerprint));
    end if;
    if tg_op <> 'DELETE' and new.fingerprint is not null then
        perform cards_follow_fingerprint(new.fingerprint, false);
    end if;
    return null;
end $$;

create trigger followed_by_hot_list after update of state on cards_card
    for each row when (old.state is distinct from new.state) execute function cards_follow_card();
create trigger followed_by_hot_list after insert or delete or update of fingerprint, card_id on cards_credential
    for each row execute function cards_follow_credential();

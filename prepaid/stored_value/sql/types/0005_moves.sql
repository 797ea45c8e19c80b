-- A change of a card's state that a posting makes in its own commit, as cards/lifecycle.py has it. Frozen.
create type stored_value_card_change as (
    change  text,
    before  text[],
    after   text,
    reason  text
);

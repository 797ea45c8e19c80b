"""The model: cards and accounts of two stores, and what every transaction does to them by the documents.

Each method takes the caller's id and gives what the answer must say; a decline has changed nothing.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from tests.model.account import Account, Reserved
from tests.model.done import (
    CHANGES,
    DAYS_BEGIN,
    OF_FUNDS,
    OF_LAW,
    OF_LIMITS,
    PIN_TRIES_MAX,
    STOPPED,
    TAKING,
    Card,
    Done,
    Origin,
    Part,
    Shown,
)


class World:
    """All that the model knows: accounts (the stores' own last), cards by place, transactions by id."""

    def __init__(self, now: datetime, accounts: list[Account]) -> None:
        self.now = now
        self.accounts = accounts
        self.cards = [Card(place) for place in range(len(accounts) - len(DAYS_BEGIN))]
        self.newest = list(range(len(self.cards)))
        self.done: dict[UUID, Done] = {}
        self.tombstones: list[UUID] = []
        self.origin = Origin()

    @property
    def today(self) -> date:
        """Give the business date of the store that asks: both are in Shanghai, one begins its day later."""
        return self.day_at(self.now)

    def day_at(self, moment: datetime) -> date:
        """Give the business date of a moment in the store that asks."""
        return (moment + timedelta(hours=8 - DAYS_BEGIN[self.origin.store])).date()

    def note(self, key: UUID, done: Done) -> Done:
        """Keep a transaction under its id."""
        done.origin, done.day = self.origin, self.today
        self.done[key] = done
        return done

    def tell(self, done: Done, account: Account) -> Done:
        """Tell the balance with an answer, and what may be spent of it."""
        done.balance, done.available = account.balance, account.room(self.today)
        return done

    def of(self, card: int) -> Account:
        """Give the account that a card presents."""
        return self.accounts[self.cards[card].account]

    def admit(self, shown: Shown) -> str | None:
        """Look whether a card may be used as it is presented: the counter of a tap must be a new one."""
        found = self.cards[shown.card]
        if shown.method == "sun":
            if shown.counter <= found.counter:
                return "credential_replayed"
            found.counter = shown.counter
        return STOPPED.get(found.state)

    def try_pin(self, shown: Shown) -> str | None:
        """Try a PIN: a wrong one is counted, a right one starts anew, a locked one tells neither."""
        found = self.cards[shown.card]
        if shown.pin is None:
            return "pin_required"
        if found.failures >= PIN_TRIES_MAX:
            return "pin_locked"
        found.failures = 0 if shown.pin else found.failures + 1
        return None if shown.pin else "pin_wrong"

    def _refuse_pin(self, shown: Shown, amount: int) -> str | None:
        """Ask for the PIN of a number, above the program's amount, and look at one that was typed anyway."""
        above = amount > self.of(shown.card).terms.limit("pin_above")
        asked = shown.method == "number" or shown.pin is not None or above
        return self.try_pin(shown) if shown.method != "desk" and asked else None

    def post(self, done: Done, account: int) -> Account:
        """Begin the day of an account that something is posted to."""
        done.account, done.posted = account, True
        found = self.accounts[account]
        found.counter.begin(self.today)
        return found

    # What a card is presented for.

    def load(self, key: UUID, shown: Shown, amount: int) -> Done:
        done, account = Done("load", self.admit(shown)), self.of(shown.card)
        parts, days = account.terms.best_offer(amount)
        if done.reason is None:
            bonus = sum(parts[:1])
            of_program = self._refuse_load(account, amount, bonus)
            of_law = self._refuse_load_by_rule(account, amount, bonus)
            if shown.pin is None:
                done.reason = min(filter(None, (of_program, of_law)), key=OF_LIMITS.index, default=None)
            else:
                done.reason = of_program or self._refuse_pin(shown, amount) or of_law
            is_asked = shown.pin is None or of_program is None
            done.by_law = is_asked and of_law is not None and done.reason == of_law
        if done.reason:
            return self.note(key, done)
        self.post(done, self.cards[shown.card].account)
        done.parts = [Part(part, self.today + timedelta(days=no), days) for no, part in enumerate(parts)]
        for part in done.parts[:1]:
            self._pay(account, part)
        done.approved = amount
        done.legs = [account.make(amount, account.terms.valid_until(self.today))]
        account.counter.count(loads=1, loaded=amount)
        self.count_for_holder(done, account, loads=1, loaded=amount)
        account.recover(self.today)
        done.is_told = shown.proves
        return self.note(key, self.tell(done, account) if done.is_told else done)

    def _refuse_load_by_rule(self, account: Account, amount: int, bonus: int) -> str | None:
        """Look at what the law allows today: where it and the program refuse, the first in order tells."""
        reached = (
            amount,
            account.counter.on(self.today).loaded + amount,
            account.balance + amount + bonus,
        )
        for field, reason, value in zip(OF_LAW, OF_LIMITS, reached, strict=True):
            most = account.terms.rule(field, self.today)
            if most is not None and value > most:
                return reason
        return None

    def is_too_much(self, done: Done, account: Account, amount: int) -> bool:
        """Say whether an account may not hold so much more, no load being asked; in `done` if by law."""
        most, balance = account.terms.rule("max_balance", self.today), account.balance + amount
        is_over = balance > account.terms.limit("balance_max")
        done.by_law = not is_over and most is not None and balance > most
        return is_over or done.by_law

    def _refuse_load(self, account: Account, amount: int, bonus: int) -> str | None:
        limit, now, holder = (
            account.terms.limit,
            account.counter.on(self.today),
            account.holder.on(self.today),
        )
        if amount > limit("load_single_max"):
            return "limit_single"
        if (
            now.loaded + amount > limit("load_day_max")
            or now.loaded_month + amount > limit("load_month_max")
            or now.loads + 1 > limit("loads_day_max")
            or holder.loaded + amount > limit("holder_load_day_max")
            or holder.loaded_month + amount > limit("holder_load_month_max")
        ):
            return "limit_day"
        return "limit_balance" if account.balance + amount + bonus > limit("balance_max") else None

    def count_for_holder(
        self, done: Done, account: Account, *, loads: int = 0, loaded: int = 0, redeemed: int = 0
    ) -> None:
        """Count for the holder, where the program has limits of the holder's for this."""
        kind = "load" if loads else "redeem"
        if {f"holder_{kind}_day_max", f"holder_{kind}_month_max"} & account.terms.limits.keys():
            account.holder.begin(self.today)
            account.holder.count(loads=loads, loaded=loaded, redeemed=redeemed)
            done.counted_on = account.holder.day

    def _refuse_spending(self, account: Account, amount: int) -> str | None:
        limit, now, holder = (
            account.terms.limit,
            account.counter.on(self.today),
            account.holder.on(self.today),
        )
        if amount > limit("redeem_single_max"):
            return "limit_single"
        over = (
            now.redeemed + account.held + amount > limit("redeem_day_max")
            or now.redeemed_month + account.held + amount > limit("redeem_month_max")
            or holder.redeemed + amount > limit("holder_redeem_day_max")
            or holder.redeemed_month + amount > limit("holder_redeem_month_max")
        )
        return "limit_day" if over else None

    def _short(self, account: Account, amount: int, available: int) -> str | None:
        if amount <= available:
            return None
        return OF_FUNDS[1] if amount <= account.good(self.today) else OF_FUNDS[0]

    def redeem(self, key: UUID, shown: Shown, amount: int, *, partial: bool) -> Done:
        done, account = Done("redeem", self.admit(shown)), self.of(shown.card)
        done.reason = done.reason or self._refuse_spending(account, amount) or self._refuse_pin(shown, amount)
        available = account.room(self.today)
        if done.reason is None:
            amount = min(amount, available) or amount if partial else amount
            done.reason = self._short(account, amount, available)
            self.tell(done, account)
        if done.reason:
            return self.note(key, done)
        self.post(done, self.cards[shown.card].account)
        done.approved, done.legs = amount, account.take(amount, self.today)
        account.counter.count(redeemed=amount)
        self.count_for_holder(done, account, redeemed=amount)
        return self.note(key, self.tell(done, account))

    def hold(self, key: UUID, shown: Shown, amount: int, until: datetime) -> Done:
        done, account = Done("hold", self.admit(shown)), self.of(shown.card)
        done.reason = done.reason or self._refuse_spending(account, amount) or self._refuse_pin(shown, amount)
        if done.reason is None:
            done.reason = self._short(account, amount, account.room(self.today))
            self.tell(done, account)
        if done.reason:
            return self.note(key, done)
        self.post(done, self.cards[shown.card].account)
        done.approved, done.expires_at, done.reserved = amount, until, Reserved(amount, self.today)
        account.reserved.append(done.reserved)
        self.count_for_holder(done, account, redeemed=amount)
        return self.note(key, self.tell(done, account))

    # What names an original.

    def posted(self, original: UUID) -> Done | None:
        """Find what the store that asks has posted under an id."""
        found = self.done.get(original)
        return found if found and found.posted and found.origin.store == self.origin.store else None

    def resolve(self, hold: Done, resolution: str) -> None:
        """Take a hold off what is held."""
        assert hold.account is not None
        hold.resolution = resolution
        holds = self.accounts[hold.account].reserved
        holds[:] = [one for one in holds if one is not hold.reserved]

    def capture(self, key: UUID, original: UUID, amount: int) -> Done:
        found, done = self.posted(original), Done("capture", original=original)
        done.reason = self._refuse_capture(found, amount)
        if done.reason or found is None or found.account is None or found.reserved is None:
            return self.note(key, done)
        account = self.post(done, found.account)
        self.resolve(found, "captured")
        done.approved, done.legs = amount, account.take(amount, self.today, since=found.reserved.placed_on)
        account.counter.count(redeemed=amount)
        self._count_again(done, found, account, redeemed=amount - found.approved)
        account.recover(self.today)
        return self.note(key, self.tell(done, account))

    def _count_again(self, done: Done, original: Done, account: Account, *, redeemed: int) -> None:
        """Count for the holder what changes of an original, for the day that it was counted for."""
        done.counted_on = original.counted_on
        if original.counted_on is not None:
            account.holder.give_back(original.counted_on, redeemed=redeemed)

    def _refuse_capture(self, found: Done | None, amount: int) -> str | None:
        if found is None or found.account is None:
            return "original_unknown"
        hold = found.reserved
        if hold is None or found.expires_at is None:
            return "original_not_reversible"
        if found.resolution == "released":
            return "already_reversed"
        if found.resolution or found.expires_at <= self.now:
            return "original_not_reversible"
        account = self.accounts[found.account]
        if amount > hold.amount + hold.amount * account.terms.tolerance_percent // 100:
            return "amount_over_original"
        if amount > account.room(hold.placed_on, without=hold):
            return OF_FUNDS[1] if amount <= account.good(hold.placed_on) else OF_FUNDS[0]
        return None

    def release(self, key: UUID, original: UUID) -> Done:
        found, done = self.posted(original), Done("release", original=original)
        if found is None:
            done.reason = "original_unknown"
        elif found.kind != "hold" or found.resolution in ("captured", "expired"):
            done.reason = "original_not_reversible"
        elif found.resolution:
            done.reason = "already_reversed"
        if done.reason or found is None or found.account is None:
            return self.note(key, done)
        account = self.post(done, found.account)
        self.resolve(found, "released")
        done.approved = found.approved
        self._count_again(done, found, account, redeemed=-found.approved)
        account.recover(self.today)
        return self.note(key, self.tell(done, account))

    def standing_refunds(self, original: UUID) -> list[Done]:
        """List the refunds of an original that were not undone themselves."""
        return [
            one
            for one in self.done.values()
            if one.kind == "refund" and one.original == original and one.posted and not one.undone
        ]

    def refund(self, key: UUID, original: UUID, amount: int) -> Done:
        found, done = self.posted(original), Done("refund", original=original)
        given = self.standing_refunds(original)
        if found is None:
            done.reason = "original_unknown"
        elif found.kind not in TAKING:
            done.reason = "original_not_reversible"
        elif found.undone:
            done.reason = "already_reversed"
        elif amount + sum(one.approved for one in given) > found.approved:
            done.reason = "amount_over_original"
        if done.reason or found is None or found.account is None:
            return self.note(key, done)
        account, left = self.post(done, found.account), amount
        for no, taken in reversed(found.legs):
            free = taken - sum(part for one in given for lot, part in one.legs if lot == no)
            part = min(free, left)
            if part:
                done.legs.append((no, part))
                left -= part
        account.give_back(done.legs)
        done.approved = amount
        account.counter.give_back(found.day, redeemed=-amount)
        self._count_again(done, found, account, redeemed=-amount)
        account.recover(self.today)
        return self.note(key, self.tell(done, account))

    # What the clock does.

    def _pay(self, account: Account, part: Part) -> None:
        until = None if part.days is None else self.today + timedelta(days=part.days)
        part.legs = [account.make(part.amount, until, bonus=True)]

    def pay(self, load: Done, part: Part) -> bool:
        """Pay a part of a bonus, if it is due, the account may hold it, and a card presents it."""
        assert load.account is not None
        account = self.accounts[load.account]
        full = self.is_too_much(Done("bonus"), account, part.amount)
        gone = self.cards[self.newest[load.account]].state == "closed"
        if part.is_resolved or full or gone or part.due_on > self.today:
            return False
        account.counter.begin(self.today)
        self._pay(account, part)
        account.recover(self.today)
        return True

    def expire_lot(self, place: int, no: int) -> bool:
        """Take what is left of a lot that is over, unless an open hold may still use it."""
        account = self.accounts[place]
        lot = account.lots[no]
        kept = any(lot.good_on(one.placed_on) for one in account.reserved)
        if not lot.left or lot.good_on(self.today) or kept:
            return False
        account.counter.begin(self.today)
        lot.gone, lot.left = lot.gone + lot.left, 0
        return True

    def expire_hold(self, hold: Done) -> bool:
        """Give back what a hold reserved whose time is over."""
        if hold.resolution or hold.expires_at is None or hold.expires_at > self.now or hold.account is None:
            return False
        account = self.accounts[hold.account]
        account.counter.begin(self.today)
        self.resolve(hold, "expired")
        if hold.counted_on is not None:
            account.holder.give_back(hold.counted_on, redeemed=-hold.approved)
        account.recover(self.today)
        return True

    # What staff do to a card.

    def change(self, card: int, change: str) -> bool:
        """Change a card's state where the table allows it."""
        before, after = CHANGES[change]
        found = self.cards[card]
        if found.state not in before:
            return False
        found.state = after
        return True

    def set_pin(self, card: int) -> bool:
        """Give a card a new PIN, which unlocks it."""
        found = self.cards[card]
        if found.state != "active":
            return False
        found.failures = 0
        return True

    def replace(self, card: int) -> bool:
        """Give an account a new card in the place of one that is active, lost or closed: once for each."""
        found = self.cards[card]
        if found.replaced or found.state == "blocked":
            return False
        found.state, found.replaced = "closed", True
        self.cards.append(Card(found.account))
        self.newest[found.account] = len(self.cards) - 1
        return True

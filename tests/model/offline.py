"""The model of advices: recorded whatever the card says, with what a person has to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tests.model.done import OF_PIN, STOPPED, Done, Shown
from tests.model.world import World
from tests.offline import LIMITS

FLOORS = {"sun": LIMITS.floor_sun, "number": 0}
CLOCK_OFF = timedelta(minutes=5)


@dataclass
class Grant:
    """What a terminal was allowed, and what it sold under that: account, amount, whether it is the card's."""

    issued_at: datetime
    used: list[tuple[int, int, bool]] = field(default_factory=list)

    def is_in_time(self, moment: datetime) -> bool:
        """Say whether it was good at a moment, by clocks that may differ."""
        return -CLOCK_OFF <= moment - self.issued_at <= timedelta(seconds=LIMITS.age_s) + CLOCK_OFF

    def is_used_up(self, account: int, amount: int) -> bool:
        """Say whether another sale is more than it allows, of this card or of all."""
        sold = [one for _, one, _ in self.used]
        of_card = sum(one for place, one, known in self.used if known and place == account)
        return (
            len(sold) >= LIMITS.count
            or sum(sold) + amount > LIMITS.per_terminal
            or of_card + amount > LIMITS.per_card
        )


@dataclass
class Advised(Done):
    """An advice: what was found, the reason it would have been declined for, and its shortfall."""

    findings: set[str] = field(default_factory=set)
    doubt: str | None = None
    lacked: int = 0


class Offline(World):
    """What is told afterwards."""

    def advise(
        self, key: UUID, kind: str, shown: Shown, amount: int, *, sold_at: datetime, grant: Grant | None
    ) -> Advised:
        """Record a redeem or a load that a terminal approved by itself; a card without proof pays nothing."""
        done = Advised(kind, approved=amount)
        if grant is None or self.origin.store or not grant.is_in_time(sold_at):
            grant = None
            done.findings.add("grant_refused")
        elif kind == "load" or amount > min(LIMITS.per_transaction, FLOORS[shown.method]):
            done.findings.add("over_grant")
        self._look_at(done, shown)
        is_known = "unproven" not in done.findings
        # The account of a store that cards are charged to which did not prove themselves comes last.
        place = self.cards[shown.card].account if is_known else self.origin.store - 2
        account = self.post(done, place)
        if kind == "load":
            done.legs = [account.make(amount, account.terms.valid_until(self.today))]
            account.counter.count(loads=1, loaded=amount)
            self.count_for_holder(done, account, loads=1, loaded=amount)
            account.recover(self.today)
        else:
            self._sell(done, amount, place, sold_at, grant, is_known=is_known)
        self.note(key, self.tell(done, account))
        return done

    def _look_at(self, done: Advised, shown: Shown) -> None:
        """Find what a person has to look at of the card: its counter, its PIN, its state."""
        card = self.cards[shown.card]
        if shown.method == "sun":
            if shown.counter <= card.counter:
                done.findings.add("late_counter")
            card.counter = max(card.counter, shown.counter)
        done.doubt = (self.try_pin(shown) if shown.method == "number" else None) or STOPPED.get(card.state)
        if done.doubt:
            done.findings.add("unproven" if done.doubt in OF_PIN else "unusable")

    def _sell(
        self,
        done: Advised,
        amount: int,
        place: int,
        sold_at: datetime,
        grant: Grant | None,
        *,
        is_known: bool,
    ) -> None:
        """Take what there is, as it was on the day of the sale, and lend the rest."""
        account = self.accounts[place]
        day = min(self.day_at(sold_at), self.today) if grant else self.today
        if grant:
            if grant.is_used_up(place, amount):
                done.findings.add("over_grant")
            grant.used.append((place, amount, is_known))
        covered = min(amount, account.room(day))
        done.legs, done.lacked = account.take(covered, day), amount - covered
        if done.lacked:
            done.findings.add("shortfall")
            done.legs.append(account.lend(done.lacked))
        account.counter.count(redeemed=amount)
        self.count_for_holder(done, account, redeemed=amount)

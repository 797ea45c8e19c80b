"""The plan of a run: who comes to which terminal, when, what goes wrong, and what must come of it.

Knows amounts in minor units; must not know how it was drawn up, nor how anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulation.script import EXPECTED, FOUND_OUT, Scene

PARTS = ("morning", "evening")
VISITS = 12
OPENING_MINOR = 30_000
TOP_UP_MINOR = 20_000
# What the offer adds to a top-up of at least so much: in two parts, the second one a day later.
OFFER_FROM_MINOR, BONUS_MINOR = 20_000, 2_000
INSTALMENTS = 2
INSTALMENT_MINOR = BONUS_MINOR // INSTALMENTS
# A regular tops up below this, so that no ordinary purchase is declined for want of funds.
LOW_MINOR = 9_000
HIGH_MINOR = 40_000
# More than refunds of the same part could bring.
FAR_TOO_MUCH_MINOR = 25_000
SINGLE_MAX_MINOR = 100_000
# Above this only the answer to a challenge pays.
CHALLENGE_ABOVE_MINOR = 5_000
COUPLE_MINOR, COUPLE_SPENDS_MINOR = 8_000, 4_800
POOR_MINOR, POOR_SPENDS_MINOR, POOR_TOP_UP_MINOR = 3_000, 2_000, 5_000
# What a terminal may approve by itself; one scene asks for more.
OFFLINE_SINGLE_MINOR = 4_000
# FeliCa cards and tags are seldom topped up.
OWN_MINOR = 200_000
# Above this a bare UID wants the card's PIN.
TAG_SINGLE_MINOR, TAG_OVER_MINOR = 2_000, 2_500
# Bought the day before the first one, with a bonus for as long as that day and the first.
GIFT_MINOR, GIFT_BONUS_MINOR, GIFT_SPENDS_MINOR = 10_000, 3_000, 1_300
GIFT_BONUS_DAYS = 1
# Five lock a PIN.
WRONG_PINS_MAX = 3
CARDS_EACH_MIN = 8
# Every third regular pays by phone now and then.
PHONE_EVERY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody at a terminal. `other` is another card in the scene, `original` what a refund is of."""

    number: int
    scene: Scene
    card: int
    amount: int
    second_amount: int = 0
    other: int = 0
    original: int = 0
    race: int = -1

    @property
    def expected(self) -> tuple[str, ...]:
        """What its steps must tell."""
        return EXPECTED[self.scene]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One terminal in one part of a day; `post` is the machine, for a spare takes over from a failed one.

    `dies`: its machine goes for good after the last visit. `recovers`: whose journal it sends first, a post.
    """

    terminal: int
    post: int
    day: int
    part: int
    is_online: bool
    visits: tuple[Visit, ...]
    closes_batch: bool
    dies: bool = False
    recovers: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Before this part of the run a post's machine is dead, and the spare is put in its place."""

    part: int
    failed: int
    spare: int


@dataclass(slots=True, kw_only=True)
class NightPlan:
    """What the site must do in a night."""

    expired_holds: int = 0
    instalments: int = 0
    expired_lots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Whose cards there are: numbers of cards, the first three with one for each terminal."""

    lost: range
    felica: range
    tags: range
    gifts: range
    couple: int
    poor: range
    regulars: range

    @property
    def phones(self) -> set[int]:
        """The cards that a phone pays with as well."""
        return set(self.regulars[::PHONE_EVERY])


@dataclass(slots=True, kw_only=True)
class Plan:
    """The whole run: shifts in the order of time, and what must be true at its end.

    `balances`, `findings` and `nights` are the model's: what each card has, how many of each kind reconciling
    finds when the last night is over, and what each night does. `openings` are first top-ups.
    """

    people: People
    openings: dict[int, int]
    shifts: list[list[Shift]]
    races: int
    promotion: Promotion
    balances: dict[int, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    nights: list[NightPlan] = field(default_factory=list)

    @property
    def visits(self) -> int:
        """Count the visits of all shifts."""
        return sum(len(shift.visits) for shifts in self.shifts for shift in shifts)

    @property
    def gift_bonus_minor(self) -> int:
        """Give the bonus of the first top-ups."""
        return len(self.people.gifts) * GIFT_BONUS_MINOR

    @property
    def expired_minor(self) -> int:
        """Give what is taken off in all nights: what nobody spent of the gifts' bonus."""
        return sum(night.expired_lots for night in self.nights) * (GIFT_BONUS_MINOR - GIFT_SPENDS_MINOR)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated."""

    stores: int
    terminals: int
    cards: int
    days: int

    @property
    def all_terminals(self) -> int:
        """Count the terminals of all stores, the spare aside."""
        return self.stores * self.terminals

    @property
    def parts(self) -> int:
        """Count the parts of all days."""
        return self.days * len(PARTS)


def instalment_of(amount_minor: int) -> int:
    """Give each of the two parts of bonus that a top-up earns by the chain's offer."""
    return INSTALMENT_MINOR if amount_minor >= OFFER_FROM_MINOR else 0


def found_out_in(shifts: list[list[Shift]]) -> dict[str, int]:
    """Count what becomes an exception: however often a copy of one card is shown, it is one."""
    visits = [visit for part in shifts for shift in part for visit in shift.visits]
    return {
        kind: len({visit.card for visit in visits if visit.scene == scene})
        for scene, kind in FOUND_OUT.items()
    }


def people_of(size: Size, spells: int) -> People:
    """Number the cards; `spells` without a network have a poor customer each."""
    ends = [0]
    for count in (*[size.all_terminals] * 4, 1, spells, size.cards):
        ends.append(ends[-1] + count)
    lost, felica, tags, gifts, couple, poor, regulars = map(range, ends, ends[1:])
    return People(
        lost=lost, felica=felica, tags=tags, gifts=gifts, couple=couple.start, poor=poor, regulars=regulars
    )


def openings_of(people: People) -> dict[int, int]:
    """Give the first top-up of each card."""
    return {
        **dict.fromkeys([*people.lost, *people.regulars], OPENING_MINOR),
        **dict.fromkeys([*people.felica, *people.tags], OWN_MINOR),
        **dict.fromkeys(people.gifts, GIFT_MINOR),
        **dict.fromkeys(people.poor, POOR_MINOR),
        people.couple: COUPLE_MINOR,
    }

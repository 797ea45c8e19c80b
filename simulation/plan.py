"""The plan: who comes to which terminal, when, what goes wrong, and what must come of it. From a seed alone.

Knows amounts in minor units and the model of every balance; must not know how anything is sent.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from simulation.script import EXPECTED, FOUND_OUT, OFFLINE, OFFLINE_TROUBLE, ORDINARY, SPENDS, TROUBLE, Scene

PARTS = ("morning", "evening")
VISITS = 12
OPENING_MINOR = 30_000
TOP_UP_MINOR = 20_000
# What the offer adds to a top-up of at least so much.
OFFER_FROM_MINOR, BONUS_MINOR = 20_000, 2_000
# A regular tops up below this, so that no ordinary purchase is declined for want of funds.
LOW_MINOR = 9_000
HIGH_MINOR = 40_000
# More than refunds of the same part could bring.
FAR_TOO_MUCH_MINOR = 25_000
SINGLE_MAX_MINOR = 100_000
COUPLE_MINOR, COUPLE_SPENDS_MINOR = 10_000, 6_000
POOR_MINOR, POOR_SPENDS_MINOR, POOR_TOP_UP_MINOR = 3_000, 2_000, 5_000
# What a terminal may approve by itself; one scene asks for more.
OFFLINE_SINGLE_MINOR = 10_000
# Five lock a PIN.
WRONG_PINS_MAX = 3
CARDS_EACH_MIN = 8

# A terminal without a network: which, and its first and its last part.
Spell = tuple[int, int, int]
TROUBLE_EACH_PART = 3


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
    """One terminal in one part of a day."""

    terminal: int
    day: int
    part: int
    is_online: bool
    visits: tuple[Visit, ...]
    closes_batch: bool


@dataclass(slots=True)
class Plan:
    """The whole run: shifts in the order of time, and what must be true at its end.

    `lost` are cards reported lost before the first day; `balances` and `findings` are the model's: what each
    card has and how many of each kind reconciling finds when the last night is over.
    """

    shifts: list[list[Shift]]
    races: int
    openings: dict[int, int]
    lost: list[int]
    balances: dict[int, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    first_regular: int = 0

    @property
    def visits(self) -> int:
        """Count the visits of all shifts."""
        return sum(len(shift.visits) for shifts in self.shifts for shift in shifts)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated."""

    stores: int
    terminals: int
    cards: int
    days: int

    @property
    def all_terminals(self) -> int:
        """Count the terminals of all stores."""
        return self.stores * self.terminals

    @property
    def parts(self) -> int:
        """Count the parts of all days."""
        return self.days * len(PARTS)


def bonus_of(amount_minor: int) -> int:
    """Give the bonus of a top-up by the chain's one offer."""
    return BONUS_MINOR if amount_minor >= OFFER_FROM_MINOR else 0


def make_plan(size: Size, seed: int) -> Plan:
    """Plan a run; the same size and seed give the same plan."""
    return _Planner(size, random.Random(seed)).plan()


class _Planner:
    """Deals cards to terminals part by part: no card is at two terminals in one part, but for the races."""

    def __init__(self, size: Size, chance: random.Random) -> None:
        self.size = size
        self.chance = chance
        self.spells = self._spells()
        # A lost card for each terminal: the same one at two at once would be a race of its counter.
        lost = range(size.all_terminals)
        self.couple = len(lost)
        poor = range(self.couple + 1, self.couple + 1 + len(self.spells))
        self.poor = dict(zip(self.spells, poor, strict=True))
        regulars = range(poor.stop, poor.stop + size.cards)
        self.regulars = list(regulars)
        self.lost = list(lost)
        self.openings = {
            **dict.fromkeys(lost, OPENING_MINOR),
            self.couple: COUPLE_MINOR,
            **dict.fromkeys(poor, POOR_MINOR),
            **dict.fromkeys(regulars, OPENING_MINOR),
        }
        self.balances = dict(self.openings)
        self.deferred: list[tuple[int, int]] = []
        self.held: dict[int, int] = {}
        self.kept: dict[int, tuple[int, int]] = {}
        self.sold_offline: dict[int, int] = {}
        self.refundable: dict[int, list[Visit]] = {}
        self.wrong_pins: dict[int, int] = {}
        self.trouble: list[Scene] = []
        self.number = 0
        self.races = 0
        self.findings = {"advice_late_counter": 0, "advice_shortfall": 0}
        self.found_out: dict[str, set[int]] = {}

    def plan(self) -> Plan:
        shifts = [self._part(part) for part in range(self.size.parts)]
        return Plan(
            shifts=shifts,
            races=self.races,
            openings=self.openings,
            lost=self.lost,
            balances=self.balances,
            findings=self.findings,
            first_regular=self.regulars[0],
        )

    def _spells(self) -> list[Spell]:
        """Choose who has no network when: (terminal, first part, last part), back before the end."""
        last = self.size.parts - 1
        spells = [(self.size.all_terminals - 1, 1, min(2, last - 1))]
        free_from = {self.size.all_terminals - 1: 4}
        for first in range(3, last):
            terminal = self.chance.randrange(self.size.all_terminals)
            if first >= free_from.get(terminal, 0) and self.chance.random() < 0.4:
                end = min(first + self.chance.randrange(2), last - 1)
                spells.append((terminal, first, end))
                free_from[terminal] = end + 2
        return spells

    def _part(self, part: int) -> list[Shift]:
        terminals = self.size.all_terminals
        offline = {one[0]: one for one in self.spells if one[1] <= part <= one[2]}
        back = {one[0]: one for one in self.spells if one[2] + 1 == part}
        hands = self._deal(part)
        racers = self._racers(part, [one for one in range(terminals) if one not in offline])
        shifts = []
        for terminal in range(terminals):
            visits = list(racers.get(terminal, []))
            if terminal in offline:
                visits += self._without_network(hands[terminal], offline[terminal], part)
            else:
                if terminal in back:
                    visits.append(self._poor_top_up(back[terminal]))
                visits += self._with_network(terminal, hands[terminal], VISITS - len(visits))
            day, in_day = divmod(part, len(PARTS))
            shifts.append(
                Shift(
                    terminal=terminal,
                    day=day,
                    part=in_day,
                    is_online=terminal not in offline,
                    visits=tuple(visits),
                    closes_batch=in_day == len(PARTS) - 1,
                )
            )
        for card, amount in self.deferred:
            self.balances[card] += amount
        self.deferred.clear()
        if part % len(PARTS) == len(PARTS) - 1:
            self.held.clear()
        return shifts

    def _deal(self, part: int) -> list[list[int]]:
        """Deal the regulars' cards; one that was used offline stays with that terminal until it is back."""
        hands: list[list[int]] = [[] for _ in range(self.size.all_terminals)]
        self.kept = {card: kept for card, kept in self.kept.items() if kept[1] >= part}
        free = [card for card in self.regulars if card not in self.kept]
        self.chance.shuffle(free)
        for place, card in enumerate(free):
            hands[place % len(hands)].append(card)
        for card, (terminal, _) in self.kept.items():
            hands[terminal].append(card)
        return hands

    def _racers(self, part: int, online: list[int]) -> dict[int, list[Visit]]:
        """Have two terminals spend from one card at the same moment, each more than half of what is on it."""
        if part % len(PARTS) or len(online) < 2:
            return {}
        one, other = self.chance.sample(online, 2)
        tops_up = 0 if self.races == 0 else COUPLE_SPENDS_MINOR
        race, self.races = self.races, self.races + 1
        self.balances[self.couple] += tops_up - COUPLE_SPENDS_MINOR
        first = self._visit("race_tap", self.couple, COUPLE_SPENDS_MINOR, second_amount=tops_up, race=race)
        second = self._visit("race_keyed", self.couple, COUPLE_SPENDS_MINOR, race=race)
        return {one: [first], other: [second]}

    def _with_network(self, terminal: int, hand: list[int], count: int) -> Iterator[Visit]:
        trouble = {self.chance.randrange(count) for _ in range(TROUBLE_EACH_PART)}
        for place in range(count):
            yield self._online_visit(terminal, hand, self._next_trouble() if place in trouble else None)

    def _next_trouble(self) -> Scene:
        """Draw from a pack in which each kind of trouble lies once, so that a short run meets them all."""
        if not self.trouble:
            self.trouble = list(TROUBLE)
            self.chance.shuffle(self.trouble)
        return self.trouble.pop()

    def _online_visit(self, terminal: int, hand: list[int], trouble: Scene | None) -> Visit:
        card = self.chance.choice(hand)
        if trouble is None and self._available(card) < LOW_MINOR:
            return self._book(self._visit("top_up", card, TOP_UP_MINOR), terminal)
        scene = trouble or self._draw(ORDINARY)
        if scene == "top_up" and self.balances[card] > HIGH_MINOR:
            scene = "tap"
        if scene == "top_up":
            tops_up = self.chance.choice((5_000, 10_000, TOP_UP_MINOR))
            return self._book(self._visit(scene, card, tops_up), terminal)
        if scene == "top_up_void":
            return self._book(self._visit(scene, card, TOP_UP_MINOR), terminal)
        if scene == "refund":
            return self._refund(terminal, card)
        if scene == "wrong_pin" and self.wrong_pins.get(card, 0) >= WRONG_PINS_MAX:
            scene = "too_much"
        if scene not in ("too_much", "over_limit") and trouble and self._available(card) < LOW_MINOR:
            card = max(hand, key=self._available)
        amount = self.chance.randrange(300, 4_000, 50)
        if scene == "wrong_pin":
            self.wrong_pins[card] = self.wrong_pins.get(card, 0) + 1
        if scene == "too_much":
            amount = self.balances[card] + FAR_TOO_MUCH_MINOR
        if scene == "over_limit":
            amount = SINGLE_MAX_MINOR + 1
        if scene in ("lost_card", "copied_chip"):
            # A copy that is found out blocks its card, which nobody could spend from after that.
            card = self.lost[terminal]
        if scene in FOUND_OUT:
            # However often a copy of one card is shown, it is one exception.
            shown = self.found_out.setdefault(FOUND_OUT[scene], set())
            shown.add(card)
            self.findings[FOUND_OUT[scene]] = len(shown)
        other = next((one for one in hand if one != card), card)
        captured = amount - self.chance.randrange(0, 300, 50) if scene == "capture" else 0
        return self._book(self._visit(scene, card, amount, second_amount=captured, other=other), terminal)

    def _refund(self, terminal: int, card: int) -> Visit:
        """Give back part of a purchase of an earlier part; a tap in its place while there is none."""
        earlier = self.refundable.get(terminal, [])
        if not earlier:
            return self._book(self._visit("tap", card, 650), terminal)
        original = earlier.pop(self.chance.randrange(len(earlier)))
        amount = max(50, original.amount // 2)
        self.deferred.append((original.card, amount))
        return self._visit("refund", original.card, amount, original=original.number)

    def _without_network(self, hand: list[int], spell: Spell, part: int) -> list[Visit]:
        scenes: list[Scene] = [self._draw(OFFLINE) for _ in range(VISITS)]
        if part == spell[1]:
            places = self.chance.sample(range(VISITS), len(OFFLINE_TROUBLE))
            for place, scene in zip(places, OFFLINE_TROUBLE, strict=True):
                scenes[place] = scene
        return [self._offline_visit(scene, hand, spell) for scene in scenes]

    def _offline_visit(self, scene: Scene, hand: list[int], spell: Spell) -> Visit:
        amount = self.chance.randrange(300, 2_000, 50)
        card = self._rich(hand)
        if scene == "offline_poor":
            poor = self.poor[spell]
            self.balances[poor] -= 2 * POOR_SPENDS_MINOR
            self.findings["advice_shortfall"] += 1
            return self._visit(scene, poor, POOR_SPENDS_MINOR)
        if scene == "offline_lost":
            return self._visit(scene, self.lost[spell[0]], amount)
        if scene == "offline_over":
            return self._visit(scene, card, OFFLINE_SINGLE_MINOR + 50)
        if scene in ("offline_keyed", "offline_top_up"):
            return self._visit(scene, card, amount)
        # Until the terminal has told of it, the card is used nowhere else: else its counter would be late.
        self.kept[card] = (spell[0], spell[2] + 1)
        if scene == "offline_clone":
            self.findings["advice_late_counter"] += 1
            self.balances[card] -= 2 * amount
            return self._visit(scene, card, amount, second_amount=amount)
        self.balances[card] -= amount
        return self._visit(scene, card, amount)

    def _rich(self, hand: list[int]) -> int:
        """Choose a card whose purchases offline will be covered."""
        rich = [card for card in hand if self._available(card) >= LOW_MINOR]
        return self.chance.choice(rich) if rich else max(hand, key=self._available)

    def _available(self, card: int) -> int:
        return self.balances[card] - self.held.get(card, 0)

    def _poor_top_up(self, spell: Spell) -> Visit:
        """Let the one who spent too much offline top up: what was lent is recovered."""
        card = self.poor[spell]
        self.balances[card] += POOR_TOP_UP_MINOR
        return self._visit("poor_top_up", card, POOR_TOP_UP_MINOR)

    def _book(self, visit: Visit, terminal: int) -> Visit:
        """Let the model follow a visit."""
        if visit.scene in SPENDS:
            self.balances[visit.card] -= visit.amount
        if visit.scene == "top_up":
            self.balances[visit.card] += visit.amount + bonus_of(visit.amount)
        if visit.scene == "left_hold":
            self.held[visit.card] = self.held.get(visit.card, 0) + visit.amount
        if visit.scene == "capture":
            self.balances[visit.card] -= visit.second_amount
        if visit.scene in ("tap", "keyed", "scan"):
            self.refundable.setdefault(terminal, []).append(visit)
        return visit

    def _draw(self, weights: dict[Scene, int]) -> Scene:
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def _visit(self, scene: Scene, card: int, amount: int, **more: int) -> Visit:
        self.number += 1
        visit = Visit(number=self.number, scene=scene, card=card, amount=amount)
        return replace(visit, **more) if more else visit  # type: ignore[arg-type]

"""The planner: draws a plan from a seed, and follows in a model of its own what must come of it.

Knows every balance as it has to be; must not know how anything is sent.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from simulation.plan import (
    CHALLENGE_ABOVE_MINOR,
    COUPLE_SPENDS_MINOR,
    FAR_TOO_MUCH_MINOR,
    GIFT_BONUS_MINOR,
    GIFT_MINOR,
    GIFT_SPENDS_MINOR,
    HIGH_MINOR,
    LOW_MINOR,
    OFFLINE_SINGLE_MINOR,
    PARTS,
    POOR_SPENDS_MINOR,
    POOR_TOP_UP_MINOR,
    SINGLE_MAX_MINOR,
    TAG_OVER_MINOR,
    TAG_SINGLE_MINOR,
    TOP_UP_MINOR,
    VISITS,
    WRONG_PINS_MAX,
    NightPlan,
    Plan,
    Promotion,
    Shift,
    Size,
    Visit,
    found_out_in,
    instalment_of,
    openings_of,
    people_of,
)
from simulation.script import OFFLINE, OFFLINE_TROUBLE, ORDINARY, SELDOM, SPENDS, Scene

# A terminal without a network: which, and its first and its last part.
Spell = tuple[int, int, int]
SELDOM_EACH_PART = 4


def make_plan(size: Size, seed: int) -> Plan:
    """Plan a run; the same size and seed give the same plan."""
    return _Planner(size, random.Random(seed)).plan()


class _Planner:
    """Deals cards to terminals part by part: no card is at two terminals in one part, but for the races."""

    def __init__(self, size: Size, chance: random.Random) -> None:
        self.size = size
        self.chance = chance
        self.spells = self._spells()
        self.people = people = people_of(size, len(self.spells))
        self.poor = dict(zip(self.spells, people.poor, strict=True))
        self.openings = openings_of(people)
        self.balances = {**self.openings, **dict.fromkeys(people.gifts, GIFT_MINOR + GIFT_BONUS_MINOR)}
        # Whoever loses the network first dies of it: the spare is there in the part when it would be back.
        first = self.spells[0]
        self.promotion = Promotion(part=first[2] + 1, failed=first[0], spare=size.all_terminals)
        self.posts = list(range(size.all_terminals))
        self.nights = [NightPlan() for _ in range(size.days)]
        self.refunded: list[tuple[int, int]] = []
        self.promised: list[tuple[int, int]] = []
        self.held: dict[int, int] = {}
        self.stays: dict[int, list[Visit]] = {}
        self.kept: dict[int, tuple[int, int]] = {}
        self.refundable: dict[int, list[Visit]] = {}
        self.wrong_pins: dict[int, int] = {}
        self.unexpired = set(range(size.all_terminals))
        # In this part of a day: cards that gave all they had, whose stay ended, whose phone showed its code.
        self.drained: set[int] = set()
        self.left: set[int] = set()
        self.coded: set[int] = set()
        self.pack: list[Scene] = []
        self.number = self.races = self.part = 0
        self.findings = {"advice_late_counter": 0, "advice_shortfall": 0}

    @property
    def day(self) -> int:
        return self.part // len(PARTS)

    def plan(self) -> Plan:
        shifts = []
        for part in range(self.size.parts):
            self.part = part
            shifts.append(self._shifts())
            self._end_part()
        return Plan(
            people=self.people,
            openings=self.openings,
            shifts=shifts,
            races=self.races,
            promotion=self.promotion,
            balances=self.balances,
            findings=self.findings | found_out_in(shifts),
            nights=self.nights,
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

    def _shifts(self) -> list[Shift]:
        """Plan one part of a day at every terminal, and at the spare, which keeps up until it is needed."""
        part, terminals = self.part, range(self.size.all_terminals)
        offline = {one[0]: one for one in self.spells if one[1] <= part <= one[2]}
        back = {one[0]: one for one in self.spells if one[2] + 1 == part}
        hands = self._deal()
        racers = self._racers([one for one in terminals if one not in offline])
        shifts = []
        if part == self.promotion.part:
            self.posts[self.promotion.failed] = self.promotion.spare
        if part < self.promotion.part:
            shifts.append(self._shift(self.promotion.failed, self.promotion.spare, [], is_online=True))
        for terminal in terminals:
            visits = list(racers.get(terminal, []))
            if terminal in offline:
                visits += self._without_network(hands[terminal], offline[terminal])
            else:
                visits += self._firsts(terminal, hands[terminal], back.get(terminal))
                visits += self._with_network(terminal, hands[terminal], VISITS - len(visits))
            is_online = terminal not in offline
            shifts.append(self._shift(terminal, self.posts[terminal], visits, is_online=is_online))
        return shifts

    def _shift(self, terminal: int, post: int, visits: list[Visit], *, is_online: bool) -> Shift:
        takes_over = self.part == self.promotion.part and post == self.promotion.spare
        return Shift(
            terminal=terminal,
            post=post,
            day=self.day,
            part=self.part % len(PARTS),
            is_online=is_online,
            visits=tuple(visits),
            closes_batch=bool(visits) and self.part % len(PARTS) == len(PARTS) - 1,
            dies=self.part == self.promotion.part - 1 and post == self.promotion.failed,
            recovers=self.promotion.failed if takes_over else -1,
        )

    def _end_part(self) -> None:
        for card, amount in self.refunded:
            self.balances[card] += amount
        self.refunded.clear()
        self.drained.clear()
        self.left.clear()
        self.coded.clear()
        if self.part % len(PARTS) == len(PARTS) - 1:
            self._end_day()

    def _end_day(self) -> None:
        """Let the model do what the site must do at night."""
        night = self.nights[self.day]
        self.held.clear()
        due = [card for day, card in self.promised if day == self.day]
        for card in due:
            self.balances[card] += instalment_of(TOP_UP_MINOR)
        night.instalments = len(due)
        if self.day == 1:
            for card in self.people.gifts:
                self.balances[card] = GIFT_MINOR
            night.expired_lots = len(self.people.gifts)

    def _deal(self) -> list[list[int]]:
        """Deal the regulars' cards; one that was used offline stays with that terminal until it is back."""
        hands: list[list[int]] = [[] for _ in range(self.size.all_terminals)]
        self.kept = {card: kept for card, kept in self.kept.items() if kept[1] >= self.part}
        free = [card for card in self.people.regulars if card not in self.kept]
        self.chance.shuffle(free)
        for place, card in enumerate(free):
            hands[place % len(hands)].append(card)
        for card, (terminal, _) in self.kept.items():
            hands[terminal].append(card)
        return hands

    def _racers(self, online: list[int]) -> dict[int, list[Visit]]:
        """Have two terminals spend from one card at the same moment, each more than half of what is on it."""
        if self.part % len(PARTS) or len(online) < 2:
            return {}
        one, other = self.chance.sample(online, 2)
        tops_up = 0 if self.races == 0 else COUPLE_SPENDS_MINOR
        race, self.races = self.races, self.races + 1
        couple = self.people.couple
        self.balances[couple] += tops_up - COUPLE_SPENDS_MINOR
        first = self._visit("race_tap", couple, COUPLE_SPENDS_MINOR, second_amount=tops_up, race=race)
        second = self._visit("race_keyed", couple, COUPLE_SPENDS_MINOR, race=race)
        return {one: [first], other: [second]}

    def _firsts(self, terminal: int, hand: list[int], spell: Spell | None) -> Iterator[Visit]:
        """Give who comes before everybody else: who has to be there then for the plan to hold."""
        if self.part == 0:
            yield self._visit("personalise", self.people.felica[terminal], 0)
            gift = self.people.gifts[terminal]
            yield self._book(self._visit("gift", gift, GIFT_SPENDS_MINOR), terminal)
            yield self._book(self._visit("offer", hand[0], TOP_UP_MINOR), terminal)
        if self.day >= 1 and terminal in self.unexpired:
            self.unexpired.remove(terminal)
            yield self._visit("expired_bonus", self.people.gifts[terminal], GIFT_MINOR + 50)
        if spell is not None:
            # The one who spent too much offline tops up: what was lent is recovered.
            yield self._book(self._visit("poor_top_up", self.poor[spell], POOR_TOP_UP_MINOR), terminal)
        for stay in self.stays.pop(terminal, []):
            self.left.add(stay.card)
            captured = stay.amount - self.chance.randrange(0, 300, 50)
            visit = self._visit("check_out", stay.card, captured, original=stay.number)
            yield self._book(visit, terminal)

    def _with_network(self, terminal: int, hand: list[int], count: int) -> Iterator[Visit]:
        seldom = self.chance.sample(range(count), SELDOM_EACH_PART)
        for place in range(count):
            yield self._online_visit(terminal, hand, self._next_seldom() if place in seldom else None)

    def _next_seldom(self) -> Scene:
        if not self.pack:
            self.pack = list(SELDOM)
            self.chance.shuffle(self.pack)
        return self.pack.pop()

    def _online_visit(self, terminal: int, hand: list[int], drawn: Scene | None) -> Visit:
        card = self.chance.choice(hand)
        if drawn is None and self._available(card) < LOW_MINOR:
            return self._book(self._visit("top_up", card, TOP_UP_MINOR), terminal)
        scene = self._possible(drawn or self._draw(ORDINARY), card)
        if scene == "refund":
            return self._refund(terminal, card)
        if scene == "partial":
            return self._partial(terminal, hand)
        if scene in ("pay_code", "used_pay_code"):
            return self._pay_code(scene, terminal, hand)
        own = {
            "felica": self.people.felica,
            "tag": self.people.tags,
            "tag_over": self.people.tags,
            "lost_card": self.people.lost,
            # A copy that is found out blocks its card, which nobody could spend from after that.
            "copied_chip": self.people.lost,
        }
        if scene in own:
            card = own[scene][terminal]
        elif scene not in ("too_much", "over_limit") and drawn and self._available(card) < LOW_MINOR:
            card = max(hand, key=self._available)
        if scene == "wrong_pin":
            self.wrong_pins[card] = self.wrong_pins.get(card, 0) + 1
        amount = self._amount(scene, card)
        other = next((one for one in hand if one != card), card)
        captured = amount - self.chance.randrange(0, 300, 50) if scene == "capture" else 0
        return self._book(self._visit(scene, card, amount, second_amount=captured, other=other), terminal)

    def _possible(self, scene: Scene, card: int) -> Scene:
        """Play another scene where this one cannot be: a PIN would lock, a stay would have no morning."""
        if scene == "top_up" and self.balances[card] > HIGH_MINOR:
            return "tap"
        if scene == "wrong_pin" and self.wrong_pins.get(card, 0) >= WRONG_PINS_MAX:
            return "too_much"
        return "left_hold" if scene == "check_in" and self.part == self.size.parts - 1 else scene

    def _amount(self, scene: Scene, card: int) -> int:
        match scene:
            case "top_up":
                return self.chance.choice((5_000, 10_000, TOP_UP_MINOR))
            case "top_up_void":
                return TOP_UP_MINOR
            case "too_much":
                return self.balances[card] + FAR_TOO_MUCH_MINOR
            case "over_limit":
                return SINGLE_MAX_MINOR + 1
            case "challenged" | "copied_chip":
                return CHALLENGE_ABOVE_MINOR + self.chance.randrange(50, 2_000, 50)
            case "tag":
                return self.chance.randrange(300, TAG_SINGLE_MINOR, 50)
            case "tag_over":
                return TAG_OVER_MINOR
            case _:
                return self.chance.randrange(300, 4_000, 50)

    def _refund(self, terminal: int, card: int) -> Visit:
        """Give back part of a purchase of an earlier part; a tap in its place while there is none."""
        earlier = [one for one in self.refundable.get(terminal, []) if one.card not in self.drained]
        if not earlier:
            return self._book(self._visit("tap", card, 650), terminal)
        original = self.chance.choice(earlier)
        self.refundable[terminal].remove(original)
        amount = max(50, original.amount // 2)
        self.refunded.append((original.card, amount))
        return self._visit("refund", original.card, amount, original=original.number)

    def _partial(self, terminal: int, hand: list[int]) -> Visit:
        """Ask for more than a card has and take what there is; nobody else may move it in this part."""
        moving = {card for card, _ in self.refunded} | self.left | self.held.keys() | self._staying().keys()
        still = [card for card in hand if card not in moving and self._available(card) > 0]
        if not still:
            return self._book(self._visit("tap", max(hand, key=self._available), 650), terminal)
        card = min(still, key=self._available)
        self.drained.add(card)
        left = self._available(card)
        return self._book(self._visit("partial", card, left + 500, second_amount=left), terminal)

    def _pay_code(self, scene: Scene, terminal: int, hand: list[int]) -> Visit:
        """Pay with the phone, once a part: its next code may be as many seconds away as the shift is long."""
        able = [card for card in hand if card in self.people.phones - self.coded]
        card = max(able or hand, key=self._available)
        if not able:
            return self._book(self._visit("tap", card, 650), terminal)
        if self._available(card) < LOW_MINOR:
            return self._book(self._visit("top_up", card, TOP_UP_MINOR), terminal)
        self.coded.add(card)
        return self._book(self._visit(scene, card, self._amount(scene, card)), terminal)

    def _without_network(self, hand: list[int], spell: Spell) -> list[Visit]:
        scenes: list[Scene] = [self._draw(OFFLINE) for _ in range(VISITS)]
        if self.part == spell[1]:
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
            return self._visit(scene, self.people.lost[spell[0]], amount)
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
        return self.balances[card] - self.held.get(card, 0) - self._staying()[card]

    def _staying(self) -> Counter[int]:
        """Give what is held for whoever stays, by card."""
        staying = Counter[int]()
        for stay in (stay for stays in self.stays.values() for stay in stays):
            staying[stay.card] += stay.amount
        return staying

    def _book(self, visit: Visit, terminal: int) -> Visit:
        """Let the model follow a visit."""
        card = visit.card
        if visit.scene in SPENDS or visit.scene == "check_out":
            self.balances[card] -= visit.amount
        match visit.scene:
            case "top_up" | "offer" | "poor_top_up":
                earned = instalment_of(visit.amount)
                self.balances[card] += visit.amount + earned
                if earned:
                    self.promised.append((self.day + 1, card))
            case "left_hold":
                self.held[card] = self.held.get(card, 0) + visit.amount
                self.nights[self.day].expired_holds += 1
            case "check_in":
                self.stays.setdefault(terminal, []).append(visit)
            case "capture" | "partial":
                self.balances[card] -= visit.second_amount
            case "tap" | "keyed" | "scan":
                self.refundable.setdefault(terminal, []).append(visit)
        return visit

    def _draw(self, weights: dict[Scene, int]) -> Scene:
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def _visit(self, scene: Scene, card: int, amount: int, **more: int) -> Visit:
        self.number += 1
        visit = Visit(number=self.number, scene=scene, card=card, amount=amount)
        return replace(visit, **more) if more else visit  # type: ignore[arg-type]

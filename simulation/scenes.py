"""The scenes at a terminal: what the cashier and the people do, and what goes wrong meanwhile.

Knows a till, its pad and how its line is made to fail; must not know what ought to come of a scene.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from simulation.line import Failure
from simulation.plan import Visit
from simulation.script import Scene
from simulation.steps import Till
from terminals import messages
from terminals.conversations import personalise as put_keys_on
from terminals.journal import Entry
from terminals.presenting import Presented, with_pin

EVERY_CALL = 1_000
HOLD_GOOD_FOR, STAY = timedelta(hours=1), timedelta(days=3)
ANOTHER = "another transaction"


def tap(till: Till, visit: Visit) -> None:
    till.tap(visit.card, visit.amount)


def keyed(till: Till, visit: Visit) -> None:
    till.redeem(till.facts[visit.card].typed(), visit.amount)


def scan(till: Till, visit: Visit) -> None:
    till.redeem(till.facts[visit.card].scanned(), visit.amount)


def pay_code(till: Till, visit: Visit) -> None:
    till.redeem(till.facts[visit.card].shown_by_phone(), visit.amount)


def partial(till: Till, visit: Visit) -> None:
    """Take what is on the card: the rest is paid in cash."""
    till.tap(visit.card, visit.amount, allow_partial=True)


def tag_over(till: Till, visit: Visit) -> None:
    """A bare UID is worth little trust: above the program's amount the PIN is asked for."""
    till.tap(visit.card, visit.amount)

    def use(shown: Presented) -> Entry:
        card = with_pin(shown.card, till.facts[visit.card].pin)
        return till.transactions.redeem(card, visit.amount, uid=shown.uid)

    till.step(lambda: till.pad.present(till.facts[visit.card], use))


def top_up(till: Till, visit: Visit) -> None:
    till.load(visit.card, visit.amount)


def top_up_void(till: Till, visit: Visit) -> None:
    """The wrong card was topped up: the void takes back what it earned as well."""
    _void(till, till.load(visit.card, visit.amount))


def void(till: Till, visit: Visit) -> None:
    _void(till, till.tap(visit.card, visit.amount))


def _void(till: Till, entry: Entry | None) -> None:
    if entry is not None:
        till.step(lambda: till.transactions.void(entry.id))


def left_hold(till: Till, visit: Visit) -> None:
    """Nobody comes back for it: the site releases it at night."""
    _hold(till, visit, HOLD_GOOD_FOR)


def check_in(till: Till, visit: Visit) -> None:
    """A guest comes, and an amount is held for the stay."""
    _hold(till, visit, STAY)


def _hold(till: Till, visit: Visit, good_for: timedelta) -> Entry | None:
    def use(shown: Presented) -> Entry:
        return till.transactions.hold(shown.card, visit.amount, good_for=good_for, uid=shown.uid)

    return till.step(lambda: till.pad.present(till.facts[visit.card], use))


def capture(till: Till, visit: Visit) -> None:
    entry = _hold(till, visit, HOLD_GOOD_FOR)
    if entry is not None:
        till.step(lambda: till.transactions.capture(entry.id, visit.second_amount))


def check_out(till: Till, visit: Visit) -> None:
    """The guest leaves, a part of a day or more later, and pays less than was held."""
    till.step(lambda: till.transactions.capture(till.known[visit.original], visit.amount))


def release(till: Till, visit: Visit) -> None:
    entry = _hold(till, visit, HOLD_GOOD_FOR)
    if entry is not None:
        till.step(lambda: till.transactions.release(entry.id))


def refund(till: Till, visit: Visit) -> None:
    original, currency = till.known[visit.original], till.terminal.enrolment.currency
    till.post(
        lambda asked: messages.Refund(**asked, original=original, amount=visit.amount, currency=currency)
    )


def personalise(till: Till, visit: Visit) -> None:
    """Put keys onto a blank that leaves after its first block, and go on where it broke off."""
    facts = till.facts[visit.card]

    def use(shown: Presented) -> str:
        assert shown.reader is not None, "it lies on a reader"
        assert shown.tap is not None, "and was tapped"
        step = put_keys_on(till.terminal.site, shown.reader, shown.tap, facts.printed)
        return "personalised" if step.card is not None else "not finished"

    till.told.said.append(till.pad.pull_away(facts, use))


def wrong_pin(till: Till, visit: Visit) -> None:
    facts = till.facts[visit.card]
    till.redeem(facts.typed(facts.wrong_pin()), visit.amount)


def replayed_sun(till: Till, visit: Visit) -> None:
    """Somebody read along, and shows what the card showed."""
    facts, heard = till.facts[visit.card], list[str]()

    def use(shown: Presented) -> Entry:
        heard.append(_address(shown))
        return till.spend(shown, visit.amount)

    till.step(lambda: till.pad.present(facts, use))
    again = visit.second_amount or visit.amount + 50
    till.step(
        lambda: till.pad.present_copied_message(facts, heard[0], lambda shown: till.spend(shown, again))
    )


def forged_sun(till: Till, visit: Visit) -> None:
    """Somebody without the card's keys makes up a message: its MAC is wrong."""
    facts = till.facts[visit.card]
    uri = till.pad.present(facts, _address)
    forged = uri[:-1] + ("0" if uri[-1] != "0" else "1")
    till.step(
        lambda: till.pad.present_copied_message(facts, forged, lambda shown: till.spend(shown, visit.amount))
    )


def _address(shown: Presented) -> str:
    uri = shown.tap.uri if shown.tap is not None else None
    assert uri is not None, "the chip shows its address"
    return uri


def copied_uid(till: Till, visit: Visit) -> None:
    facts = till.facts[visit.card]
    till.step(lambda: till.pad.present_copied_uid(facts, lambda shown: till.spend(shown, visit.amount)))


def copied_chip(till: Till, visit: Visit) -> None:
    """A chip that shows another card's messages is asked for more."""
    facts = till.facts[visit.card]
    till.step(lambda: till.pad.present_copied_chip(facts, lambda shown: till.spend(shown, visit.amount)))


def used_pay_code(till: Till, visit: Visit) -> None:
    """Somebody photographed the phone: its code was spent a moment before."""
    code = till.facts[visit.card].shown_by_phone()
    till.redeem(code, visit.amount)
    till.redeem(code, visit.amount + 50)


def pulled_away(till: Till, visit: Visit) -> None:
    facts = till.facts[visit.card]
    till.step(lambda: till.pad.pull_away(facts, lambda shown: till.spend(shown, visit.amount)))


def cut_request(till: Till, visit: Visit) -> None:
    till.line.fail_next("cut_request")
    tap(till, visit)


def cut_answer(till: Till, visit: Visit) -> None:
    till.line.fail_next("cut_answer")
    tap(till, visit)


def kill_before(till: Till, visit: Visit) -> None:
    till.line.fail_next("kill_before")
    tap(till, visit)


def kill_after(till: Till, visit: Visit) -> None:
    till.line.fail_next("kill_after")
    tap(till, visit)


def torn_tap(till: Till, visit: Visit) -> None:
    """No answer comes; another card must wait; the same card is told of its one purchase."""
    till.line.fail_next("cut_answer", EVERY_CALL)
    torn = till.tap(visit.card, visit.amount)
    till.tap(visit.other, visit.amount + 50)
    till.line.mend()
    resumed = till.tap(visit.card, visit.amount)
    if torn is None or resumed is None or torn.id != resumed.id:
        till.told.said.append(ANOTHER)


def reversal(till: Till, visit: Visit) -> None:
    _cancel(till, "cut_answer", visit)


def reversal_unsent(till: Till, visit: Visit) -> None:
    _cancel(till, "cut_request", visit)


def _cancel(till: Till, failure: Failure, visit: Visit) -> None:
    """No answer comes, and the customer walks off: the cashier cancels it."""
    till.line.fail_next(failure, EVERY_CALL)
    torn = till.tap(visit.card, visit.amount)
    till.line.mend()
    if torn is not None:
        till.step(lambda: till.transactions.reverse(torn.id))
        till.step(lambda: till.transactions.find(torn.id) or torn)


def race_tap(till: Till, visit: Visit) -> None:
    """Hold the card to the reader, and spend when the other terminal is as far."""
    facts = till.facts[visit.card]
    if visit.second_amount:
        till.pad.present(facts, lambda shown: till.transactions.load(shown.card, visit.second_amount))

    def use(shown: Presented) -> Entry:
        till.meet(visit.race)
        return till.spend(shown, visit.amount)

    till.step(lambda: till.pad.present(facts, use))


def race_keyed(till: Till, visit: Visit) -> None:
    till.meet(visit.race)
    keyed(till, visit)


def offline_poor(till: Till, visit: Visit) -> None:
    """Spend offline twice, and more than is on the card."""
    tap(till, visit)
    tap(till, visit)


SCENES: dict[Scene, Callable[[Till, Visit], None]] = {
    "tap": tap,
    "keyed": keyed,
    "scan": scan,
    "pay_code": pay_code,
    "felica": tap,
    "tag": tap,
    "tag_over": tag_over,
    "gift": tap,
    "challenged": tap,
    "partial": partial,
    "top_up": top_up,
    "top_up_void": top_up_void,
    "poor_top_up": top_up,
    "offer": top_up,
    "void": void,
    "capture": capture,
    "release": release,
    "left_hold": left_hold,
    "check_in": check_in,
    "check_out": check_out,
    "refund": refund,
    "personalise": personalise,
    "wrong_pin": wrong_pin,
    "too_much": tap,
    "over_limit": tap,
    "expired_bonus": tap,
    "lost_card": tap,
    "replayed_sun": replayed_sun,
    "copied_uid": copied_uid,
    "forged_sun": forged_sun,
    "copied_chip": copied_chip,
    "used_pay_code": used_pay_code,
    "pulled_away": pulled_away,
    "cut_request": cut_request,
    "cut_answer": cut_answer,
    "torn_tap": torn_tap,
    "reversal": reversal,
    "reversal_unsent": reversal_unsent,
    "kill_before": kill_before,
    "kill_after": kill_after,
    "race_tap": race_tap,
    "race_keyed": race_keyed,
    "offline_tap": tap,
    "offline_scan": scan,
    "offline_keyed": keyed,
    "offline_top_up": top_up,
    "offline_over": tap,
    "offline_clone": replayed_sun,
    "offline_poor": offline_poor,
    "offline_lost": tap,
}
# Who was there when the terminal died comes back to it.
AFTER_KILL = tap

"""The model, whole: moves, what is paid out, what is reactivated, and what an undo of anything does."""

from __future__ import annotations

from uuid import UUID

from tests.model.account import Account
from tests.model.done import OF_FUNDS, TAKING, UNDOABLE, Done, Origin, Shown
from tests.model.offline import Offline


class Model(Offline):
    """All that may happen to value."""

    def move(self, key: UUID, source: int, target: int, amount: int | None) -> Done:
        """Move an amount, or with None all of it, expired lots as well, and close the card that gave."""
        done, giver, taker = Done("move"), self.of(source), self.of(target)
        done.reason = self.admit(Shown(source)) or self.admit(Shown(target))
        if done.reason is None and giver.terms.rule("transfer_allowed", self.today) is False:
            done.reason, done.by_law = "type_not_allowed", True
        done.reason = done.reason or self._refuse_move(done, source, target, amount)
        if done.reason:
            return self.note(key, done)
        done.approved = giver.balance if amount is None else amount
        if done.approved:
            self.post(done, self.cards[source].account)
            done.taker = self.cards[target].account
            self.accounts[done.taker].counter.begin(self.today)
        if amount is None:
            done.legs = [(lot.no, lot.left) for lot in giver.in_order()]
            assert giver.take_back(done.legs) is None
            self._close(done, source)
        else:
            done.legs = giver.take(amount, self.today)
        for no, part in done.legs:
            lot = giver.lots[no]
            done.given.append(taker.make(part, lot.until, bonus=lot.bonus, lent=lot.lent))
        taker.recover(self.today)
        return self.note(key, self.tell(done, giver))

    def _refuse_move(self, done: Done, source: int, target: int, amount: int | None) -> str | None:
        giver, taker = self.of(source), self.of(target)
        elsewhere = giver.terms.moves_to == "same_program" and giver.terms is not taker.terms
        owes = amount is None and giver.owed
        if giver is taker or giver.terms.moves_to == "nothing" or elsewhere or owes:
            return "type_not_allowed"
        if amount is None and self._has_parts_to_come(self.cards[source].account):
            return "type_not_allowed"
        if self.is_too_much(done, taker, giver.balance if amount is None else amount):
            return "limit_balance"
        if amount is None:
            return OF_FUNDS[1] if giver.held else None
        return self._short(giver, amount, giver.room(self.today))

    def _has_parts_to_come(self, place: int) -> bool:
        loads = (done for done in self.done.values() if done.account == place)
        return any(not part.legs and not part.cancelled for done in loads for part in done.parts)

    def _close(self, done: Done, card: int) -> None:
        found = self.cards[card]
        if found.state == "active":
            done.closed.append(card)
        found.state = "closed"

    def pay_out(
        self, key: UUID, kind: str, card: int, parts: tuple[int, int, int, int], *, closes: bool
    ) -> Done:
        """Pay out of a card; `parts` are paid, retained (of paid lots), and of bonus lots paid, forfeited."""
        done, account = Done(kind), self.of(card)
        done.reason = self.admit(Shown(card))
        if done.reason is None and kind != "adjust_down" and not self._may_be_paid_out(account, kind):
            done.reason, done.by_law = "type_not_allowed", True
        done.reason = done.reason or self._refuse_pay_out(account, parts, closes=closes)
        if done.reason:
            return self.note(key, done)
        paid, retained, of_bonus, forfeited = parts
        done.approved = sum(parts)
        if done.approved:
            self.post(done, self.cards[card].account)
        for bonus, amount in ((False, paid), (True, of_bonus), (True, forfeited), (False, retained)):
            done.legs += account.take_of_kind(amount, self.today, bonus=bonus)
        if closes:
            self._close(done, card)
        return self.note(key, self.tell(done, account))

    def _may_be_paid_out(self, account: Account, kind: str) -> bool:
        """Say whether the law lets a card be returned, or a balance this small be paid out."""
        small = account.terms.rule("small_balance_cashout", self.today)
        if kind == "cash_out" and small and account.balance < small["below"]:
            return True
        return account.terms.rule("refund_allowed", self.today) is not False

    def _refuse_pay_out(
        self, account: Account, parts: tuple[int, int, int, int], *, closes: bool
    ) -> str | None:
        if closes and account.owed:
            return "type_not_allowed"
        if closes and account.held:
            return OF_FUNDS[1]
        if closes and account.good(self.today) > sum(parts):
            return "type_not_allowed"
        of_paid, of_bonus = parts[0] + parts[1], parts[2] + parts[3]
        if of_paid > account.good(self.today, bonus=False) or of_bonus > account.good(self.today, bonus=True):
            return OF_FUNDS[0]
        return OF_FUNDS[1] if of_paid + of_bonus > account.room(self.today) else None

    def reactivate(self, key: UUID, card: int) -> Done:
        """Make expired value spendable again: what was taken off first, then what is open, by lot."""
        done, account = Done("reactivate", self.admit(Shown(card))), self.of(card)
        if done.reason is None and not account.terms.reactivates:
            done.reason = "type_not_allowed"
        if done.reason:
            return self.note(key, done)
        until, lots = account.terms.valid_until(self.today), sorted(account.lots)
        again = [(no, account.lots[no].gone) for no in lots if account.lots[no].gone]
        over = [lot for lot in account.lots.values() if lot.left and not lot.good_on(self.today)]
        again += [(lot.no, lot.left) for lot in sorted(over, key=lambda lot: lot.no)]
        done.approved = sum(account.lots[no].gone for no in lots)
        for lot in over:
            lot.left = 0
        for no, amount in again:
            account.lots[no].gone = 0
            account.make(amount, until, bonus=account.lots[no].bonus)
        if again:
            self.post(done, self.cards[card].account)
            account.recover(self.today)
        return self.note(key, self.tell(done, account))

    def give(self, key: UUID, kind: str, card: int, amount: int, *, bonus: bool) -> Done:
        """Give value by hand, as a refund without an original or a correction upwards: a lot of its own."""
        done, account = Done(kind, self.admit(Shown(card))), self.of(card)
        if done.reason is None and self.is_too_much(done, account, amount):
            done.reason = "limit_balance"
        if done.reason:
            return self.note(key, done)
        self.post(done, self.cards[card].account)
        done.approved = amount
        done.legs = [account.make(amount, account.terms.valid_until(self.today), bonus=bonus)]
        account.recover(self.today)
        return self.note(key, self.tell(done, account))

    def adjust_down(self, key: UUID, card: int, amount: int, *, bonus: bool) -> Done:
        """Take value of one kind away by hand."""
        parts = (0, 0, amount, 0) if bonus else (amount, 0, 0, 0)
        return self.pay_out(key, "adjust_down", card, parts, closes=False)

    def late(self, key: UUID, kind: str) -> Done:
        """Decline an original that comes after its reversal."""
        self.tombstones.remove(key)
        self.origin = Origin()
        return self.note(key, Done(kind, "already_reversed"))

    def undo(self, key: UUID, kind: str, original: UUID) -> Done:
        """Void or reverse; an approved undo of nothing has approved nothing."""
        found, done = self.done.get(original), Done(kind, original=original)
        if found is None:
            if kind == "void":
                done.reason = "original_unknown"
            elif original not in self.tombstones:
                self.tombstones.append(original)
            return self.note(key, done)
        if not self.origin.is_till and found.origin != self.origin:
            done.reason = "original_unknown"
            return self.note(key, done)
        place = found.account
        if found.closed:
            # An empty card that was merged or given back: nothing was posted, and its card runs again.
            place = self.cards[found.closed[0]].account
        if place is None or not (found.posted or found.closed):
            if kind == "void" or found.kind in ("void", "reversal", "release"):
                done.reason = "original_not_reversible"
            return self.note(key, done)
        account = self.accounts[place]
        done.reason = self._refuse_undo(kind, original, found)
        if done.reason == "already_reversed" and kind == "reversal":
            done.reason = None
            return self.note(key, self.tell(done, account) if found.is_told else done)
        if done.reason is None:
            done.reason = self._take_back(found)
            if found.taker is None and done.reason and found.is_told:
                self.tell(done, account)
        if done.reason:
            return self.note(key, done)
        self._undo(found, account)
        if found.posted:
            self.post(done, place)
            account.recover(self.today)
        done.approved = found.approved
        return self.note(key, self.tell(done, account) if found.is_told else done)

    def _refuse_undo(self, kind: str, original: UUID, found: Done) -> str | None:
        if found.origin.store != self.origin.store:
            return "original_unknown"
        if found.kind not in UNDOABLE:
            return "original_not_reversible"
        if kind == "reversal" and found.undone:
            return "already_reversed"
        if self.standing_refunds(original) or (found.resolution and not found.undone):
            return "original_not_reversible"
        if kind == "void" and found.origin.is_till and found.day != self.today:
            return "original_not_reversible"
        if found.undone:
            return "already_reversed"
        gone = not found.posted and all(self.cards[card].replaced for card in found.closed)
        return "original_not_reversible" if gone else None

    def _take_back(self, found: Done) -> str | None:
        """Take back what an original gave, a load's bonus with it; or say why not, and leave it."""
        if found.account is None:
            return None
        account, legs = self.accounts[found.account], list(found.legs)
        if found.kind == "move" and found.taker is not None:
            account, legs = self.accounts[found.taker], list(found.given)
        elif found.kind not in ("load", "refund"):
            return None
        for part in found.parts:
            legs += part.legs
        return account.take_back(legs)

    def _undo(self, found: Done, account: Account) -> None:
        found.undone, amount = True, found.approved
        if found.posted:
            account.counter.begin(self.today)
        of_day, taken = found.day, 0
        if found.kind == "hold":
            self.resolve(found, "released")
            taken = -amount
        elif found.kind == "load":
            account.counter.give_back(of_day, loads=-1, loaded=-amount)
            for part in found.parts:
                part.cancelled = not part.legs
        elif found.kind == "refund":
            taken = amount
            if found.original is not None:
                account.counter.give_back(self.done[found.original].day, redeemed=amount)
        else:
            account.give_back(found.legs)
        if found.kind in TAKING:
            account.counter.give_back(of_day, redeemed=-amount)
            taken = -amount
        if found.taker is not None:
            self.accounts[found.taker].counter.begin(self.today)
        for card in found.closed:
            if self.cards[card].state == "closed" and not self.cards[card].replaced:
                self.cards[card].state = "active"
        if found.counted_on is not None:
            loads = -1 if found.kind == "load" else 0
            account.holder.give_back(found.counted_on, loads=loads, loaded=loads * amount, redeemed=taken)

"""How the money of a load comes in.

Knows the kinds of tender and which of them this version takes; must not know cards or the ledger.
"""

from typing import Literal

Tender = Literal["cash", "bank_card", "alipay", "wechat_pay", "bank_transfer"]
# The others come with their own modules, each with its proof of payment; until then they are refused.
TAKEN: tuple[Tender, ...] = ("cash",)

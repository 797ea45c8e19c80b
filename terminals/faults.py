"""What a fault code means: one cause, one sentence for the operator, one action, in both languages.

Knows the codes that this agent can observe or hear from the site; must not know how they are observed.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminals.messages import Fix, MoneyMoved, Retry, Texts


@dataclass(frozen=True, slots=True)
class Cause:
    """A fault code and the four things that every failed answer states.

    `severity`: 1 the customer waits a moment, 2 soon a problem, 3 the terminal cannot sell, 4 alarm.
    """

    code: str
    severity: int
    retry: Retry
    fix: Fix
    money_moved: MoneyMoved
    text: Texts
    action: Texts


def _cause(
    code: str,
    severity: int,
    retry: Retry,
    fix: Fix,
    texts: tuple[str, str, str, str],
    money_moved: MoneyMoved = "no",
) -> tuple[str, Cause]:
    en, zh, action_en, action_zh = texts
    cause = Cause(
        code, severity, retry, fix, money_moved, Texts(en=en, zh=zh), Texts(en=action_en, zh=action_zh)
    )
    return code, cause


# In the order of the diagnosis: power, reader, card, network, software, then what the site says.
CAUSES: dict[str, Cause] = dict(
    (
        _cause("HW-PWR-01", 2, "same", "operator", (
            "Plug in the charger", "请接通电源",
            "Connect the power supply before a long job.", "请先接通电源，再进行长时间操作。")),
        _cause("HW-USB-01", 3, "same", "operator", (
            "Reader unplugged: push the cable in firmly", "读卡器断开，请插紧连接线",
            "It reconnects by itself; otherwise use the standby.", "系统会自动重连；仍不行请用备用机。")),
        _cause("HW-USB-02", 1, "same", "operator", (
            "Reader moved port, reconnecting", "端口变化，正在重连", "Wait a moment.", "请稍候。")),
        _cause("HW-DRV-01", 3, "never", "support", (
            "The reader's driver or permission is missing", "读卡器驱动或权限缺失",
            "Do what the detail says, or call support.", "请按详情处理，或联系技术支持。")),
        _cause("NFC-RF-01", 1, "same", "customer", (
            "Hold the card still and tap again", "请贴紧重刷",
            "Lay the card flat on the reader for a second.", "请将卡片平放在读卡器上一秒。")),
        _cause("NFC-RF-02", 1, "same", "customer", (
            "Present one card only", "请只放一张卡",
            "Take out one card and tap it alone.", "请取出一张卡单独刷。")),
        _cause("NFC-CARD-01", 1, "new", "customer", (
            "Not one of our cards", "非本店卡",
            "Look for our name on the card, or use the printed number.", "请确认卡面，或改用印刷卡号。")),
        _cause("NFC-CARD-02", 4, "never", "manager", (
            "Card cannot be trusted: keep it and call the manager", "卡片异常，请联系经理",
            "Do not give the card back before the manager has seen it.", "经理查看前请勿退还卡片。")),
        _cause("NFC-TORN-01", 2, "same", "operator", (
            "Tap the same card again, do not cancel", "请重刷同一张卡，勿取消",
            "The same transaction is resumed; nothing is taken twice.",
            "将继续同一笔交易，不会重复扣款。"), "unknown"),
        _cause("NET-LINK-01", 3, "same", "operator", (
            "Network cable or Wi-Fi down", "网线或无线未连接",
            "Push the cable in, or choose the Wi-Fi again.", "请插紧网线或重新连接无线网络。")),
        _cause("NET-GW-01", 3, "same", "operator", (
            "Restart the router", "请重启路由器",
            "Switch the router off and on, and wait two minutes.", "请关闭再打开路由器，等待两分钟。")),
        _cause("NET-DNS-01", 3, "same", "support", (
            "Internet name service fault", "域名解析失败",
            "Tell support; the last good address is tried meanwhile.",
            "请联系技术支持；系统会先用上次的地址。")),
        _cause("NET-SRV-01", 3, "same", "support", (
            "Our server is not answering", "服务器无响应",
            "Wait a minute and try again; unknown outcomes are kept.", "请稍后重试；未知结果已保留。")),
        _cause("NET-SLOW-01", 2, "same", "operator", (
            "Weak signal: move nearer or use a cable", "信号弱，请靠近路由器或用网线",
            "Move the terminal, or plug in a cable.", "请移动终端或改用网线。")),
        _cause("NET-TLS-01", 3, "never", "support", (
            "Check the date and time", "请核对设备时间",
            "If the date is right, call support: nothing is sent.",
            "若时间无误请联系技术支持；不会发送任何数据。")),
        _cause("SW-CLK-01", 3, "same", "support", (
            "Terminal clock wrong", "时间不准",
            "Set the clock, or switch on automatic time.", "请校准时间，或打开自动对时。")),
        _cause("SW-VER-01", 2, "same", "manager", (
            "Update waiting: apply at shift end", "需升级",
            "Update the agent when the shift ends.", "请在交班时升级终端程序。")),
        _cause("SW-TAMP-01", 4, "never", "manager", (
            "Unauthorised change: terminal locked", "检测到未授权修改，终端已锁定",
            "Call the manager; use another terminal.", "请联系经理，改用其他终端。")),
        _cause("SW-QUE-01", 3, "same", "operator", (
            "Unsent transactions: connect now", "有未上传交易",
            "Connect the terminal and resolve the queue.", "请连接网络并处理未决交易。")),
        _cause("SW-JRN-01", 3, "never", "support", (
            "The terminal's journal cannot be used", "终端流水无法使用",
            "Nothing is sold without it: check the disk, call support.",
            "请检查磁盘并联系技术支持；期间不能交易。")),
        _cause("SW-STATE-01", 3, "never", "support", (
            "The terminal's settings cannot be read", "终端设置无法读取",
            "Check the state folder, or enrol the terminal again.", "请检查状态文件夹，或重新登记终端。")),
        _cause("SW-ENROL-01", 3, "never", "manager", (
            "This terminal is not enrolled", "本终端尚未登记",
            "Ask the manager for an enrolment code.", "请向经理索取登记码。")),
        _cause("SW-LOCK-01", 2, "same", "operator", (
            "Another agent drives this terminal", "本终端正被另一程序使用",
            "Close the other window first.", "请先关闭另一个窗口。")),
        _cause("SW-APP-01", 3, "same", "support", (
            "The agent met an error of its own", "终端程序内部错误",
            "Try again; tell support what the detail says.", "请重试，并将详情告知技术支持。"), "unknown"),
        _cause("bad_signature", 3, "never", "support", (
            "The site does not accept this terminal's key", "网站不认可本终端的密钥",
            "Enrol the terminal again.", "请重新登记终端。")),
        _cause("terminal_retired", 3, "never", "manager", (
            "This terminal is retired", "本终端已停用",
            "Use another terminal, or enrol this one again.", "请改用其他终端，或重新登记。")),
        _cause("enrolment_refused", 2, "new", "manager", (
            "The enrolment code is used or expired", "登记码已使用或已过期",
            "Ask the manager for a new code.", "请向经理索取新的登记码。")),
        _cause("id_reused", 3, "never", "support", (
            "This transaction's id was used for another one", "交易编号已被占用",
            "Start the sale anew, and tell support.", "请重新开始交易，并告知技术支持。")),
        _cause("sequence_reused", 3, "never", "support", (
            "This terminal counts its transactions wrongly", "终端交易序号重复",
            "Call support: the journal may be an old copy.", "请联系技术支持：流水可能是旧副本。")),
        # What a question about a card can be refused for; a transaction's reasons come with its answer.
        _cause("card_unknown", 1, "never", "customer", (
            "This card cannot be used here", "此卡在此不可使用",
            "Ask for another card or another tender.", "请换卡或换用其他支付方式。")),
        _cause("credential_refused", 4, "never", "manager", (
            "The card could not prove itself", "卡片未通过验证",
            "Keep the card and call the manager.", "请留下卡片并联系经理。")),
        _cause("credential_replayed", 1, "new", "customer", (
            "This tap was used before", "此次刷卡信息已使用过",
            "Tap the card again.", "请重新刷卡。")),
        _cause("card_not_active", 1, "new", "operator", (
            "The card is not activated yet", "此卡尚未激活",
            "Activate it at the counter.", "请到柜台激活。")),
        _cause("card_blocked", 1, "never", "manager", (
            "The card is blocked", "此卡已冻结",
            "Ask the manager.", "请联系经理。")),
        _cause("card_lost", 3, "never", "manager", (
            "The card was reported lost", "此卡已挂失",
            "Call the manager.", "请联系经理。")),
        _cause("card_expired", 1, "never", "operator", (
            "The card has expired", "此卡已过期",
            "Exchange it at the counter.", "请到柜台换卡。")),
        _cause("card_closed", 1, "never", "operator", (
            "The card is closed", "此卡已注销",
            "Ask for another card.", "请换卡。")),
        _cause("out_of_scope", 1, "never", "customer", (
            "The card is not accepted in this store", "此卡不适用于本店",
            "Ask for another card or another tender.", "请换卡或换用其他支付方式。")),
        _cause("pin_required", 1, "new", "customer", (
            "The PIN is needed", "需要输入密码",
            "Ask the customer to key it in.", "请顾客输入密码。")),
        _cause("pin_wrong", 1, "new", "customer", (
            "The PIN is wrong", "密码错误",
            "Ask the customer to try again.", "请顾客重试。")),
        _cause("pin_locked", 1, "never", "operator", (
            "The PIN is locked after too many tries", "密码错误次数过多已锁定",
            "Set a new one at the counter.", "请到柜台重置密码。")),
        _cause("rate_limited", 1, "same", "operator", (
            "Too many questions in a short time", "查询过于频繁",
            "Wait a moment.", "请稍候再试。")),
        _cause("no_card", 1, "same", "customer", (
            "No card came in time", "未在规定时间内刷卡", "Try again.", "请重试。")),
        _cause("amount_invalid", 1, "new", "operator", (
            "That is not an amount", "金额无效", "Type it again.", "请重新输入。")),
        _cause("nothing_to_undo", 1, "never", "operator", (
            "No transaction here can be undone", "没有可撤销的交易",
            "Look for it by its reference.", "请按参考号查找。")),
        _cause("nothing_to_park", 1, "never", "operator", (
            "No transaction here waits for its outcome", "没有结果未知的交易",
            "Nothing is to be done.", "无需处理。")),
        # Why a purchase is not approved while the site cannot be reached.
        _cause("offline_too_long", 3, "same", "operator", (
            "Offline for too long: connect first", "离线时间过长，请先联网",
            "Connect the terminal; until then take another tender.", "请连接网络；联网前请用其他支付方式。")),
        _cause("offline_card_unchecked", 2, "same", "customer", (
            "This card cannot be taken offline", "离线时不能使用此卡",
            "Tap the card itself, or take another tender.", "请直接刷卡，或用其他支付方式。")),
        _cause("offline_card_hot", 3, "never", "manager", (
            "This card is blocked or lost", "此卡已冻结或挂失",
            "Take another tender and call the manager.", "请用其他支付方式，并联系经理。")),
        _cause("offline_limit_single", 1, "new", "operator", (
            "Too much for one purchase offline", "超过离线单笔限额",
            "Take a smaller amount, or another tender.", "请减少金额，或用其他支付方式。")),
        _cause("offline_limit_card", 1, "same", "customer", (
            "This card has spent its limit offline", "此卡离线消费已达上限",
            "Take another tender until the site answers.", "联网前请用其他支付方式。")),
        _cause("offline_limit_terminal", 2, "same", "operator", (
            "This terminal has sold its limit offline", "本终端离线交易已达上限",
            "Connect the terminal; until then take another tender.", "请连接网络；联网前请用其他支付方式。")),
        _cause("nothing_to_close", 1, "never", "operator", (
            "The batch is empty", "当前批次没有交易", "Nothing is to be done.", "无需处理。")),
    )
)  # fmt: skip


OFFLINE_CODES = frozenset(code for code in CAUSES if code.startswith("offline_")) | {"SW-QUE-01"}


def cause_of(code: str) -> Cause:
    """Give what a code means; a refusal that only the site knows is told under its own code."""
    known = CAUSES.get(code)
    if known is not None:
        return known
    return Cause(
        code,
        2,
        "never",
        "support",
        "no",
        Texts(en="The site refused this", zh="网站拒绝了此操作"),
        Texts(en="Tell support the code and the detail.", zh="请将代码和详情告知技术支持。"),
    )

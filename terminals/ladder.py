"""The rungs between this terminal and the site, looked at one by one, from the link up to the answer.

Knows how each broken rung is observed; must not change anything on the site: it asks for the policy, no more.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import Any

import msgspec

from terminals import network
from terminals.connection import CLOCK_OFF_S_MAX, Connection, Reply
from terminals.errors import AnswerUnknown, ConnectionFault, Refused, TerminalError
from terminals.examination import OK, STEP_S, Look, Patient, say

PROBE_PATH = "terminals/policy"
# One answer says less than the twenty of SLOW_P95_S, and a diagnosis has no time to tell slower from dead.
SLOW_ANSWER_S = 1.0


class Probe(threading.Thread):
    """One signed call that is under way while the rungs are looked at: server, TLS, clock and key at once."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(name="probe", daemon=True)
        self._connection = connection
        self._begun = time.monotonic()
        self.reply: Reply | None = None
        self.error: TerminalError | None = None
        self.took_s = 0.0
        self.is_done = threading.Event()
        self.start()

    def run(self) -> None:
        """Make the call."""
        try:
            self.reply = self._connection.call("GET", PROBE_PATH)
        except TerminalError as error:
            self.error = error
        self.took_s = time.monotonic() - self._begun
        self.is_done.set()

    def has_reached(self, wait_s: float) -> bool:
        """Tell whether the site itself answered, well or not, waiting so long at most.

        A page of somebody else's on the way, such as a captive portal's, does not count.
        """
        if not self.is_done.wait(wait_s):
            return False
        if self.error is None:
            return bool(self.policy())
        return isinstance(self.error, Refused) or self.error.code == "NET-TLS-01"

    def policy(self) -> dict[str, Any]:
        """Give the policy that the site answered; empty without one."""
        try:
            found = msgspec.json.decode(self.reply.body) if self.reply else {}
        except msgspec.MsgspecError:
            return {}
        return found if isinstance(found, dict) else {}


def look_at_link(patient: Patient) -> Look:
    """See that an interface is up and has an address."""
    if patient.connection is None:
        return "skipped", None, say("no site is set", "尚未设置网站")
    if network.is_own_host(patient.connection.host):
        return "skipped", None, say("the site is on this machine", "网站就在本机")
    linked = network.has_link(patient.machine)
    if linked is None:
        return "skipped", None, say("this system does not tell", "本系统不提供此信息")
    if linked:
        return OK
    return "fault", "NET-LINK-01", say("no interface is up with an address", "没有可用的网络接口")


def look_at_gateway(patient: Patient) -> Look:
    """See that the gateway on the way to the site is alive."""
    if patient.connection is None or network.is_own_host(patient.connection.host):
        return "skipped", None, say("the site is on this machine", "网站就在本机")
    gateway = network.gateway_to(patient.connection.last_address or patient.connection.host, patient.machine)
    if gateway is None:
        return "skipped", None, say("no gateway is on the way", "途中没有网关")
    if network.gateway_answers(gateway, patient.machine):
        return "ok", None, say(gateway, gateway)
    # Some gateways keep silent on purpose: where the site was reached over it, a gateway is well.
    if patient.probe is not None and patient.probe.has_reached(patient.left_s(STEP_S)):
        return "ok", None, say(f"{gateway} is silent, and lets through", f"{gateway} 不应答，但能通行")
    return "fault", "NET-GW-01", say(f"{gateway} is silent", f"{gateway} 没有应答")


def look_at_name(patient: Patient) -> Look:
    """Find the site's address; one that was good before serves while nobody answers for the name."""
    if patient.connection is None:
        return "skipped", None, say("no site is set", "尚未设置网站")
    host = patient.connection.host
    try:
        patient.addresses = network.resolve(host, patient.connection.port, patient.left_s(STEP_S))
    except OSError as error:
        detail = say(f"{host}: {error.strerror or error}", f"{host} 无法解析（{error.strerror or error}）")
        if patient.probe is not None and patient.probe.has_reached(patient.left_s(STEP_S)):
            return "warning", "NET-DNS-01", detail
        return "fault", "NET-DNS-01", detail
    return "ok", None, say(patient.addresses[0], patient.addresses[0])


def look_at_server(patient: Patient) -> Look:
    """See that something listens at the site's address."""
    if patient.connection is None or not patient.addresses:
        return "skipped", None, say("no address is known", "地址未知")
    address, port = patient.addresses[0], patient.connection.port
    try:
        socket.create_connection((address, port), patient.left_s(STEP_S)).close()
    except OSError as error:
        if patient.probe is not None and patient.probe.has_reached(patient.left_s(STEP_S)):
            return OK
        why = error.strerror or str(error)
        return "fault", "NET-SRV-01", say(f"{address} port {port}: {why}", f"{address} 端口 {port}：{why}")
    return "ok", None, say(f"{address} port {port}", f"{address} 端口 {port}")


def look_at_certificate(patient: Patient) -> Look:
    """See that the site proves its name, for the addresses of a site that speaks https."""
    if patient.connection is None or not patient.addresses or not patient.is_secure:
        return "skipped", None, say("the site speaks http", "网站使用 http")
    place = (patient.addresses[0], patient.connection.port)
    try:
        with socket.create_connection(place, patient.left_s(STEP_S)) as plain:
            context = ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=patient.connection.host) as secure:
                return "ok", None, say(secure.version() or "TLS", secure.version() or "TLS")
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or error.reason
        return "fault", "NET-TLS-01", say(f"the certificate: {why}", f"证书：{why}")
    except ssl.SSLError as error:
        return (
            "fault",
            "NET-TLS-01",
            say(f"no secure line: {error.reason}", f"无法建立安全连接：{error.reason}"),
        )
    except OSError as error:
        why = error.strerror or str(error)
        return "fault", "NET-SRV-01", say(f"the secure line broke: {why}", f"安全连接中断：{why}")


def look_at_reply(patient: Patient) -> Look:
    """See that the site answers a signed call in its own words, and how soon."""
    if patient.probe is None:
        return "skipped", None, say("no site is set", "尚未设置网站")
    if not patient.probe.is_done.wait(patient.left_s()):
        waited = f"{patient.waited_s():.1f}"
        if patient.was_slow:
            return "warning", "NET-SLOW-01", say(f"no answer in {waited} s", f"{waited} 秒内无应答")
        return "fault", "NET-SRV-01", say(f"no answer in {waited} s", f"{waited} 秒内无应答")
    error, took_ms = patient.probe.error, round(patient.probe.took_s * 1000)
    if isinstance(error, AnswerUnknown):
        return "fault", error.code, say(error.detail, f"应答无效：{error.detail}")
    if isinstance(error, ConnectionFault):
        return "fault", error.code, say(error.detail, f"未能送达：{error.detail}")
    if error is None and not patient.probe.policy():
        return "fault", "NET-SRV-01", say("not in the site's own words", "应答不是来自网站")
    if patient.probe.took_s > SLOW_ANSWER_S or patient.was_slow:
        return "warning", "NET-SLOW-01", say(f"the answer took {took_ms} ms", f"应答耗时 {took_ms} 毫秒")
    return "ok", None, say(f"{took_ms} ms", f"{took_ms} 毫秒")


def look_at_clock(patient: Patient) -> Look:
    """Compare this clock with the site's."""
    off_s = patient.connection.clock_off_s if patient.connection else None
    if off_s is None:
        return "skipped", None, say("the site did not say the time", "网站未告知时间")
    detail = say(f"{off_s:+.0f} s against the site", f"与网站相差 {off_s:+.0f} 秒")
    return ("fault", "SW-CLK-01", detail) if abs(off_s) > CLOCK_OFF_S_MAX else ("ok", None, detail)


def refusal_of(patient: Patient) -> Refused | None:
    """Give what the site refused this terminal for."""
    error = patient.probe.error if patient.probe else None
    return error if isinstance(error, Refused) else None

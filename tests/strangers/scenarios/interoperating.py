"""Peers that people run and that no Debian package brings: a browser's phone (JsSIP in Chromium) and Sippy's B2BUA.

Not here: baresip, linphone and Kamailio (equipping.py, encrypting.py, securing.py, receiving.py), Asterisk (asterisk.py).
"""

from browser_phone import BrowserPhone
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside, invite_at
from scenarios.registering import state_of
from sippy_b2bua import SippyB2bua
from waiting import equal, expect, free_port, until
from world import CALLER_ID

SHORT_MS = 300


def registered(world, profile):
    """A browser's phone that has registered over a WebSocket."""
    phone = BrowserPhone(world.folder)
    world.agents.append(phone)
    phone.order("register", socket=f"ws://127.0.0.1:{world.server.ws_port}", user=profile["sip_user"],
                password=profile["sip_password"], realm=world.server.realm)
    phone.until_event("registered")
    return phone


@scenario(full=True, settings={"websocket": {}}, needs_switch=True, timeout_s=90, needs=("browser",))
def a_browser_registers_rings_and_is_busy(world):
    """JsSIP in Chromium registers over a WebSocket, is called at its number, hears who calls, is busy, goes away (RFC 7118 5, 8)."""
    profile = world.profile(credit="0.00")
    world.api.create_number(NUMBER, profile)
    phone = registered(world, profile)
    equal(state_of(world, profile)["transport"], "ws", "the binding's transport")
    caller = Outside(world).calls(NUMBER, "refused", final="486")
    ringing = phone.until_event("ringing")
    expect(ringing["uri"].startswith(f"sip:{NUMBER[1:]}@"), f"the request-URI is {ringing['uri']}")
    expect("+447824500000" in ringing["from"], f"From is {ringing['from']}")
    phone.order("refuse", status=486)
    caller.finish()
    phone.order("unregister")
    phone.until_event("unregistered")
    until(lambda: state_of(world, profile)["state"] != "registered", "the binding to be gone", 3)
    world.record(direction="inbound", status=486, cause="busy", amount="0")


@scenario(full=True, settings={"websocket": {}}, needs_switch=True, timeout_s=90, needs=("browser",))
def a_browsers_call_is_refused_and_its_page_can_say_why(world):
    """A call of JsSIP, which has DTLS-SRTP alone, gets 488, and the page is told which sound is carried (S8, RFC 3261 20.43)."""
    profile = world.profile()
    carrier = world.carrier()
    phone = registered(world, profile)
    phone.order("call", uri=f"sip:*43@{world.server.realm}")
    failed = phone.until_event("failed", 20)
    equal((failed["status"], failed["cause"]), (488, "Incompatible SDP"), "what the page is told")
    expect("no_common_codec" in failed["warning"], f"Warning says {failed['warning']!r}")
    world.never_invited(carrier)
    world.settled(profile)


@scenario(full=True, needs_switch=True, needs=("sippy",))
def sippy_stands_between_a_pbx_and_us(world):
    """Sippy's B2BUA answers our challenge for a PBX behind it; either side hangs up; the bill is right (S2, S4, R1)."""
    profile = world.profile()
    carrier = world.carrier()
    border = SippyB2bua(world.folder, world.server.sip, profile)
    world.agents.append(border)
    world.agent("extension", "call_unchallenged", remote=border.address, users=[("101", "", "+12025550123")],
                options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(status=200, cause="normal")
    _, headers = invite_at(carrier)
    expect(headers["From"].startswith(f"<sip:{CALLER_ID}@"), f"From says {headers['From']}")


@scenario(full=True, needs_switch=True, needs=("sippy",))
def sippy_is_called_as_a_pbx(world):
    """A carrier calls a number; Sippy at the address of the profile's IP authentication passes it on to a phone (I7, S3)."""
    port = free_port()
    profile = world.profile(ip=[("127.0.0.1", port)], registration=False)
    world.api.create_number(NUMBER, profile)
    phone = world.agent("phone", "carrier_hangs_up", hold_ms=str(SHORT_MS)).listening()
    world.agents.append(SippyB2bua(world.folder, phone.address, port=port))
    Outside(world).calls(NUMBER, "call_until_bye").finish()
    phone.finish()
    world.settled(profile)
    world.record(direction="inbound", status=200, cause="normal")


@scenario(full=True, needs_switch=True, needs=("sippy",))
def sippy_stands_between_us_and_the_called(world):
    """Sippy as a carrier's border: a call through it is answered, another is busy, a third is given up (O1, R9)."""
    profile = world.profile()
    called = world.agent("called", "carrier", calls=1).listening()
    border = SippyB2bua(world.folder, called.address)
    world.agents.append(border)
    world.api.create_carrier("sippy", border.address, priority=1)
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    called.finish()
    busy = world.agent("busy", "carrier_refuses", port=called.port, final="486", phrase="Busy Here").listening()
    world.pbx("refused", profile, name="hears_busy", final="486").finish()
    busy.finish()
    ringing = world.agent("ringing", "carrier_cancelled", port=called.port).listening()
    world.pbx("cancel", profile, name="gives_up").finish()
    ringing.finish()
    world.settled(profile, spent="0.01")
    causes = sorted(record["cause"] for record in world.records(3))
    equal(causes, ["busy", "cancelled", "normal"], "causes")

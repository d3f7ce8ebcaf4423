"""Peers that people run and that no Debian package brings: a browser's phone (JsSIP in Chromium) and Sippy's B2BUA.

Not here: baresip, linphone and Kamailio (equipping.py, encrypting.py, securing.py, receiving.py), Asterisk (asterisk.py).
"""

import sound
from browser_phone import BrowserPhone
from phones import Baresip
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside, invite_at
from scenarios.registering import state_of
from sippy_b2bua import SippyB2bua
from waiting import equal, expect, free_port, until
from world import CALLER_ID, UNITED_STATES

SHORT_MS = 300
# Seconds of sound that a phone plays.
PLAYED_S = 5
# Sippy takes `transport=udp` in small letters alone; SIPp, which writes it in capitals (equal by RFC 3261 19.1.4), says none.
PLAIN = {"contact_transport": ""}


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
    """JsSIP in Chromium registers over a WebSocket, is called at its number, knows who calls, is busy, goes (I3, RFC 7118 5)."""
    profile = world.profile(credit="0.00")
    # A browser's phone takes calls to its own user alone: the number is one of an account without extension (I3).
    account = world.api.call("POST", "/accounts", {"company": world.company, "name": "web", "profile": profile["id"]})
    number = world.api.create_number(NUMBER, profile)
    world.api.call("PATCH", f"/numbers/{number['id']}", {"account": account["id"]})
    phone = registered(world, profile)
    equal(state_of(world, profile)["transport"], "ws", "the binding's transport")
    contact = state_of(world, profile)["contact"]
    caller = Outside(world).calls(NUMBER, "refused", final="486")
    ringing = phone.until_event("ringing")
    expect(ringing["uri"] in contact, f"the request-URI is {ringing['uri']}, the Contact {contact}")
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


def extension(world):
    """baresip behind Sippy: it calls and takes calls, and registers nowhere. SIPp cannot be: it does not read a Contact that has a
    display name."""
    plays = world.folder / "plays.wav"
    sound.write_wave(plays, sound.sweep(PLAYED_S))
    made = Baresip(world.folder, world.server.sip, None, plays, answers_as="101")
    world.agents.append(made)
    return made


@scenario(full=True, needs_switch=True, needs=("sippy",))
def sippy_stands_between_a_pbx_and_us(world):
    """Sippy's B2BUA answers our challenge for a PBX behind it; sound goes both ways, and the bill is right (S2, S4, R1)."""
    profile = world.profile()
    carrier = world.carrier(echo=True)
    border = SippyB2bua(world.folder, world.server.sip, profile)
    world.agents.append(border)
    phone = extension(world)
    phone.order("dial", f"sip:{UNITED_STATES}@{border.address}")
    phone.until_event("CALL_ESTABLISHED")
    until(lambda: phone.recorded_s() > 1, "a second of sound to come back", 15)
    phone.order("hangup")
    phone.until_event("CALL_CLOSED")
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(status=200, cause="normal")
    _, headers = invite_at(carrier)
    expect(headers["From"].startswith(f"<sip:{CALLER_ID}@"), f"From says {headers['From']}")


@scenario(full=True, needs_switch=True, needs=("sippy",))
def sippy_is_called_as_a_pbx(world):
    """A carrier calls a number; Sippy at the address of IP authentication rings its phone, which hangs up (I7, S3)."""
    port = free_port()
    profile = world.profile(ip=[("127.0.0.1", port)], registration=False)
    world.api.create_number(NUMBER, profile)
    phone = extension(world)
    world.agents.append(SippyB2bua(world.folder, f"101@{phone.address}", port=port))
    caller = Outside(world).calls(NUMBER, "call_until_bye", echo=True)
    phone.until_event("CALL_ESTABLISHED")
    until(lambda: phone.recorded_s() > 1, "a second of sound to come back", 15)
    phone.order("hangup")
    caller.finish()
    world.settled(profile)
    world.record(direction="inbound", status=200, cause="normal")


@scenario(full=True, needs_switch=True, needs=("sippy",))
def sippy_stands_between_us_and_the_called(world):
    """Sippy as a carrier's border: a call through it is answered, another is busy, a third is given up (O1, R9)."""
    profile = world.profile()
    called = world.agent("called", "carrier", calls=1, **PLAIN).listening()
    border = SippyB2bua(world.folder, called.address)
    world.agents.append(border)
    world.api.create_carrier("sippy", border.address, priority=1)
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    called.finish()
    busy = world.agent("busy", "carrier_refuses", port=called.port, final="486", phrase="Busy Here", **PLAIN).listening()
    world.pbx("refused", profile, name="hears_busy", final="486").finish()
    busy.finish()
    ringing = world.agent("ringing", "carrier_cancelled", port=called.port, **PLAIN).listening()
    world.pbx("cancel", profile, name="gives_up").finish()
    ringing.finish()
    world.settled(profile, spent="0.01")
    causes = sorted(record["cause"] for record in world.records(3))
    equal(causes, ["busy", "cancelled", "normal"], "causes")

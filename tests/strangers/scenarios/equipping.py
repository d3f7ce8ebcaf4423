"""Equipment that people own: a phone (baresip) and a PBX (Kamailio) that register and call by themselves.

Not here: SIPp, which does what it is told.
"""

import sound
from phones import Baresip, KamailioPbx
from scenarios import scenario
from waiting import expect, until

# Seconds of sound that the phone plays.
PLAYED_S = 5


@scenario(timeout_s=60)
def a_phone_hears_itself_in_the_echo_test(world):
    """baresip registers, calls *43, and the sweep that it plays comes back: correlation over 0.95 (O2)."""
    profile = world.profile(credit="0.00" if world.server.judges_money else "10.00")
    plays = world.folder / "plays.wav"
    played = sound.sweep(PLAYED_S)
    sound.write_wave(plays, played)
    phone = Baresip(world.folder, world.server.sip, profile, plays)
    world.agents.append(phone)
    if not world.server.judges_money:
        world.carrier(echo=True)
    phone.until_registered()
    phone.order("dial", f"sip:*43@{world.server.sip}")
    phone.until_event("CALL_ESTABLISHED")

    def has_heard():
        # All but the last moments, which are still under way when its file ends; the phone itself hangs up then.
        expect(phone.has_event("CALL_CLOSED") or phone.recorded_s() > PLAYED_S * 0.85,
               f"{phone.recorded_s():.2f} s heard, {phone.recorded_s('enc'):.2f} s sent")
        return True

    until(has_heard, "the sweep to be heard", PLAYED_S + 15)
    phone.order("hangup")
    phone.until_event("CALL_CLOSED")
    phone.stop()
    likeness = sound.correlation(played, phone.heard())
    expect(likeness > 0.95, f"what came back is like what was sent by {likeness:.3f}, expected over 0.95; "
                              f"{phone.recorded_s():.2f} s heard of {phone.recorded_s('enc'):.2f} s sent")
    if world.server.judges_money:
        world.settled(profile, given="0.00")
        world.record(status=200, amount="0")


@scenario(timeout_s=60)
def kamailio_registers_and_places_a_call(world):
    """Kamailio registers by its uac module and sends a phone's call on with the trunk's credentials, same CSeq (S1, S2)."""
    from scenarios.registering import until_registered_at

    profile = world.profile()
    carrier = world.carrier()
    pbx = KamailioPbx(world.folder, world.server.sip, profile, world.server.realm)
    world.agents.append(pbx)
    if world.server.judges_money:
        until(lambda: until_registered_at(world, profile, pbx.port) is None, "Kamailio to register", 10)
    phone = world.agent("extension", "call_unchallenged", remote=pbx.address,
                        users=[("101", "", "+12025550123")], options=("-d", 300))
    phone.finish()
    carrier.finish()
    world.settled(profile, spent="0.01")

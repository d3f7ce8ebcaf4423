"""Equipment that people own: a phone (baresip) and a PBX (Kamailio) that register and call by themselves.

Not here: SIPp, which does what it is told.
"""

import handmade
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
    with handmade.Carrier() as recorder:
        phone = Baresip(world.folder, world.server.sip, profile, plays, recorder.address)
        world.agents.append(phone)
        if not world.server.judges_money:
            world.carrier(echo=True)
        phone.until_registered()
        recording = sound.RtpEnd()
        phone.order("uafind", f"sip:recording@{recorder.address}")
        phone.order("dial", f"sip:recorder@{recorder.address}")
        recorder.acknowledged(recorder.answer(recording.port))
        phone.order("uafind", f"sip:{profile['sip_user']}@{world.server.sip}")
        phone.order("dial", f"sip:*43@{world.server.sip}")
        phone.until_event("CALL_ESTABLISHED")
        heard = lambda: sum(1 for sample in recording.heard() if abs(sample) > 1000)
        until(lambda: heard() > len(played) * 0.85, "the sweep to be heard", PLAYED_S + 10)
        phone.order("hangup")
        phone.stop()
        recording.close()
    likeness = sound.correlation(played, recording.heard())
    expect(likeness > 0.95, f"what came back is like what was sent by {likeness:.3f}, expected over 0.95")
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

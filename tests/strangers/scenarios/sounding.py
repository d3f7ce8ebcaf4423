"""Sound goes through the switch, there and back; the echo test returns it (O2).

Not here: a phone that plays and listens by itself (equipping.py).
"""

import re

import sound
import tandem_api
from scenarios import scenario
from waiting import Failure, expect, until
from world import DEAR

# Writes where the switch wants its RTP, from the SDP of the 200.
TELL_MEDIA = ('<action><ereg regexp="m=audio ([0-9]+)" search_in="body" check_it="true" assign_to="line,port"/>'
              '<log message="media [$port]"/></action>')
SECONDS = 3
# The least that the settings allow.
SILENCE_S = 5


def offered_to(pbx):
    """Where the switch told this PBX to send its RTP."""
    line = until(lambda: [one for one in pbx.logged() if "media " in one], "the switch's media port")[0]
    return "127.0.0.1", int(re.search(r"media ([0-9]+)", line).group(1))


def hears_itself(world, profile, number, came_back, missing):
    """Calls the number with an RTP end of our own, speaks for three seconds, asks `came_back` how many packets returned;
    `missing` of them may be lost."""
    end = sound.RtpEnd()
    try:
        pbx = world.pbx("call", profile, number=number, check=TELL_MEDIA, media_port=str(end.port), media_ip="127.0.0.1",
                        options=("-d", SECONDS * 1000 + 1500))
        end.send(offered_to(pbx), sound.sweep(SECONDS))
        sent = len(end.sent)
        try:
            until(lambda: came_back(end) >= sent - missing, f"{sent - missing} of {sent} packets to come back", 3)
        except Failure as failure:
            raise Failure(f"{failure}; {came_back(end)} came") from None
        pbx.finish()
        return end
    finally:
        end.close()


@scenario()
def sound_goes_there_and_back(world):
    """RTP of the PBX reaches the carrier, and what the carrier sends comes back, byte for byte, by way of the switch
    (RFC 3550 2.3)."""
    profile = world.profile()
    carrier = world.carrier(echo=True)
    # The first packets may come before the other leg knows where to send.
    hears_itself(world, profile, "+12025550123", sound.RtpEnd.returned, missing=10)
    carrier.finish()
    if not world.server.judges_money:
        return
    world.settled(profile, spent="0.01")
    there, back = tandem_api.packets(world.record(status=200))
    expect(there >= 140 and back >= 140, f"the record counts {there} packets there and {back} back, 150 were sent")
    messages = carrier.messages()
    offered = re.search(r"m=audio ([0-9]+)", messages)
    expect(offered and 10_000 <= int(offered.group(1)) <= 31_999, "the carrier was not offered a port of the switch")


@scenario(settings={"media": {"silence_timeout_s": SILENCE_S}}, needs_switch=True, measures="the seconds of silence")
def a_call_without_sound_is_ended(world):
    """An answered call whose RTP stops is ended by the switch, both legs, once it was silent for the timeout, and is billed
    (R10, must-show 3)."""
    profile = world.profile()
    carrier = world.carrier(echo=True)
    end = sound.RtpEnd()
    try:
        pbx = world.pbx("call_until_bye", profile, number=DEAR, check=TELL_MEDIA, media_port=str(end.port),
                        media_ip="127.0.0.1")
        end.send(offered_to(pbx), sound.sweep(SECONDS))
        pbx.finish()
        carrier.finish()
    finally:
        end.close()
    (lasted,) = pbx.response_times_ms(2)
    least = (SECONDS + SILENCE_S) * 1000
    # Its first packet is a little later than the answer, and silence is looked for eight times in its timeout.
    expect(least - 100 <= lasted <= least + 1500, f"the BYE came {lasted:.0f} ms after the answer, {least} ms were expected")
    world.until_idle(profile)
    record = world.record(status=200, cause="media_timeout")
    there, back = tandem_api.packets(record)
    expect(there >= 140 and back >= 140, f"the record counts {there} packets there and {back} back, 150 were sent")
    print(f"  the record says {record['cause']}; billed were {record['billed_s']} s, sound ended after {SECONDS} s, silence is {SILENCE_S} s")
    expect(SECONDS + SILENCE_S <= record["billed_s"] <= SECONDS + SILENCE_S + 2, f"billed were {record['billed_s']} s")


@scenario(needs_switch=True)
def the_echo_test_is_free(world):
    """*43 is answered by the switch itself, returns the sound, and costs nothing even without credit (O2, O2b, K9)."""
    profile = world.profile(credit="0.00")
    carrier = world.carrier()
    # There is no other leg to be waited for: an echo returns from the first packet on.
    hears_itself(world, profile, "*43", sound.RtpEnd.echoed, missing=0)
    world.never_invited(carrier)
    world.settled(profile, given="0.00")
    world.record(status=200, amount="0", cause="normal")

"""What every message of a call must say, judged word by word: CSeq, tags, branches, routes, targets, hops.

Not here: what calls are for (calling.py) and how they change (changing.py).
"""

import re
import uuid

import handmade
from changing_ends import ask, begin, description, finish, hang_up, reply, status_of
from handmade import header, lines_of
from scenarios import scenario
from waiting import equal, expect, until

NUMBER = "+12025550123"
# Behind these proxies the ends stand; the first is the end itself, so that what comes is seen.
FAR = "<sip:edge.example.net;lr>"


class BehindProxies(handmade.Carrier):
    """A carrier's switch behind two proxies, reached by the first of them alone: its own Contact is nowhere."""

    def answer(self, media_port=9, between=lambda: None, keys=None):
        """As a carrier, but with Record-Route, and with a Contact that nobody can reach."""
        invite, peer = self.receive("an INVITE", lambda text: text.startswith("INVITE "))
        tag = uuid.uuid4().hex[:8]
        self.routes = [f"<sip:near@{self.address};lr>", FAR]
        more = ["Contact: <sip:switch@127.0.0.1:9>", *(f"Record-Route: {route}" for route in reversed(self.routes))]
        self.send(peer, *handmade.answer_to(invite, "180 Ringing", tag, more))
        between()
        self.send(peer, *handmade.answer_to(invite, "200 OK", tag, more), body=handmade.with_keys(handmade.SDP, keys))
        return invite, peer, tag


def routes_of(text):
    """The Route values of a request, in order."""
    return re.findall(r"<[^>]*>", " ".join(lines_of(text, "Route")))


def number_of(text):
    """The CSeq number."""
    return int(header(text, "CSeq").split()[0])


def branch_of(text):
    """The branch of the topmost Via."""
    return re.search(r"branch=([^;,\s]+)", header(text, "Via")).group(1)


def tag_of(value):
    """The tag of From or To."""
    found = re.search(r";tag=([^;>\s]+)", value)
    return found.group(1) if found else None


def up(world, carrier, line, **more):
    """A call between the two, with the carrier known to the switch."""
    world.api.create_carrier("handmade", carrier.address, priority=1)
    return line.call(NUMBER, carrier, **more)


@scenario(needs_switch=True)
def the_called_sides_proxies_are_gone_through(world):
    """ACK, re-INVITE and BYE to the called side go by its Record-Route to its Contact, numbered on (RFC 3261 12.1.2, 12.2.1.1)."""
    profile = world.profile()
    with BehindProxies() as carrier, handmade.Caller(world.server.sip, profile) as line:
        seen = []
        take = carrier.receive

        def noting(*arguments, **named):
            text, peer = take(*arguments, **named)
            seen.append(text)
            return text, peer

        carrier.receive = noting
        pbx, called = up(world, carrier, line)
        # What the caller asks for is asked of the called side as well: hold.
        equal(status_of(ask(pbx, "INVITE", description(9, "sendonly"))), 200, "the answer to hold")
        told, peer = carrier.receive("the hold", lambda text: text.startswith("INVITE "))
        contact = ["Contact: <sip:switch@127.0.0.1:9>"]
        carrier.send(peer, *handmade.answer_to(told, "200 OK", more=contact), body=description(9, "recvonly"))
        carrier.receive("the ACK", lambda text: text.startswith("ACK "))
        hang_up(pbx, called)
    invite = next(text for text in seen if text.startswith("INVITE "))
    inside = [text for text in seen if not text.startswith("SIP/2.0") and "tag=" in header(text, "To")]
    methods = [text.split(" ")[0] for text in inside]
    equal(methods, ["ACK", "INVITE", "ACK", "BYE"], "requests inside the dialog")
    for text in inside:
        what = text.split(" ")[0]
        equal(text.split(" ")[1], "sip:switch@127.0.0.1:9", f"the request-URI of {what}")
        equal(routes_of(text), carrier.routes, f"the Route of {what}")
        equal(tag_of(header(text, "From")), tag_of(header(invite, "From")), f"our tag in {what}")
        equal(header(text, "Call-ID"), header(invite, "Call-ID"), f"the Call-ID of {what}")
    first = number_of(invite)
    equal([number_of(text) for text in inside], [first, first + 1, first + 1, first + 2], "CSeq numbers")
    equal(len({branch_of(text) for text in [invite, *inside]}), 5, "different branches")
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def the_callers_proxies_are_gone_through(world):
    """The 200 repeats the caller's Record-Route; our BYE to it goes by that, in its order, to its Contact (RFC 3261 12.1.1, 16.6)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as line:
        routes = [f"<sip:near@{line.address};lr>", FAR]
        pbx, called = up(world, carrier, line, more=[f"Record-Route: {route}" for route in routes])
        repeated = [route.split(":", 1)[1].strip() for route in lines_of(pbx.answer, "Record-Route")]
        equal(repeated, routes, "Record-Route in the 200")
        number = begin(called, "BYE")
        bye = reply(pbx, "BYE")
        equal(status_of(finish(called, "BYE", number)), 200, "the answer to the called side's BYE")
        equal(routes_of(bye), routes, "the Route of our BYE")
        equal(bye.split(" ")[1], f"sip:{profile['sip_user']}@{line.address}", "the request-URI of our BYE")
        equal((header(bye, "From"), header(bye, "To")), (pbx.remote, pbx.local), "From and To of our BYE")
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def one_tag_from_ringing_to_the_end(world):
    """Our To tag is one in 180, 200 and what follows; a request with another tag gets 481 and changes nothing (RFC 3261 12.2.2)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as line:
        rang = []
        take = line.receive

        def noting(what, wanted, deadline_s=5.0):
            def note(text):
                if text.startswith("SIP/2.0 180"):
                    rang.append(text)
                return wanted(text)

            return take(what, note, deadline_s)

        line.receive = noting
        pbx, called = up(world, carrier, line)
        expect(rang, "the PBX heard no 180")
        tags = {tag_of(header(text, "To")) for text in [*rang, pbx.answer]}
        equal(len(tags), 1, f"tags from ringing to answer, {tags}:")
        true_remote = pbx.remote
        pbx.remote = re.sub(r"tag=[^;>]*", "tag=another", pbx.remote)
        equal(status_of(ask(pbx, "BYE")), 481, "the answer to a BYE of another dialog")
        pbx.remote = true_remote
        equal(len(world.api.live_calls()), 1, "calls that are up after it")
        hang_up(pbx, called)
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def requests_follow_where_the_other_end_has_moved(world):
    """A re-INVITE with another Contact moves the dialog's target: our BYE goes there (RFC 3261 12.2.1.2, 12.2.2)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Carrier() as elsewhere, handmade.Caller(world.server.sip, profile) as line:
        pbx, called = up(world, carrier, line)
        called.cseq += 1
        start, headers = called.request("INVITE", called.cseq)
        called.via = headers[0]
        carrier.send(called.peer, start, [*headers, f"Contact: <sip:moved@{elsewhere.address}>"], description(9))
        equal(status_of(finish(called, "INVITE", called.cseq)), 200, "the answer to the re-INVITE")
        number = begin(pbx, "BYE")
        bye, peer = elsewhere.receive("the BYE where the carrier has moved to", lambda text: text.startswith("BYE "))
        equal(bye.split(" ")[1], f"sip:moved@{elsewhere.address}", "the request-URI of our BYE")
        elsewhere.send(peer, *handmade.answer_to(bye, "200 OK"))
        equal(status_of(finish(pbx, "BYE", number)), 200, "the answer to the PBX's BYE")
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def what_is_said_twice_is_done_once(world):
    """A repeated INVITE makes no second call; a repeated BYE gets its 200 again (RFC 3261 17.2.1, 17.2.2)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as line:
        send = line.send

        def twice(*arguments, **named):
            for _ in range(1 if arguments[1].startswith("ACK") else 2):
                send(*arguments, **named)

        line.send = twice
        pbx, called = up(world, carrier, line)
        equal(len(world.api.live_calls()), 1, "calls that are up")
        line.send = send
        pbx.cseq += 1
        bye = pbx.request("BYE", pbx.cseq)
        send(pbx.peer, *bye)
        reply(called, "BYE")
        equal(status_of(finish(pbx, "BYE", pbx.cseq)), 200, "the answer to BYE")
        # Only now: what comes while the first is not answered is let go by (RFC 3261 17.2.2).
        send(pbx.peer, *bye)
        equal(status_of(finish(pbx, "BYE", pbx.cseq)), 200, "the answer to the same BYE again")
    world.settled(profile, spent="0.01")
    world.records(1)


@scenario(needs_switch=True, settings={"sip": {"t1_ms": 100}})
def a_request_that_is_lost_is_said_again(world):
    """An INVITE that the carrier does not answer comes again with the same branch; then all goes on (RFC 3261 17.1.1.2)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as line:
        lost = []
        answer = carrier.answer

        def after_two_losses(*arguments, **named):
            for _ in range(2):
                lost.append(carrier.receive("an INVITE", lambda text: text.startswith("INVITE "))[0])
            return answer(*arguments, **named)

        carrier.answer = after_two_losses
        pbx, called = up(world, carrier, line)
        equal({branch_of(text) for text in lost}, {branch_of(called.offer)}, "branches of one INVITE")
        equal(len({number_of(text) for text in [*lost, called.offer]}), 1, "CSeq numbers of one INVITE")
        hang_up(pbx, called)
    world.settled(profile, spent="0.01")
    record = world.record(status=200)
    equal(len(record["attempts"]), 1, "attempts at carriers")


@scenario(needs_switch=True)
def hops_are_counted_down(world):
    """Max-Forwards goes on one lower; at 0 the call is refused with 483 (RFC 3261 16.3, 20.22)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as line:
        request = handmade.Dialog.request

        def few_hops(dialog, method, cseq):
            start, headers = request(dialog, method, cseq)
            hops = "Max-Forwards: 7" if dialog.line is line else "Max-Forwards: 70"
            return start, [hops if one.startswith("Max-Forwards") else one for one in headers]

        handmade.Dialog.request = few_hops
        pbx, called = up(world, carrier, line)
        equal(header(called.offer, "Max-Forwards"), "6", "Max-Forwards that the carrier sees")
        hang_up(pbx, called)
        handmade.Dialog.request = request
        uri = f"sip:{NUMBER}@{world.server.sip}"
        spent = handmade.Dialog(line, line.peer, uri, [], pbx.local, f"<{uri}>", "spent", 1)
        start, headers = spent.request("INVITE", 1)
        line.send(line.peer, start, [one.replace("Max-Forwards: 70", "Max-Forwards: 0") for one in headers], handmade.SDP)
        refused, _ = line.receive("483", lambda text: text.startswith("SIP/2.0 4"))
        equal(status_of(refused), 483, "the answer to a request that has no hops left")
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def an_answer_comes_back_by_the_way_of_the_question(world):
    """The answer goes to the address and port that the request came from, and Via says which (RFC 3261 18.2.1, RFC 3581 4)."""
    import raw

    def elsewhere(local):
        request = raw.request("OPTIONS", f"sip:{world.server.sip}", local)
        return request.replace(f"Via: SIP/2.0/UDP {local}", "Via: SIP/2.0/UDP 192.0.2.77:5999")

    answer = raw.ask(world.server.sip, elsewhere)
    equal(answer.status, 200, "the answer to a request whose Via is elsewhere")
    expect(re.search(r"received=127\.0\.0\.1", answer.header("via")), f"Via says {answer.header('via')!r}")
    expect(re.search(r"rport=\d+", answer.header("via")), f"Via says {answer.header('via')!r}")


@scenario(needs_switch=True)
def a_forked_calls_second_answer_is_let_go(world):
    """Two branches answer: the first has the call, the second gets ACK and BYE, and one call is billed (RFC 3261 13.2.2.4)."""
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as line:
        pbx, called = up(world, carrier, line)
        contact = f"Contact: <sip:second@{carrier.address}>"
        carrier.send(called.peer, *handmade.answer_to(called.offer, "200 OK", "secondbranch", [contact]), body=handmade.SDP)
        is_of_second = lambda text: "tag=secondbranch" in header(text, "To")
        carrier.receive("the ACK to the second answer", lambda text: text.startswith("ACK ") and is_of_second(text))
        is_bye = lambda text: text.startswith("BYE ") and is_of_second(text)
        bye, peer = carrier.receive("the BYE to the second answer", is_bye)
        carrier.send(peer, *handmade.answer_to(bye, "200 OK"))
        equal(len(world.api.live_calls()), 1, "calls that are up")
        hang_up(pbx, called)
    until(lambda: world.api.records(), "the call's record")
    world.settled(profile, spent="0.01")
    world.record(status=200, cause="normal")


# One shard: another one than that which has given a nonce asks again, whatever the count.
@scenario(needs_switch=True, settings={"node": {"shards": 1}})
def a_digest_is_good_for_one_request(world):
    """Credentials that were good once are challenged again in another request, and good under the next count (RFC 7616 3.4, 5.12)."""
    profile = world.profile()
    # Refused once it is known who asks (S6): what a digest is worth shows, and no call comes to be.
    uri = f"sip:00442079460123@{world.server.sip}"
    with handmade.Caller(world.server.sip, profile) as line:

        def ask_with(proof):
            call_id = uuid.uuid4().hex
            asking = handmade.Dialog(line, line.peer, uri, [], f"<sip:{line.user}@x>;tag={call_id[:8]}", f"<{uri}>", call_id, 1)
            start, headers = asking.request("INVITE", 1)
            more = [f"Contact: <sip:{line.user}@{line.address}>", *proof]
            line.send(line.peer, start, [*headers, *more], handmade.SDP)
            is_final = lambda text: call_id in text and text.startswith("SIP/2.0 4")
            answer, _ = line.receive("a final answer", is_final)
            _, rest = asking.request("ACK", 1)
            line.send(line.peer, f"ACK {uri} SIP/2.0", [headers[0], *rest[1:3], f"To: {header(answer, 'To')}", *rest[4:]])
            return answer

        challenge = ask_with([])
        equal(status_of(challenge), 407, "the answer to nobody")
        proof = line.proof(challenge, "INVITE", uri)
        statuses = [status_of(ask_with([one])) for one in (proof, proof, line.proof(challenge, "INVITE", uri, count=2))]
        equal(statuses, [404, 407, 404], "the answers to a digest, to the same once more, and to the next count")
    world.settled(profile)

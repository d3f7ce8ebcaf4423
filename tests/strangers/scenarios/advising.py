"""What a call costs, told while it runs: streams of events, webhooks, and advice of charge in SIP.

Not here: what a call costs; that is charging.py.
"""

import json
import subprocess
import xml.etree.ElementTree
from decimal import Decimal

from hook import Hook, is_signed
from scenarios import scenario
from scenarios.trading import tandem
from tandem_api import Refused
from waiting import equal, expect, until
from world import DEAR, SHIP


class Stream:
    """What curl hears of a stream of events."""

    def __init__(self, world, path, last=None):
        self.log = world.folder / f"events{len(list(world.folder.glob('events*')))}.log"
        headers = ["-H", f"Authorization: Bearer {world.api.token}"] + (["-H", f"Last-Event-ID: {last}"] if last else [])
        with open(self.log, "wb") as log:
            self.curl = subprocess.Popen(["curl", "-sN", *headers, f"http://127.0.0.1:{world.api.port}/api/v1{path}"], stdout=log)
        until(lambda: "retry: " in self.log.read_text(), "the stream to open")

    def events(self):
        """Each event that is complete: its id, its type, its document."""
        found = []
        for block in self.log.read_text().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
            if "data" in lines:
                found.append((lines.get("id"), lines["event"], json.loads(lines["data"])))
        return found

    def until(self, topic, deadline_s=15):
        """Everything up to the first event of this type."""
        until(lambda: [name for _, name, _ in self.events() if name == topic], f"an event {topic}", deadline_s)
        return self.events()

    def stop(self):
        """Hangs up."""
        self.curl.terminate()
        self.curl.wait()


@scenario(needs_switch=True)
def every_tick_of_a_call_is_told_as_it_is_charged(world):
    """A stream of events tells beginning, answer, each charge and the end of a call; the charges sum to the record's amount, and a
    stream that broke goes on behind the last event that was heard (field lesson 46, K3)."""
    profile = world.profile()
    carrier = world.carrier()
    stream = Stream(world, f"/profiles/{profile['id']}/events")
    try:
        pbx = world.pbx("call", profile, number=DEAR, options=("-d", 2500))
        heard = stream.until("call.charged")
        stream.stop()
        pbx.finish()
        carrier.finish()
        record = world.records(1)[0]
        last = heard[-1][0]
        rest = Stream(world, f"/profiles/{profile['id']}/events", last)
        try:
            heard += rest.until("call.ended")
        finally:
            rest.stop()
    finally:
        stream.stop()
    told = [name for _, name, _ in heard]
    equal(told[:2] + told[-1:], ["call.started", "call.answered", "call.ended"], "what is told first and last")
    equal(set(told[2:-1]), {"call.charged"}, "what is told between")
    numbers = [int(name.rsplit("-", 1)[1]) for name, _, _ in heard]
    equal(numbers, sorted(set(numbers)), "numbers of the events: each once, in order")
    ticks = [event["data"] for _, name, event in heard if name == "call.charged"]
    equal([tick["sequence"] for tick in ticks], list(range(len(ticks))), "numbers of the charges")
    equal(sum(Decimal(tick["amount"]) for tick in ticks), Decimal(record["amount"]), "the sum of the charges")
    equal(Decimal(ticks[-1]["total"]), Decimal(record["amount"]), "the total of the last charge")
    equal(ticks[-1]["seconds"], record["billed_s"], "the seconds of the last charge")
    ended = heard[-1][2]
    equal((ended["specversion"], ended["subject"], ended["data"]["cause"]), ("1.0", record["id"], "normal"), "the end")
    equal(Decimal(ended["data"]["amount"]), Decimal(record["amount"]), "what the end says that it cost")
    expect(all(DEAR not in json.dumps(event) for _, _, event in heard), "no event tells a telephone number")
    said, _ = tandem(world, "events", "--profile", profile["name"], "--types", "call.ended", "--after", last, "--count", "1", "--json")
    equal(json.loads(said), ended, "what the command line hears of the end")


def lowered(headers):
    """Headers by their names in small letters."""
    return {name.lower(): value for name, value in headers.items()}


@scenario(settings={"webhooks": {"allow_private": True}}, needs_switch=True)
def a_webhook_hears_what_a_call_costs_signed_and_until_it_has_taken_it(world):
    """Deliveries are signed as Standard Webhooks asks, under two secrets after a rotation; one that is answered 500 comes again under
    the same id, one that has ended can be replayed, and another company's events never come (field lesson 46, decision 104)."""
    profile = world.profile()
    other = world.api.create_company(name="Other")["id"]
    hook, foreign = Hook([500]), Hook()
    try:
        types = ["call.started", "call.charged", "call.ended"]
        made = world.api.call("POST", "/webhooks", {"company": world.company, "url": hook.url, "types": types})
        world.api.call("POST", "/webhooks", {"company": other, "url": foreign.url, "types": types})
        path = f"/webhooks/{made['id']}"
        renewed = json.loads(tandem(world, "webhook", "rotate", made["id"], "--json")[0])
        # The webhook is known to who delivers from its next look on; this one shows it.
        world.api.call("POST", f"{path}/test")
        until(lambda: hook.heard("webhook.test"), "the trial to come")
        carrier = world.carrier()
        world.pbx("call", profile, number=DEAR, options=("-d", 1200)).finish()
        carrier.finish()
        record = world.records(1)[0]
        (ended,) = until(lambda: hook.heard("call.ended"), "the end of the call")
        equal((ended["subject"], Decimal(ended["data"]["amount"])), (record["id"], Decimal(record["amount"])), "what the end says")
        charged = hook.heard("call.charged")
        expect(len(charged) == 1, f"{len(charged)} charges of a call of two seconds were delivered, one in five seconds is right")
        # The trial was answered 500: it comes again, under its name.
        until(lambda: len(hook.heard("webhook.test")) == 2, "the trial to come again", 20)
        trials = [name for name, document, _, _ in hook.came if document["type"] == "webhook.test"]
        equal(trials[0], trials[1], "the id of both attempts")
        for _, document, headers, body in hook.came:
            headers = lowered(headers)
            expect(is_signed(made["secret"], headers, body), f"{document['type']} is signed under the former secret")
            expect(is_signed(renewed["secret"], headers, body), f"{document['type']} is signed under the new secret")
            expect(not is_signed("whsec_" + "A" * 43 + "=", headers, body), "a signature under another secret")
            equal(headers["content-type"].split(";")[0], "application/cloudevents+json", "the media type")
        told, _ = tandem(world, "webhook", "show", made["id"])
        expect("call.ended  delivered  attempts 1" in told, told)
        log = world.api.all(f"{path}/deliveries")
        taken = next(one for one in log if one["type"] == "call.ended")
        equal((taken["state"], taken["attempts"], taken["status"]), ("delivered", 1, 204), "the log of the end")
        told, _ = tandem(world, "webhook", "replay", made["id"], "--delivery", taken["id"])
        expect("1 delivered again" in told, told)
        until(lambda: len(hook.heard("call.ended")) == 2, "the end to come again")
        expect(world.api.metric("tandem_webhook_deliveries_total", outcome="ok") >= 4, "deliveries are counted")
        equal(world.api.metric("tandem_webhook_deliveries_total", outcome="retry"), 1, "attempts that failed")
        equal((hook.late, foreign.came), (0, []), "old timestamps, and what came to another company")
    finally:
        hook.stop()
        foreign.stop()


@scenario(settings={"webhooks": {"allow_private": True}}, needs_switch=True)
def a_number_that_moves_and_a_subscription_that_ends_are_told(world):
    """A stream and a webhook hear that a number rings elsewhere, and how many channels a subscription has until it ends; without the
    number itself (N2, N3, P7)."""
    first, second = world.profile(), world.profile(name="Back office")
    topics = ["number.assigned", "number.released", "subscription.changed", "subscription.ended"]
    hook = Hook()
    try:
        made = world.api.call("POST", "/webhooks", {"company": world.company, "url": hook.url, "types": topics})
        world.api.call("POST", f"/webhooks/{made['id']}/test")
        until(lambda: hook.heard("webhook.test"), "the trial to come")
        stream = Stream(world, f"/events?types={','.join(topics)}")
        try:
            number = world.api.create_number("+442079460199", first)
            world.api.call("PATCH", f"/numbers/{number['id']}", {"profile": second["id"]})
            world.api.call("PATCH", f"/profiles/{second['id']}", {"channels": 7})
            world.api.call("PATCH", f"/profiles/{second['id']}", {"channels": 0})
            heard = [(name, document["data"]) for _, name, document in stream.until("subscription.ended")]
        finally:
            stream.stop()
        places = [(name, data["number"], data["profile"]) for name, data in heard if name.startswith("number.")]
        names = [("number.assigned", first), ("number.released", first), ("number.assigned", second)]
        equal(places, [(name, number["id"], profile["id"]) for name, profile in names], "what became of the number")
        counts = [(name, data["before"], data["channels"]) for name, data in heard if name.startswith("subscription.")]
        begun = counts[0][1]
        equal(counts, [("subscription.changed", begun, 7), ("subscription.ended", 7, 0)], "what became of the subscription")
        expect("442079460199" not in json.dumps(heard), "no event tells a telephone number")
        until(lambda: hook.heard("subscription.ended"), "the webhook to hear the last of it")
        equal(sorted(document["type"] for _, document, _, _ in hook.came if document["type"] != "webhook.test"),
              sorted(name for name, _ in heard), "what the webhook heard")
    finally:
        hook.stop()


@scenario(needs_switch=True)
def no_webhook_leads_into_the_network_of_the_switch(world):
    """By default neither an address of a private network nor plain http makes a webhook, and a name that leads to this machine is not
    connected to (decision 104)."""
    world.founded()
    hook = Hook()
    try:
        for url in (hook.url, hook.url.replace("http:", "https:"), "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/"):
            try:
                world.api.call("POST", "/webhooks", {"company": world.company, "url": url, "types": ["call.ended"]})
                expect(False, f"{url} made a webhook")
            except Refused as refused:
                equal((refused.status, refused.problem["errors"][0]["pointer"]), (422, "/url"), "the answer")
        port = hook.url.split(":")[2].split("/")[0]
        named = {"company": world.company, "url": f"https://localhost:{port}/hook", "types": ["call.ended"]}
        made = world.api.call("POST", "/webhooks", named)
        world.api.call("POST", f"/webhooks/{made['id']}/test")
        failed = lambda: [one for one in world.api.all(f"/webhooks/{made['id']}/deliveries") if one["attempts"]]
        (first,) = until(failed, "an attempt")
        expect("not of the public internet" in first["because"], f"the attempt failed because {first['because']}")
        equal(hook.came, [], "what came")
    finally:
        hook.stop()


AOC = "{http://uri.etsi.org/ngn/params/xml/simservs/aoc}"


def received(agent):
    """The messages that a SIPp received: each its first line, its head and its body."""
    for piece in agent.messages().split("-----------------------------------------------")[1:]:
        head, found, message = piece.partition("received [")
        if found and not head.strip().startswith("UDP message sent"):
            text = message.split("\n\n", 1)[1].replace("\r\n", "\n")
            head, _, body = text.partition("\n\n")
            yield head.split("\n", 1)[0], head, body


def advice(head, body):
    """What a document says: aoc-d or aoc-e, which kind of sum, the currency, the amount; read by Python's own parser."""
    expect("application/vnd.etsi.aoc+xml" in head, f"another body: {head}")
    root = xml.etree.ElementTree.fromstring(body.strip())
    equal(root.tag, f"{AOC}aoc", "the document")
    (kind,) = root
    units = kind.find(f"{AOC}recorded-charges/{AOC}recorded-currency-units")
    info = kind.find(f"{AOC}charging-info")
    return (kind.tag.removeprefix(AOC), None if info is None else info.text,
            units.find(f"{AOC}currency-id").text, Decimal(units.find(f"{AOC}currency-amount").text))


def told_during(agent):
    """What each INFO said, a repetition left out."""
    told = [advice(head, body) for start, head, body in received(agent) if start.startswith("INFO")]
    return list(dict.fromkeys(told))


@scenario(needs_switch=True)
def a_pbx_that_wants_it_is_told_by_info_what_its_call_costs_and_in_the_answer_to_its_bye(world):
    """AOC-D in INFO with the sum after each charge, AOC-E in the 200 to the BYE with the amount of the record (3GPP TS 24.647, RFC 6086,
    field lesson 46)."""
    profile = world.profile(advice_of_charge="during")
    equal(profile["advice_of_charge"], "during", "the profile's advice of charge")
    carrier = world.carrier()
    pbx = world.pbx("advised", profile, number=SHIP, allow="INVITE, ACK, BYE, INFO", more='<recv request="INFO"/>\n{{ok}}',
                    ending="{{bye}}")
    pbx.finish()
    carrier.finish()
    record = world.records(1)[0]
    equal(told_during(pbx), [("aoc-d", "subtotal", "USD", Decimal("0.03")), ("aoc-d", "subtotal", "USD", Decimal("0.06"))], "sums by INFO")
    # The answer to the BYE is the last message.
    _, head, body = list(received(pbx))[-1]
    equal(advice(head, body), ("aoc-e", None, "USD", Decimal(record["amount"])), "what the 200 to the BYE says")
    equal((Decimal(record["amount"]), record["cause"]), (Decimal("0.06"), "normal"), "the record")


@scenario(needs_switch=True)
def a_pbx_that_wants_it_is_told_with_the_answer_by_which_terms_its_call_is_charged(world):
    """AOC-S in the first INFO after the ACK: price a minute, step and currency of the deck's row, and its minimum, once; then AOC-D and
    AOC-E as ever (3GPP TS 24.647, R1)."""
    profile = world.profile(advice_of_charge="throughout")
    carrier = world.carrier()
    pbx = world.pbx("advised", profile, number=SHIP, allow="INVITE, ACK, BYE, INFO", more='<recv request="INFO"/>\n{{ok}}',
                    ending="{{bye}}")
    pbx.finish()
    carrier.finish()
    infos = [body for start, _, body in received(pbx) if start.startswith("INFO")]
    documents = [xml.etree.ElementTree.fromstring(body.strip()) for body in dict.fromkeys(infos)]
    (items,) = [items for document in documents for items in document.iter(f"{AOC}charged-items")]
    expect(documents[0].find(f"{AOC}aoc-s") is not None, "the terms come first")
    price = items.find(f"{AOC}basic/{AOC}price-time")
    said = {name: price.find("/".join(AOC + part for part in name.split("/"))).text
            for name in ("currency-id", "currency-amount", "length-time-unit/time-unit", "length-time-unit/scale", "charging-type",
                         "granularity/time-unit", "granularity/scale")}
    equal(said, {"currency-id": "USD", "currency-amount": "0.60", "length-time-unit/time-unit": "1", "length-time-unit/scale": "one-minute",
                 "charging-type": "step-function", "granularity/time-unit": "3", "granularity/scale": "one-second"}, "the terms")
    expect(items.find(f"{AOC}communication-setup") is None, "a row without a fee says nothing of a set-up")
    equal(documents[0].find("{urn:tandem:aoc:1}terms").attrib,
          {"minimum-s": "3", "increment-s": "3", "rounding": "up", "scale": "2"}, "what the schema has no place for")
    expect(documents[-1].find(f"{AOC}aoc-d") is not None, "the last INFO says a sum")
    _, head, body = list(received(pbx))[-1]
    equal(advice(head, body)[0], "aoc-e", "what the 200 to the BYE says")


@scenario(needs_switch=True)
def the_bye_to_a_pbx_brings_the_bill_and_who_refuses_an_info_keeps_its_call(world):
    """AOC-E in our BYE when the other side hangs up; a PBX that answers INFO with 405 is sent no other one, and its call goes on
    (3GPP TS 24.647, RFC 6086)."""
    told = world.profile(name="Told", advice_of_charge="during")
    carrier = world.carrier("carrier_hangs_up", calls=2, hold_ms="1000")
    pbx = world.pbx("advised", told, number=SHIP, more="", ending="{{hung_up}}")
    pbx.finish()
    record = world.records(1)[0]
    _, head, body = next(one for one in received(pbx) if one[0].startswith("BYE"))
    equal(advice(head, body), ("aoc-e", None, "USD", Decimal(record["amount"])), "what the BYE says")
    refuses = world.profile(name="Refuses", advice_of_charge="during")
    pbx = world.pbx("refuses_advice", refuses, number=SHIP, name="refuses")
    pbx.finish()
    carrier.finish()
    equal(len(told_during(pbx)), 1, "INFOs to who refuses them")
    _, head, body = next(one for one in received(pbx) if one[0].startswith("BYE"))
    equal(advice(head, body)[0], "aoc-e", "the BYE brings the bill all the same")

"""Companies that pay in through a payment provider, by themselves and because somebody orders it (A3, K6).

Not here: how profiles are recharged from their company; that is charging.py.
"""

from contextlib import contextmanager
from decimal import Decimal

import tandem_api
from payment_provider import PaymentProvider
from scenarios import scenario
from waiting import equal, expect, until

HTTP = {"payments": {"provider": "http", "timeout_ms": 2000}}
AGREED = {"amount": "50.00", "threshold": "20.00"}


@contextmanager
def provider(world, mood="pays"):
    """The payment provider of the world's switch."""
    server = world.server
    shop = PaymentProvider(server.payment_port, server.payment_secret, server.http_port, mood)
    try:
        yield shop
    finally:
        shop.stop()
        equal(shop.forged, 0, "questions that were not signed as they should be")


def payments(world):
    """The company's payments, oldest first."""
    return world.api.all(f"/companies/{world.company}/payments")


def ended(world, state, count=1):
    """Waits until there are so many payments, and the last is in this state; gives it back."""

    def has_ended():
        found = payments(world)
        return len(found) == count and found[-1]["state"] == state and [found[-1]]

    return until(has_ended, f"payment {count} to be {state}", 20)[0]


def balance(world):
    """What the company has."""
    return Decimal(world.api.company(world.company)["credit"]["balance"])


def agree(world):
    """The company is to be recharged by itself."""
    return world.api.call("PUT", f"/companies/{world.founded()}/auto-recharge", AGREED)


@scenario(settings=HTTP, needs_switch=True)
def a_company_is_recharged_by_its_payment_provider_and_recharges_its_profile(world):
    """A company at its threshold is recharged by one payment, and the profile that waited for it at once (A3, K6)."""
    with provider(world) as shop:
        profile = world.profile(credit="90.00", auto_recharge={"amount": "20.00", "threshold": "100.00"})
        carrier = world.carrier()
        world.pbx("call", profile).finish()
        carrier.finish()
        agree(world)
        paid = ended(world, "booked")
        until(lambda: tandem_api.balance(world.profile_now(profile)) > 105, "the profile to be recharged")
        equal((shop.taken(), paid["automatic"], paid["amount"]), (1, True, "50.00"), "what the provider took")
        equal(paid["reference"], f"shop-{paid['id'][-6:]}", "the provider's reference")
        lines = [line for line in world.api.company_statement(world.company) if line["code"] == "topup"]
        equal(len(lines), 2, "top-ups in the statement, the founder's among them")


@scenario(settings=HTTP, needs_switch=True)
def a_declined_company_is_told_and_left_alone(world):
    """A declined payment is told and begins a cool-down; what the company pays by itself goes on (A3)."""
    with provider(world, "declines") as shop:
        world.founded("10.00")
        agree(world)
        declined = ended(world, "declined")
        equal(declined["because"], "declines, said the shop", "why")
        equal(int(world.api.metric("tandem_auto_recharges_total", outcome="payment_declined")), 1, "what was told")
        shop.mood = "pays"
        ordered = world.api.call("POST", f"/companies/{world.company}/payments", {"amount": "5.00"}, moves_money=True)
        until(lambda: balance(world) == Decimal("15.00"), "the ordered payment to be booked")
        equal(len(payments(world)), 2, "payments, none of them while it cooled down")
        expect(not ordered["automatic"], "it was ordered")


@scenario(settings=HTTP, needs_switch=True)
def an_answer_that_was_lost_is_asked_for_under_the_same_key(world):
    """A provider that takes the money and hangs up is asked again under the same key: paid once, booked once (A3, K1)."""
    with provider(world, "loses") as shop:
        world.founded("10.00")
        agree(world)
        until(lambda: len(shop.asked) >= 2, "the second question", 20)
        (waiting,) = payments(world)
        shop.mood = "pays"
        world.api.call("POST", f"/companies/{world.company}/payments/{waiting['id']}/retry", {})
        paid = ended(world, "booked")
        equal({key for _, key, _ in shop.asked}, {paid["id"]}, "keys that were asked under")
        equal((shop.taken(), balance(world)), (1, Decimal("60.00")), "what was taken, and what the company has")


@scenario(settings=HTTP, needs_switch=True)
def notices_are_believed_where_they_are_signed_and_fresh_and_new(world):
    """A pending payment is booked by a signed notice; forged, stale and replayed ones are refused (A3)."""
    with provider(world, "later") as shop:
        world.founded("10.00")
        agree(world)
        pending = ended(world, "pending")["id"]
        equal(shop.notice("n1", pending, "paid", secret="not the secret that we share"), 403, "the answer to a forged notice")
        equal(shop.notice("n1", pending, "paid", age_s=400), 403, "the answer to a stale notice")
        equal(shop.notice("n1", pending, "paid", amount="49.00"), 422, "the answer to a notice of another amount")
        equal(balance(world), Decimal("10.00"), "the balance before a notice that is believed")
        equal(shop.notice("n1", pending, "paid", amount="50.00"), 204, "the answer to a good notice")
        equal(shop.notice("n1", pending, "paid", amount="50.00"), 409, "the answer to its replay")
        equal(shop.notice("n2", pending, "declined"), 204, "the answer to one that contradicts it")
        ended(world, "booked")
        equal(balance(world), Decimal("60.00"), "the balance")


@scenario(settings=HTTP, needs_switch=True)
def a_payment_under_way_survives_a_kill(world):
    """kill -9 while the provider's answer is lost: the payment goes on under its key, and is booked once (A3, K1)."""
    with provider(world, "loses") as shop:
        world.founded("10.00")
        agree(world)
        until(lambda: shop.asked, "the first question", 20)
        world.server.kill()
        shop.mood = "pays"
        world.server.start()
        paid = ended(world, "booked")
        equal({key for _, key, _ in shop.asked}, {paid["id"]}, "keys that were asked under")
        equal((shop.taken(), balance(world)), (1, Decimal("60.00")), "what was taken, and what the company has")


@scenario(settings={"payments": {"provider": "sandbox"}}, needs_switch=True)
def the_sandbox_pays_once_for_each_key(world):
    """A sandbox payment raises the company's balance once for each key, and .01 is declined (A3)."""
    path = f"/companies/{world.founded('10.00')}/payments"
    for _ in range(2):
        world.api.call("POST", path, {"amount": "25.00"}, moves_money=True, key="the-same-order")
    until(lambda: balance(world) == Decimal("35.00"), "the payment to be booked")
    world.api.call("POST", path, {"amount": "25.01"}, moves_money=True)
    until(lambda: payments(world)[-1]["state"] == "declined", "the second one to be declined")
    equal([payment["state"] for payment in payments(world)], ["booked", "declined"], "payments")
    equal(balance(world), Decimal("35.00"), "the balance")

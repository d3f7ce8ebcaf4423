"""Everything the strangers know of the REST API: paths, field names, the shape of answers.

Not here: what a scenario wants of it. Amounts are decimal strings on the wire and `Decimal` here.
"""

import http.client
import json
import uuid
from decimal import Decimal

from waiting import Failure

BASE = "/api/v1"


class Refused(Failure):
    """The API answered with an error (RFC 9457)."""

    def __init__(self, method, path, status, body):
        self.status = status
        try:
            self.problem = json.loads(body)
        except ValueError:
            self.problem = {"detail": body[:300].decode(errors="replace")}
        super().__init__(f"{method} {path}: {status} {self.problem}")


class TandemApi:
    """A client with an operator's token."""

    def __init__(self, port, token):
        self.port = port
        self.token = token

    # --- plumbing ---

    def raw(self, method, path, body=None, headers=None):
        """Status, headers and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def call(self, method, path, body=None, moves_money=False, key=None):
        """The JSON answer of one request, or `Refused`."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if moves_money:
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        text = json.dumps(body) if body is not None else None
        status, _, answer = self.raw(method, BASE + path, text, headers)
        if not 200 <= status < 300:
            raise Refused(method, path, status, answer)
        return json.loads(answer) if answer.strip() else None

    def get(self, path):
        """The JSON that stands at the path."""
        return self.call("GET", path)

    def all(self, path, page=500):
        """Every item of a paged list."""
        items, after = [], None
        join = "&" if "?" in path else "?"
        while True:
            answer = self.get(f"{path}{join}limit={page}" + (f"&after={after}" if after else ""))
            new = answer["items"] if isinstance(answer, dict) else answer
            items += new
            after = answer.get("next") if isinstance(answer, dict) else None
            if not after or not new:
                return items

    def explain(self, call):
        """Why a call cost what it cost."""
        return self.get(f"/calls/{call}/explain")

    # --- what there is ---

    def create_company(self, name="Aperture Bakery", country="US", currency="USD"):
        """A company; its JSON."""
        return self.call("POST", "/companies", {"name": name, "country": country, "currency": currency})

    def company(self, company):
        """The company as it is now."""
        return self.get(f"/companies/{company}")

    def add_credit(self, company, amount, key=None):
        """Credit from outside to the company."""
        body = {"amount": str(amount), "reason": "test"}
        return self.call("POST", f"/companies/{company}/credit", body, moves_money=True, key=key)

    def create_profile(self, company, name, channels, ip=(), registration=True, caller_id=None, auto_recharge=None,
                       incoming_to="called_number", srtp="off", t38="relay", dtmf="auto", certificates=(), static_contact=None, credit_failure=None, **more):
        """A profile; its JSON with `sip_user` and `sip_password`."""
        body = {
            "company": company,
            "name": name,
            "channels": channels,
            "authentication": {"registration": registration,
                               "ip": [{"address": address, "port": port} for address, port in ip],
                               "certificates": list(certificates)},
            "static_contact": static_contact,
            "caller_id": caller_id,
            "auto_recharge": auto_recharge,
            "incoming_to": incoming_to,
            "srtp": srtp,
            "t38": t38,
            "credit_failure": credit_failure,
            "dtmf": dtmf,
            **more,
        }
        return self.call("POST", "/profiles", body)

    def profile(self, profile):
        """The profile's six elements as they are now."""
        return self.get(f"/profiles/{profile}")

    def allocate(self, profile, amount, key=None):
        """Credit from the company to the profile."""
        return self.call("POST", f"/profiles/{profile}/credit", {"amount": str(amount)}, moves_money=True, key=key)

    def take_back(self, profile, amount=None, key=None):
        """Credit from the profile to the company; everything available where no amount is named."""
        body = {} if amount is None else {"amount": str(amount)}
        return self.call("POST", f"/profiles/{profile}/credit/take-back", body, moves_money=True, key=key)

    def create_carrier(self, name, address, priority=1, transport="udp", prefixes=(), **more):
        """A carrier; its JSON. It is not asked by OPTIONS where nothing is said: a SIPp that waits for a call takes them for one."""
        more["terms"] = {"options_interval_s": 0} | more.get("terms", {})
        body = {"name": name, "address": address, "transport": transport, "priority": priority,
                "prefixes": list(prefixes), **more}
        return self.call("POST", "/carriers", body)

    def create_number(self, number, profile):
        """A number that rings at the profile; its JSON."""
        return self.call("POST", "/numbers", {"number": number, "company": profile["company"], "profile": profile["id"]})

    def activate_deck(self, csv, name="test deck", currency="USD"):
        """A rate deck from CSV, in force when this returns."""
        deck = self.call("POST", "/decks", {"name": name, "currency": currency, "csv": csv})
        self.call("POST", f"/decks/{deck['id']}/activate")
        return deck

    # --- calls ---

    def live_calls(self):
        """The calls that are up now."""
        return self.all("/calls?state=live")

    def records(self):
        """Every call record."""
        return self.all("/calls")

    def hang_up(self, call):
        """Ends a live call."""
        return self.call("DELETE", f"/calls/{call}")

    def company_statement(self, company):
        """Every line of the company's ledger statement."""
        return self.all(f"/companies/{company}/statement")

    def profile_statement(self, profile):
        """Every line of the profile's ledger statement."""
        return self.all(f"/profiles/{profile}/statement")

    # --- outside the API proper ---

    def metrics(self):
        """The text of /metrics."""
        status, _, body = self.raw("GET", "/metrics")
        if status != 200:
            raise Failure(f"/metrics answered {status}")
        return body.decode()

    def metric(self, name, **labels):
        """The sum of a metric's series that carry these labels."""
        total = Decimal(0)
        for line in self.metrics().splitlines():
            if not line.startswith(name) or line[len(name):len(name) + 1] not in ("{", " "):
                continue
            if all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += Decimal(line.rsplit(" ", 1)[1])
        return total

    def is_ready(self):
        """Whether /readyz says yes."""
        return self.raw("GET", "/readyz")[0] == 200


# --- what stands where in the answers ---

def profile_id(profile):
    """The id by which paths name a profile (or anything else that was created)."""
    return profile["id"]


def balance(profile):
    """What a profile has, held credit included."""
    return Decimal(profile["credit"]["balance"])


def available(profile):
    """What a profile could spend now."""
    return Decimal(profile["credit"]["available"])


def held(profile):
    """What is held for calls that are up."""
    return Decimal(profile["credit"]["held"])


def registration(profile):
    """The live registration state: a dictionary with `state` and, where registered, `contact`."""
    return profile["credentials"]["registration"]


def channels_in_use(profile):
    """Channels that calls hold now."""
    return int(profile["channels"]["in_use"])


def record_amount(record):
    """What a call cost."""
    return Decimal(record["amount"])


def packets(record):
    """RTP packets from the caller's side and from the called side."""
    return tuple(int(count) for count in record["packets"])

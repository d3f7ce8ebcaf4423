"""A payment provider of the test's own, on loopback: it takes money once for each key, and answers as it is told to.

Not here: what a scenario wants of it. What is said is docs/payments.md's; the signatures are computed here anew.
"""

import hashlib
import hmac
import http.client
import http.server
import json
import threading
import time


def sign(secret, timestamp, body):
    """The signature of a message."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


class PaymentProvider:
    """Answers until it is stopped. Its moods: `pays`, `declines`, `later`, `loses` (takes the money, and hangs up without a word)."""

    def __init__(self, port, secret, api_port, mood="pays"):
        self.secret, self.api_port, self.mood = secret, api_port, mood
        # What it decided, by key; and each question as it came.
        self.decided, self.asked, self.forged = {}, [], 0
        self.lock = threading.Lock()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self):
                """A question, or the wish to cancel."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = provider.answer(self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    return
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                """Nothing: the scenario has its own log."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, headers, body):
        """What is said to a question; None for a connection that is lost."""
        wanted = sign(self.secret, headers["Tandem-Timestamp"], body)
        if not hmac.compare_digest(wanted, headers["Tandem-Signature"]):
            self.forged += 1
            return {"error": "forged"}
        question = json.loads(body)
        key = headers["Idempotency-Key"]
        with self.lock:
            self.asked.append((path, key, question))
            mood = self.mood
            result = {"pays": "paid", "loses": "paid", "declines": "declined", "later": "pending"}[mood]
            if path.endswith("/cancel") and self.decided.get(key) != "paid":
                self.decided[key] = "declined"
            decided = self.decided.setdefault(key, result)
        if mood == "loses":
            return None
        return {"payment": key, "result": decided, "reference": f"shop-{key[-6:]}", "because": f"{mood}, said the shop",
                "amount": question["amount"], "currency": question["currency"]}

    def taken(self):
        """How often it took money."""
        return sum(result == "paid" for result in self.decided.values())

    def notice(self, name, payment, result, age_s=0, secret=None, **more):
        """Tells the switch of a payment; the status of its answer."""
        body = json.dumps({"id": name, "payment": payment, "result": result, **more}).encode()
        timestamp = str(int(time.time()) - age_s)
        headers = {"Content-Type": "application/json", "Tandem-Timestamp": timestamp,
                   "Tandem-Signature": sign(secret or self.secret, timestamp, body)}
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=30)
        try:
            connection.request("POST", "/api/v1/payments/webhook", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self):
        """No more answers."""
        self.server.shutdown()
        self.server.server_close()

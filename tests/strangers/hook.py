"""A webhook of the test's own, on loopback: it verifies what comes as Standard Webhooks asks, and answers as it is told to.

Not here: what a scenario wants of it.
"""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time


def is_signed(secret, headers, body):
    """Whether one of the signatures is that of this secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in headers["webhook-signature"].split(" "))


class Hook:
    """Takes deliveries until it is stopped; each is answered with the next of `statuses`, then with 204."""

    def __init__(self, statuses=()):
        self.statuses = list(statuses)
        # Id, document, headers and body of each attempt.
        self.came, self.late = [], 0
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self):
                """A delivery."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.late += abs(time.time() - int(self.headers["webhook-timestamp"])) > 60
                hook.came.append((self.headers["webhook-id"], json.loads(body), dict(self.headers.items()), body))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Nothing: the scenario has its own log."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def heard(self, topic):
        """The documents of this type, each attempt's."""
        return [document for _, document, _, _ in self.came if document["type"] == topic]

    def stop(self):
        """No more answers."""
        self.server.shutdown()
        self.server.server_close()

"""Chromium without a window as a phone: a page with JsSIP, told what to do over HTTP by the test, telling what happens.

Not here: the page (browser/), and WebSockets made by hand (websocket.py).
"""

import http.server
import json
import queue
import shutil
import subprocess
import threading

import fetching
from waiting import Failure, ended, expect, until

# How long a page that asks for an order waits for one.
ORDER_S = 0.5


class BrowserPhone:
    """One page in a browser of its own."""

    def __init__(self, folder, name="browser"):
        self.folder = folder / name
        self.folder.mkdir()
        self.orders = queue.Queue()
        self.events = []
        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(fetching.browser()))
        threading.Thread(target=self.site.serve_forever, daemon=True).start()
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        expect(program, "chromium is missing: install it with `apt-get install chromium`")
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--allow-loopback-in-peer-connection",
                   "--disable-features=WebRtcHideLocalIpsWithMdns",
                   f"--user-data-dir={self.folder / 'profile'}",
                   f"http://127.0.0.1:{self.site.server_port}/phone.html"]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.loaded = self.until_event("loaded", 30)

    def _handler(self, place):
        phone = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            """The page's files, its orders, its events."""

            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(place))

            def do_GET(self):
                if self.path != "/order":
                    return super().do_GET()
                try:
                    order = phone.orders.get(timeout=ORDER_S)
                except queue.Empty:
                    order = None
                return self._say(json.dumps(order).encode())

            def do_POST(self):
                said = self.rfile.read(int(self.headers["Content-Length"]))
                phone.events.append(json.loads(said))
                self._say(b"{}")

            def _say(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    pass  # The browser was closed while its page was waiting for an order.

            def log_message(self, *_):
                """Nobody reads it."""

        return Handler

    def order(self, what, **more):
        """Tells the page to do something."""
        self.orders.put({"what": what, **more})

    def until_event(self, kind, deadline_s=10):
        """The first event of this kind that was not waited for yet."""

        def has_come():
            expect(self.process.poll() is None, "the browser ended")
            for event in self.events:
                if event["kind"] == kind:
                    self.events.remove(event)
                    return event
            raise Failure(str(self.events)[:600])

        return until(has_come, f"the browser's {kind}", deadline_s)

    def stop(self):
        """Ends it."""
        ended(self.process, 5)
        self.site.shutdown()
        self.log.close()

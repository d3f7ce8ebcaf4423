"""Debian's Prometheus as a process, with the shipped configuration turned to a switch under test, and its HTTP API.

Not here: what is asked of it (run.py) and what dashboards contain (dashboards.py).
"""

import http.client
import json
import math
import pathlib
import subprocess
import urllib.parse

from waiting import Failure, ended, expect, free_port, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "grafana" / "prometheus"
# The shipped interval is 15 s; a test has not the time.
SCRAPED_EVERY_S = 1


class Prometheus:
    """One Prometheus that scrapes one switch."""

    def __init__(self, folder, target):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(udp=False)
        config = (SHIPPED / "prometheus.yml").read_text()
        for shipped, ours in (("interval: 15s", f"interval: {SCRAPED_EVERY_S}s"), ("rules/*.yml", f"{SHIPPED}/rules/*.yml"),
                              ("127.0.0.1:8080", target), ("127.0.0.1:9090", f"127.0.0.1:{self.port}")):
            expect(shipped in config, f"grafana/prometheus/prometheus.yml does not say {shipped}")
            config = config.replace(shipped, ours)
        self.config = self.folder / "prometheus.yml"
        self.config.write_text(config)
        self.log = self.folder / "prometheus.log"
        self.process = None

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.config}", f"--storage.tsdb.path={self.folder / 'data'}",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

        def is_ready():
            expect(self.process.poll() is None, f"prometheus ended: {self.log.read_text(errors='replace')[-600:]}")
            return self.raw("/-/ready")[0] == 200

        try:
            until(is_ready, "prometheus to be ready", 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        ended(self.process)

    def raw(self, path):
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, path, **parameters):
        """The data of one answer; an error of Prometheus is a `Failure` with its words."""
        status, body = self.raw(f"/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
        answer = json.loads(body)
        if status != 200 or answer.get("status") != "success":
            raise Failure(f"{parameters.get('query', path)}: {answer.get('error', status)}")
        return answer["data"]

    def now(self, expression):
        """Labels and value of each series at this instant, values that are no numbers left out."""
        found = [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]]
        return [(labels, value) for labels, value in found if math.isfinite(value)]

    def over(self, expression, start, end, step):
        """Labels and points (time, value) of each series that has any, between two instants."""
        result = self.ask("query_range", query=expression, start=start, end=end, step=step)["result"]
        found = [(one["metric"], [(float(at), float(value)) for at, value in one["values"]]) for one in result]
        finite = [(labels, [point for point in points if math.isfinite(point[1])]) for labels, points in found]
        return [(labels, points) for labels, points in finite if points]

    def rules(self):
        """Every rule, recording and alerting."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

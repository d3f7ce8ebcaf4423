"""compose.yaml as data, and each of its services judged by its own program.

Not here: the image of the switch (image.py) and the order of the checks (run.py).
"""

import json
import os
import pathlib
import subprocess

from waiting import Failure, ended, equal, expect, free_port, until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **more):
    """What a command prints; its failure is ours."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=more.pop("timeout", 300), **more)
    said = (done.stdout + done.stderr).strip()
    equal(done.returncode, 0, f"{' '.join(map(str, command))} ({said[-1500:]}) exit code")
    return done.stdout


def services(**variables):
    """The services, as docker-compose reads the file with these variables set."""
    # Debian's docker-compose knows YAML only, and brings the Python that reads it.
    text = run("docker-compose", "config", env={"PATH": os.environ["PATH"], "HOME": "/", **variables})
    as_json = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"
    done = subprocess.run(["/usr/bin/python3", "-c", as_json], input=text, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)["services"]


def variables_of(service):
    """What a service's process is given; what is not set is not there."""
    return {name: str(value) for name, value in service["environment"].items() if value is not None}


def after(arguments, option):
    """What follows an option."""
    expect(option in arguments, f"compose.yaml does not give {option}: {arguments}")
    return arguments[arguments.index(option) + 1]


# --- what must hold ---

def file_is_valid():
    """docker-compose reads it, every service is watched, and what is mounted exists."""
    found = services()
    equal(sorted(found), ["grafana", "prometheus", "redis", "tandem"], "services")
    for name, service in found.items():
        equal(service["network_mode"], "host", f"the network of {name}")
        expect(name == "tandem" or service.get("healthcheck", {}).get("test"), f"nobody asks whether {name} is well")
        for volume in service["volumes"]:
            source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
            expect(not source.startswith("/") or pathlib.Path(source).exists(), f"{name} mounts {source}, which is not there")
    equal(found["tandem"]["depends_on"], {"redis": {"condition": "service_healthy"}}, "what tandem waits for")
    return ", ".join(sorted(service["image"] for service in found.values()))


def switch_settings_are_valid(binary):
    """`tandem check-config` takes what compose.yaml gives, on loopback and on an address behind NAT."""
    nat = {"TANDEM_ADDRESS": "192.0.2.7", "TANDEM__SIP__ADVERTISED_ADDRESS": "198.51.100.1",
           "TANDEM__MEDIA__ADVERTISED_ADDRESS": "198.51.100.1"}
    for given in ({}, nat):
        environment = {"PATH": os.environ["PATH"], **variables_of(services(**given)["tandem"])}
        said = run(binary, "check-config", "--config", "config/tandem.toml", env=environment)
        wanted = given.get("TANDEM_ADDRESS", "127.0.0.1")
        expect(f'"{wanted}:5060"' in said, f"with {given} SIP is not listened for at {wanted}: {said[:600]}")
        expect('engine = "redis"' in said, "the ledger is not redis")


def prometheus_configuration_is_valid():
    """promtool reads the mounted configuration, and the server knows the flags."""
    service = services()["prometheus"]
    mounts = [volume if isinstance(volume, str) else f"{volume['source']}:{volume['target']}" for volume in service["volumes"]]
    (mounted,) = [mount.split(":")[0] for mount in mounts if mount.split(":")[1] == "/etc/prometheus"]
    (config,) = [flag.partition("=")[2] for flag in service["command"] if flag.startswith("--config.file=")]
    run("promtool", "check", "config", config.replace("/etc/prometheus", mounted))
    known = subprocess.run(["prometheus", "--help"], capture_output=True, text=True, timeout=30)
    unknown = [flag for flag in service["command"] if flag.partition("=")[0] not in known.stdout + known.stderr]
    equal(unknown, [], "flags that prometheus does not know")


def grafana_finds_what_is_provisioned():
    """The provisioned data source is the one that dashboards mean, and dashboards lie where Grafana looks for them."""
    service = services()["grafana"]
    mounts = dict((volume if isinstance(volume, str) else f"{volume['source']}:{volume['target']}").split(":")[:2][::-1]
                  for volume in service["volumes"])
    read = lambda path: json.loads(subprocess.run(  # noqa: E731
        ["/usr/bin/python3", "-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))", path],
        capture_output=True, text=True, check=True, timeout=60).stdout)
    provisioning = pathlib.Path(mounts["/etc/grafana/provisioning"])
    (source,) = read(provisioning / "datasources" / "prometheus.yml")["datasources"]
    (provider,) = read(provisioning / "dashboards" / "tandem.yml")["providers"]
    shipped = list(pathlib.Path(mounts[provider["options"]["path"]]).glob("*.json"))
    expect(shipped, f"no dashboard lies in {provider['options']['path']}")
    for path in shipped:
        variables = {one["name"]: one for one in json.loads(path.read_text())["templating"]["list"]}
        equal(variables["datasource"]["current"]["value"], source["uid"], f"the data source that {path.name} begins with")
    flags = services()["prometheus"]["command"]
    (listens,) = [flag.partition("=")[2] for flag in flags if flag.startswith("--web.listen-address=")]
    equal(source["url"], f"http://{listens}", "the address of the data source")
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    expect(home in [f"{provider['options']['path']}/{path.name}" for path in shipped], f"the home dashboard {home} is not there")


class Redis:
    """Debian's redis-server with the arguments of compose.yaml, on a port and in a folder of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(udp=False)
        self.arguments = services()["redis"]["command"]
        shipped = after(self.arguments, "--port")
        self.command = [str(self.port) if part == shipped else part for part in self.arguments] + ["--dir", str(self.folder)]
        self.process = None

    def __enter__(self):
        log = (self.folder / "redis.log").open("wb")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(lambda: self.ask("ping") == "PONG", "redis to answer", 10)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        ended(self.process)

    def ask(self, *words):
        """What redis-cli prints."""
        done = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *words], capture_output=True, text=True,
                              timeout=10)
        if done.returncode:
            raise Failure(done.stdout + done.stderr)
        return done.stdout.strip()


def redis_keeps_money(folder):
    """The server takes its arguments, appends every write to a file, and never forgets a key for want of memory."""
    with Redis(folder) as redis:
        for key, wanted in (("appendonly", "yes"), ("appendfsync", "everysec"), ("maxmemory-policy", "noeviction"),
                            ("bind", "127.0.0.1"), ("save", "")):
            equal(redis.ask("config", "get", key).split("\n")[1:], [wanted] if wanted else [], f"redis' {key}")
        shipped = services()["redis"]["healthcheck"]["test"]
        equal(shipped[:2], ["CMD", "redis-cli"], "who asks whether redis is well")
        equal(redis.ask(*shipped[4:]), "PONG", "what the healthcheck hears")
        equal(redis.ask("set", "credit", "1"), "OK", "what a write is answered")
        return redis.ask("info", "server").split("\n")[1].strip()

#!/usr/bin/env python3
"""Builds the image of the Dockerfile without a registry, runs calls through it, and judges compose.yaml service by service.

Not here: how an image is built and run (image.py), what each service must be (compose.py).
"""

import argparse
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "strangers")]
sys.dont_write_bytecode = True

import compose  # noqa: E402
import image  # noqa: E402
import tandem_api  # noqa: E402
from checks import Checks  # noqa: E402
from server import BINARY  # noqa: E402
from waiting import equal, expect  # noqa: E402
from world import World  # noqa: E402


def calls_through(built, folder, environment):
    """Ten challenged calls of a PBX to a carrier, with sound; what they cost is in the books, and the container stops well."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = image.Container(folder, built, environment).start()
    try:
        with World(folder, server) as world:
            sound = folder / "sound.ulaw"
            sound.write_bytes(bytes(range(256)) * 32)
            profile = world.profile()
            carrier = world.carrier(calls=10, echo=True)
            pbx = world.pbx("call", profile, calls=10, limit=10, options=("-d", 2000), media_port="[rtpstream_audio_port]",
                            media=f'<nop><action><exec rtp_stream="{sound},-1,0"/></action></nop>')
            seen, taken = pbx.finish(), carrier.finish()
            equal((seen.successful, seen.failed, taken.successful), (10, 0, 10), "calls through, failed, taken by the carrier")
            world.settled(profile, spent="0.10")
            sums = [sum(way) for way in zip(*(tandem_api.packets(record) for record in world.records(10)))]
            expect(min(sums) > 10 * 60, f"packets of sound there and back: {sums}")
            user = (pathlib.Path("/proc") / str(server.program()) / "status").read_text().split("Uid:\t")[1].split("\t")[0]
            equal(user, "65532", "the user that the switch runs as")
    finally:
        server.kill()
    expect(server.healthcheck() == 1, "the healthcheck of a stopped switch is content")
    return f"10 calls, {sums[0]} packets there and {sums[1]} back"


def calls_with_redis(built, folder):
    """The same with the environment and the Redis of compose.yaml."""
    with compose.Redis(folder.with_name("redis-ledger")) as redis:
        given = compose.variables_of(compose.services()["tandem"])
        url = given["TANDEM__LEDGER__URL"]
        shipped = compose.after(redis.arguments, "--port")
        expect(f":{shipped}" in url, f"{url} is not where redis listens, {shipped}")
        told = calls_through(built, folder, {**given, "TANDEM__LEDGER__URL": url.replace(f":{shipped}", f":{redis.port}")})
        keys = int(redis.ask("dbsize"))
        expect(keys > 0, "the switch has kept nothing in redis")
        return f"{told}; {keys} keys in redis"


def demo_in(built):
    """`tandem demo` in the container tells its story and ends well."""
    said = compose.run(*built.command("/usr/bin/tandem", "demo", "--exit"), timeout=120)
    expect("every step was as told" in said, f"the demo said {said[-500:]}")


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--built", action="store_true", help="take the image that was built last")
    options = parser.parse_args()
    out = image.OUT
    out.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    checks.check("compose.yaml is read by docker-compose", compose.file_is_valid)
    checks.check("its Prometheus is configured", compose.prometheus_configuration_is_valid)
    checks.check("its Grafana finds what is provisioned", compose.grafana_finds_what_is_provisioned)
    checks.check("its Redis keeps money", compose.redis_keeps_money, out / "redis")
    checks.check("its switch takes its settings", compose.switch_settings_are_valid, BINARY)
    ready = options.built or (checks.check("a base image from what is at hand", image.base_image)
                              and checks.check("the Dockerfile is built", image.build))
    if ready:
        built = image.Image()
        try:
            checks.check("the image has no shell and no root", built.has_no_shell_and_no_root)
            checks.check("the demo runs in the image", demo_in, built)
            checks.check("calls through the container", calls_through, built, out / "calls", {})
            checks.check("calls through the container with Redis", calls_with_redis, built, out / "calls-redis")
            checks.check("nothing was written outside the volume", built.has_no_shell_and_no_root)
        finally:
            built.remove()
    return checks.close("container")


if __name__ == "__main__":
    sys.exit(main())

"""podman without a daemon and without a trace: images, containers and network of its own, gone when the block ends."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests.aws.image import CHANGES, NAME, write_image

NETWORK = "vantage"
CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
TOOLS = ("podman", "runc", "busybox", "iptables")


@dataclass(frozen=True)
class Podman:
    """A running service: its folder, the variables that lead `sam` to it, and this machine's address as containers see
    it."""

    folder: Path
    env: dict[str, str]
    host: str


def is_installed() -> bool:
    """Whether podman and what it needs here are."""
    return all(map(shutil.which, TOOLS))


class Forbidden(Exception):
    """This machine lets podman start no container, not even one that does nothing; it says why."""


@contextmanager
def podman() -> Iterator[Podman]:
    """podman's service on a socket, with Lambda's image in it; raises Forbidden."""
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/tmp"))  # podman bears no path of 50 characters
    try:
        with _service(folder) as service:
            yield service
    finally:
        subprocess.run(["umount", "-q", folder / "storage/overlay"], check=False)  # podman may leave it mounted
        shutil.rmtree(folder)


@contextmanager
def _service(folder: Path) -> Iterator[Podman]:
    conf, socket = folder / "containers.conf", folder / "podman.sock"
    (folder / "networks").mkdir()
    conf.write_text(CONF.format(folder=folder))
    env = {**os.environ, "CONTAINERS_CONF": str(conf), "BUILDAH_ISOLATION": "chroot"}
    own = ["podman", "--root", f"{folder}/storage", "--runroot", f"{folder}/run"]

    def run(*arguments: str) -> str:
        return subprocess.run([*own, *arguments], env=env, capture_output=True, text=True, check=True).stdout

    changes = [word for change in CHANGES for word in ("--change", change)]
    image = str(write_image(folder))
    try:
        run("network", "create", NETWORK)
        with conf.open("a") as settings:
            settings.write(f'default_network = "{NETWORK}"\n')  # not before: it would count as being there already
        run("import", *changes, image, NAME)
        run("run", "--rm", NAME, "/bin/sh", "-c", ":")
    except subprocess.CalledProcessError as error:
        raise Forbidden(error.stderr.strip()) from None
    [network] = json.loads(run("network", "inspect", NETWORK))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([*own, "system", "service", "--time=0", f"unix://{socket}"], env=env, stderr=log) as service,
    ):
        try:
            _wait_for(socket)
            yield Podman(folder, {**env, "DOCKER_HOST": f"unix://{socket}"}, network["subnets"][0]["gateway"])
        finally:
            service.terminate()
            service.wait()


def _wait_for(socket: Path, within_s: float = 20) -> None:
    deadline_s = monotonic() + within_s
    while not socket.exists():
        assert monotonic() < deadline_s
        sleep(0.02)

"""Every service of docker-compose.yml is started as it says, without containers, from what the image would hold.

Each must become healthy by the file's own health check, and must fail it once it has ended.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from portal.demo.server import BASE_DIR, free_port
from tests.e2e import needs

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.xdist_group("compose")]

_PATIENCE = 300.0
RUNNING = ("web", "worker", "beat", "trainer")


@dataclass
class Service:
    """``command`` and ``check`` as the file has them, with the places of this machine."""

    command: list[str]
    check: list[str]
    environment: dict[str, str]
    folder: Path

    def start(self) -> "subprocess.Popen[bytes]":
        log = (self.folder.parent / f"{Path(self.command[0]).name}-{id(self)}.log").open("wb")
        return subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
        )

    def healthy(self) -> bool:
        done = subprocess.run(
            self.check, cwd=self.folder, env=self.environment, capture_output=True, check=False
        )
        return done.returncode == 0


class Compose:
    """The file, with its names filled in for this machine. places: what stands there, what stands for it here."""

    def __init__(self, folder: Path, environment: dict[str, str], places: dict[str, str]) -> None:
        self.folder, self._environment, self._places = folder, environment, places
        self.parsed: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())

    def service(self, name: str) -> Service:
        service = self.parsed["services"][name]
        command = service.get("command") or self._of_the_image(service["build"]["target"])
        own = {key: self._here(value) for key, value in service["environment"].items()}
        return Service(
            [self._here(word) for word in command],
            self._check(service.get("healthcheck", {}).get("test", [])),
            {**self._environment, **own},
            self.folder,
        )

    def _of_the_image(self, stage: str) -> list[str]:
        """The CMD of a stage of the Dockerfile."""
        stages = re.split(r"^FROM \S+ AS ", (BASE_DIR / "Dockerfile").read_text(), flags=re.M)
        text = next(text for text in stages if text.startswith(f"{stage}\n"))
        found = re.search(r"^CMD (\[.+\])$", text, re.M)
        assert found is not None, stage
        words: list[str] = json.loads(found.group(1))
        return words

    def _check(self, test: list[str]) -> list[str]:
        words = [self._here(word.replace("$$", "$")) for word in test[1:]]
        return ["sh", "-c", *words] if test[:1] == ["CMD-SHELL"] else words

    def _here(self, word: str) -> str:
        word = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(word))
        there = "|".join(map(re.escape, self._places))
        return re.sub(there, lambda found: self._places[found.group()], word)


def _image(folder: Path) -> Path:
    """What COPY puts into the image: the repository without what .dockerignore names."""
    lines = (BASE_DIR / ".dockerignore").read_text().split()
    anywhere = {line.removeprefix("**/") for line in lines if line.startswith("**/")}

    def ignored(where: str, names: list[str]) -> set[str]:
        at_the_top = set(lines) if Path(where) == BASE_DIR else set()
        return (anywhere | at_the_top) & set(names)

    shutil.copytree(BASE_DIR, folder, ignore=ignored)
    return folder


def _secrets(folder: Path, database: str) -> Path:
    subprocess.run([BASE_DIR / "deploy" / "make-secrets", folder], check=True, capture_output=True)
    (folder / "database_url").write_text(database)
    return folder


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    with ExitStack() as stack:
        database = stack.enter_context(needs.postgres())
        redis = stack.enter_context(needs.redis_database())
        (folder / "tmp").mkdir()
        places = {
            "/run/secrets": str(_secrets(folder / "secrets", database)),
            "redis://redis:6379/0": redis,
            "0.0.0.0": "127.0.0.1",
            "8000": str(free_port()),
            "/tmp/": f"{folder}/tmp/",
        }
        kept = {"HOME": os.environ.get("HOME", "/"), "LIVEGATE_VAR": str(folder / "var")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        yield Compose(_image(folder / "app"), {**kept, "PATH": path, "LANG": "C.UTF-8"}, places)


@pytest.fixture(scope="module")
def prepared(compose: Compose) -> Compose:
    """The one service that ends by itself has ended well."""
    service = compose.service("prepare")
    done = subprocess.run(
        service.command,
        cwd=service.folder,
        env=service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return compose


def _becomes(service: Service, healthy: bool, process: "subprocess.Popen[bytes]") -> bool:
    end = time.monotonic() + _PATIENCE
    while service.healthy() is not healthy:
        if time.monotonic() > end or (healthy and process.poll() is not None):
            return False
        time.sleep(1)
    return True


def test_every_service_of_the_portal_becomes_healthy_and_is_not_when_it_has_ended(
    prepared: Compose,
) -> None:
    services = {name: prepared.service(name) for name in RUNNING}
    processes = {name: service.start() for name, service in services.items()}
    try:
        for name, service in services.items():
            assert _becomes(service, True, processes[name]), name
        for name, service in services.items():
            processes[name].send_signal(signal.SIGTERM)
            processes[name].wait(_PATIENCE)
            assert not service.healthy(), f"{name} ended, and nobody noticed."
    finally:
        for process in processes.values():
            process.kill()


def test_the_checks_of_redis_and_the_database_are_commands_that_exist(prepared: Compose) -> None:
    services = prepared.parsed["services"]
    programs = {"db": "pg_isready -U livegate", "redis": "redis-cli ping"}
    for name, words in programs.items():
        assert " ".join(services[name]["healthcheck"]["test"][1:]) == words
    place = urlsplit(os.environ.get("TEST_POSTGRES_URL", "postgres://127.0.0.1:5432"))
    outside = {"PGHOST": str(place.hostname), "PGPORT": str(place.port or 5432)}
    for words in programs.values():
        if shutil.which(words.split()[0]) is None:
            pytest.skip(f"{words.split()[0]} is not installed")
        environment = {**os.environ, **outside}
        subprocess.run(words.split(), env=environment, check=True, capture_output=True)


def test_redis_starts_with_the_options_of_the_file(prepared: Compose, tmp_path: Path) -> None:
    command = prepared.parsed["services"]["redis"]["command"]
    if shutil.which(command[0]) is None:
        pytest.skip("redis-server is not installed")
    port = str(free_port())
    process = subprocess.Popen(
        [*command, "--port", port, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    try:
        ask = ["redis-cli", "-p", port, "config", "get", "maxmemory-policy"]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            told = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
            if "noeviction" in told:
                break
            time.sleep(0.2)
        assert "noeviction" in told
        assert (tmp_path / "appendonlydir").is_dir()
    finally:
        process.kill()
        process.wait()


def test_docker_accepts_the_file(prepared: Compose) -> None:
    docker = shutil.which("docker")
    plugin = [str(docker), "compose", "version"]
    if docker is None or subprocess.run(plugin, capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [docker, "compose", "-f", str(BASE_DIR / "docker-compose.yml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

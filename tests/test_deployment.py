"""What docker-compose.yml, the Dockerfile and the Makefile say fits the code they start."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SERVICES = {"proxy", "web", "worker", "beat", "trainer", "prepare", "db", "redis"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text()
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def known_settings() -> set[str]:
    """Every name that portal/settings.py reads from the environment."""
    source = (ROOT / "portal" / "settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))


def filled_in(value: str) -> str:
    """The value with docker compose's ${NAME:-default} and ${NAME:?message} filled in."""
    filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
    return re.sub(r"\$\{\w+:\?[^}]*\}", "secret", filled)


def stages() -> set[str]:
    return set(re.findall(r"^FROM \S+ AS (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))


def test_compose_starts_everything_a_larger_site_needs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == SERVICES
    assert compose["services"]["web"]["deploy"]["replicas"] >= 2
    assert set(compose["volumes"]) == {"caddy", "database", "livegate", "redis"}


def test_every_name_that_compose_sets_is_read_by_the_settings(compose: dict[str, Any]) -> None:
    environment = compose["x-portal"]["environment"]
    names = {name.removesuffix("_FILE") for name in environment} - {"DOMAIN"}
    assert names
    assert names <= known_settings()


def test_the_settings_accept_what_compose_sets(compose: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run([ROOT / "deploy" / "make-secrets", tmp_path / "secrets"], check=True)
    given = {
        name: filled_in(value).replace("/run/secrets", str(tmp_path / "secrets"))
        for name, value in compose["x-portal"]["environment"].items()
    }
    environment = {**os.environ, **given, "LIVEGATE_VAR": str(tmp_path)}
    environment["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_secret_is_made_declared_and_given_to_whoever_reads_it(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    for _ in range(2):
        subprocess.run([ROOT / "deploy" / "make-secrets", tmp_path / "secrets"], check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(compose["secrets"])
    assert made["database_password"] in made["database_url"]
    for service in compose["services"].values():
        read = re.findall(r"/run/secrets/(\w+)", str(service.get("environment", {})))
        assert set(read) == set(service.get("secrets", []))


def test_every_container_is_read_only_unprivileged_limited_and_watched(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory"} == set(service["deploy"]["resources"]["limits"]), name
        assert name == "prepare" or "healthcheck" in service, name
        assert name == "proxy" or service["user"] not in ("", "root", "0"), name


def test_a_secret_in_a_file_is_read_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    environment = {**os.environ, "LIVEGATE_VAR": str(tmp_path)}
    environment["LIVEGATE_METRICS_TOKEN_FILE"] = str(tmp_path / "token")
    code = "from portal import settings as s; print(repr(s.LIVEGATE_METRICS_TOKEN))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "'s3cret'"


def test_a_portal_may_take_longer_to_end_than_it_waits_for_attempts(
    compose: dict[str, Any], settings: Any
) -> None:
    patience = int(compose["services"]["web"]["stop_grace_period"].removesuffix("s"))
    assert patience > settings.LIVEGATE_DRAIN_SECONDS + 10


def test_every_queue_has_a_worker(compose: dict[str, Any], settings: Any) -> None:
    commands = [" ".join(s.get("command", [])) for s in compose["services"].values()]
    commands.append((ROOT / "Dockerfile").read_text().replace('", "', " "))
    served = set(re.findall(r"-Q ([\w,]+)", " ".join(commands)))
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert {"celery"} | routed == served


def test_every_image_is_a_stage_of_the_dockerfile(compose: dict[str, Any]) -> None:
    built = {s["build"]["target"] for s in compose["services"].values() if "build" in s}
    assert built == {"serve", "train"}
    assert built <= stages()


def test_the_dockerfile_ends_unprivileged_with_commands_that_hear_signals() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        image = stage.split()[0]
        assert image in stages() or re.fullmatch(r"python:3\.\d+-slim", image), image
        users = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
        assert users[-1:] != ["root"], "A stage that ends as root would run as root."
        assert not re.search(r"^ADD |^(CMD|ENTRYPOINT) [^\[]", stage, re.MULTILINE)
        assert stage.count("pip install") == stage.count("pip install --no-cache-dir")


def test_no_secret_and_no_data_get_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", "secrets", "var", ".venv"} <= set(ignored)


def test_the_proxy_serves_the_port_that_the_portal_listens_on() -> None:
    assert "dynamic a web 8000" in (ROOT / "Caddyfile").read_text()
    assert '"--port", "8000"' in (ROOT / "Dockerfile").read_text()


def test_both_proxies_hang_up_on_whoever_is_slow_on_purpose() -> None:
    """A portal has no such patience to lose: ``tests/e2e/test_proxies.py`` tries it out where they are installed."""
    nginx = (ROOT / "deploy" / "nginx.conf").read_text()
    for name in ("client_header_timeout", "client_body_timeout", "send_timeout", "limit_conn"):
        assert re.search(rf"^    {name} [\w ]+;$", nginx, re.MULTILINE), name
    caddy = (ROOT / "Caddyfile").read_text()
    for name in ("read_header", "read_body", "idle", "max_size", "max_header_size"):
        assert re.search(rf"^\t+{name} \w+$", caddy, re.MULTILINE), name


def test_the_readme_explains_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = {name for name in known_settings() if f"`{name}`" not in readme}
    assert missing == set()


def test_make_alone_lists_every_target() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^make ([\w-]+)", done.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert listed == set(phony.group(1).split())


def test_every_requirement_is_pinned() -> None:
    for name in ("", "-demo", "-training", "-dev"):
        lines = (ROOT / f"requirements{name}.txt").read_text().splitlines()
        wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
        assert wanted
        assert [line for line in wanted if "==" not in line] == []

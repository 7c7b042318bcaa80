"""A site that was told nothing starts safely; a site that was told too little refuses to start."""

import os
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _python(code: str, var: Path, **given: str) -> "subprocess.CompletedProcess[str]":
    own = {"DJANGO_SETTINGS_MODULE": "portal.settings", "LIVEGATE_VAR": str(var)}
    unset = {"SITE_URL", "DEBUG", "REDIS_URL", "DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS"}
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    environment = {**inherited, **own, **given}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def _setting(expression: str, var: Path, **given: str) -> str:
    code = f"from django.conf import settings; print(*({expression},))"
    done = _python(code, var, **given)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _check(var: Path, **given: str) -> "subprocess.CompletedProcess[str]":
    code = "import django; from django.core.management import call_command\n"
    code += "django.setup(); call_command('check')"
    return _python(code, var, **given)


def test_the_secrets_of_a_new_site_are_made_once_and_kept(tmp_path: Path) -> None:
    first = _setting("settings.SECRET_KEY, settings.LIVENESS_ENCRYPTION_KEYS", tmp_path)
    again = _setting("settings.SECRET_KEY, settings.LIVENESS_ENCRYPTION_KEYS", tmp_path)
    other = _setting("settings.SECRET_KEY, settings.LIVENESS_ENCRYPTION_KEYS", tmp_path / "b")
    assert first == again
    assert first != other


def test_only_the_owner_can_read_the_secrets(tmp_path: Path) -> None:
    _setting("settings.SECRET_KEY", tmp_path)
    files = list((tmp_path / "secrets").iterdir())
    assert {file.name for file in files} == {"encryption_key", "secret_key"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_public_site_without_https_refuses_to_start(tmp_path: Path) -> None:
    done = _check(tmp_path, SITE_URL="http://portal.example.org")
    assert done.returncode != 0
    assert "portal.E001" in done.stderr


def test_an_encryption_key_of_the_wrong_length_refuses_to_start(tmp_path: Path) -> None:
    done = _check(tmp_path, LIVENESS_ENCRYPTION_KEYS="c2hvcnQ=")
    assert done.returncode != 0
    assert "portal.E002" in done.stderr


def test_https_switches_on_secure_cookies_and_the_redirect(tmp_path: Path) -> None:
    asked = "settings.SECURE_SSL_REDIRECT, settings.SESSION_COOKIE_SECURE, "
    asked += "settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS > 0"
    assert _setting(asked, tmp_path, SITE_URL="https://portal.example.org") == "True True True True"
    assert _setting(asked, tmp_path) == "False False False False"


def test_a_public_site_answers_to_its_own_name_alone(tmp_path: Path) -> None:
    hosts = _setting("settings.ALLOWED_HOSTS", tmp_path, SITE_URL="https://portal.example.org")
    assert hosts == "['portal.example.org']"


def test_without_redis_tasks_run_inside_the_portal(tmp_path: Path) -> None:
    asked = "settings.CELERY_TASK_ALWAYS_EAGER, settings.CELERY_BROKER_URL"
    assert _setting(asked, tmp_path) == "True memory://"
    redis = "redis://127.0.0.1:6379/9"
    assert _setting(asked, tmp_path, REDIS_URL=redis) == f"False {redis}"


def test_a_public_site_passes_every_check_for_deployment(tmp_path: Path) -> None:
    code = "import django; from django.core.management import call_command\n"
    code += "django.setup(); call_command('check', deploy=True, fail_level='WARNING')"
    given = {"SITE_URL": "https://portal.example.org", "BEHIND_PROXY": "1"}
    done = _python(code, tmp_path, **given)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_behind_a_proxy_passwords_are_not_counted_by_the_proxys_address(tmp_path: Path) -> None:
    """Otherwise ten wrong passwords a minute, from anywhere, would shut that door for everybody."""
    asked = "settings.ALLAUTH_TRUSTED_PROXY_COUNT"
    assert _setting(asked, tmp_path, BEHIND_PROXY="1") == "1"
    assert _setting(asked, tmp_path) == "0"

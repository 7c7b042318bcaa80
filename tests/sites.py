"""An installation of its own – database, var folder – driven by processes of its own, which may be killed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Site:
    """Migrated and ready. settings: further environment variables."""

    def __init__(self, var: Path, database: str, **settings: str) -> None:
        self.var = var
        own = {"LIVEGATE_VAR": str(var), "DATABASE_URL": database, "LOG_LEVEL": "ERROR"}
        own |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "PYTHONPATH": str(ROOT)}
        self.environment = {**os.environ, **own, **settings}
        self.run(
            "from django.core.management import call_command; call_command('migrate', verbosity=0)"
        )

    def start(self, code: str) -> "subprocess.Popen[str]":
        """``code`` in a process of its own, with Django set up and ``folder`` as the var folder."""
        full = f"import django; django.setup(); folder = {str(self.var)!r}\n{code}"
        command = [sys.executable, "-c", full]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.environment, stdout=pipe, stderr=pipe, text=True, cwd=ROOT
        )

    def run(self, code: str, patience: float = 900.0) -> list[str]:
        """The lines that ``code`` prints within ``patience`` seconds."""
        process = self.start(code)
        said, trouble = process.communicate(timeout=patience)
        assert process.returncode == 0, trouble
        return said.splitlines()

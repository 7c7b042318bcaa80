"""A copy of the keys outside the site's own folder, and the note in the audit trail that there is one.

Without its keys no enrolled face can be opened again, and nothing but a copy elsewhere brings them back.
"""

import base64
import os
from pathlib import Path

from django.conf import settings

from liveness import crypto
from trail import chain
from trail.models import AuditEntry

EVENT = "keys_copied"


class CopyError(RuntimeError):
    """The copy was not made; the message says what to do."""


def write(folder: Path) -> list[Path]:
    """Write the keys into files named after the settings, for the owner's eyes alone; note it. Raises CopyError."""
    inside = settings.VAR.resolve()
    if folder.resolve() == inside or inside in folder.resolve().parents:
        raise CopyError(
            f"{folder} lies in {inside}, which is lost with it: name a folder elsewhere."
        )
    keys = ",".join(base64.b64encode(key).decode() for key in settings.LIVENESS_ENCRYPTION_KEYS)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = [
            _write(folder / "SECRET_KEY", settings.SECRET_KEY),
            _write(folder / "LIVENESS_ENCRYPTION_KEYS", keys),
        ]
    except OSError as error:
        raise CopyError(f"{folder} cannot be written: {error}") from error
    chain.append(EVENT, keys=_present())
    return written


def _write(path: Path, text: str) -> Path:
    """An older copy is replaced; what was written is read again."""
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
    if path.read_text() != text:
        raise OSError("what was written cannot be read back")
    return path


def noted() -> AuditEntry | None:
    """The note of the last copy, if it is one of the present keys."""
    last = AuditEntry.objects.filter(event=EVENT).order_by("-number").first()
    return last if last is not None and last.facts.get("keys") == _present() else None


def made_here() -> bool:
    """Whether the portal made its encryption key itself, so that nobody else has it."""
    path = settings.VAR / "secrets" / "encryption_key"
    if not path.exists():
        return False
    return base64.b64decode(path.read_text()) in settings.LIVENESS_ENCRYPTION_KEYS


def _present() -> str:
    return ",".join(crypto.key_ids())

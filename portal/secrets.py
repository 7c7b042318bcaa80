"""Secrets of a site that was given none: made once, kept in files only the owner can read, never committed."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def secret_key(folder: Path) -> str:
    """Django's SECRET_KEY of this installation; made on first use."""
    return _kept(folder / "secret_key", lambda: secrets.token_urlsafe(50))


def encryption_key(folder: Path) -> str:
    """A base64 32-byte key for templates and evidence; made on first use."""
    return _kept(folder / "encryption_key", lambda: base64.b64encode(os.urandom(32)).decode())


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Read the secret, or write a new one. Two processes that start together agree: the link is made only once."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()

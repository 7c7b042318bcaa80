"""The environment, where NAME_FILE names a file that holds NAME: secrets of Docker, Kubernetes and systemd."""

import environ
from environ.fileaware_mapping import FileAwareMapping


class _Trimmed(FileAwareMapping):
    """Editors end files with a newline that belongs to no secret. Raises OSError for a file that cannot be read."""

    def __getitem__(self, key: str) -> str:
        value = str(super().__getitem__(key))
        return value.strip() if self.env.get(f"{key}_FILE") else value


class Environment(environ.Env):
    ENVIRON = _Trimmed()

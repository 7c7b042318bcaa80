"""The portal's settings for tests: a throw-away var folder, plain static files, fast password hashing."""

import os
import tempfile
from pathlib import Path

_var = tempfile.TemporaryDirectory(prefix="livegate-test-")
os.environ["LIVEGATE_VAR"] = _var.name
for _name in ("DATABASE_URL", "REDIS_URL", "SITE_URL", "DEBUG", "LIVENESS_BUNDLE"):
    os.environ.pop(_name, None)

from portal.settings import *  # noqa: E402, F403

DATABASES["default"]["TEST"] = {"NAME": str(Path(_var.name) / "test.sqlite3")}  # noqa: F405
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STATIC_ROOT.mkdir()  # noqa: F405  (WhiteNoise warns about a missing folder)
LIVEGATE_SAMPLE_BONA_FIDE = 0.0
# However slow the machine is, no test waits in line; those about the line say so.
LIVENESS_CAPACITY = 1000
# Nor does one look elsewhere, where what a test has replaced is not replaced.
LIVENESS_PROCESSES = False

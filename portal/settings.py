"""All settings, read from the environment. Without any, the portal runs on this machine alone.

The one name that matters in production is SITE_URL: an https address switches on secure cookies, HSTS and the
redirect; plain http is only accepted on the loopback address, where browsers still allow the camera.
"""

import base64
from pathlib import Path
from urllib.parse import urlsplit

import environ

from portal import secrets
from portal.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
environ.Env.read_env(BASE_DIR / ".env")

# Where this installation keeps its own files: database, secrets, models, collected static files.
VAR = Path(env.str("LIVEGATE_VAR", str(BASE_DIR / "var")))
VAR.mkdir(parents=True, exist_ok=True)

DEBUG = env.bool("DEBUG", False)
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
_site = urlsplit(SITE_URL)
_https = _site.scheme == "https"
_loopback = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if _https else _loopback)
ALLOWED_HOSTS += [_site.hostname] if _site.hostname not in ALLOWED_HOSTS else []
SECRET_KEY = env.str("SECRET_KEY", "") or secrets.secret_key(VAR / "secrets")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "portal",
    "trail",
    "liveness",
    "accounts",
    "training",
    "api",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.browser_policy",
    "portal.middleware.no_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.gates.Gates",
    "api.idempotency.once",
]
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Engines: the embedded ones, or those of a larger site.
DATABASES = {"default": env.db("DATABASE_URL", f"sqlite:///{VAR / 'livegate.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "livegate",
        "OPTIONS": {"socket_connect_timeout": 3, "socket_timeout": 5},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_ALWAYS_EAGER = not REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A training run outlasts Redis' one-hour default, after which it would be delivered a second time.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 24 * 3600, "socket_connect_timeout": 3}
# Looking after runs must not wait behind a run: those two tasks go where the short work is done.
CELERY_TASK_ROUTES = {
    "training.tasks.recover_runs": {"queue": "celery"},
    "training.tasks.retrain_if_due": {"queue": "celery"},
    "training.*": {"queue": "training"},
}
CELERY_IMPORTS = ["training.tasks_gate"]
CELERY_BEAT_SCHEDULE = {
    "close-dead-attempts": {"task": "liveness.tasks.close_dead_attempts", "schedule": 60},
    "send-notices": {"task": "accounts.tasks.send_waiting_notices", "schedule": 300},
    "recover-runs": {"task": "training.tasks.recover_runs", "schedule": 60},
    "retrain-if-due": {"task": "training.tasks.retrain_if_due", "schedule": 3600},
    "purge-evidence": {"task": "liveness.tasks.purge_evidence", "schedule": 24 * 3600},
    "watch-drift": {"task": "liveness.tasks.watch_drift", "schedule": 24 * 3600},
    "forget-answers": {"task": "api.tasks.forget_answers", "schedule": 24 * 3600},
    "send-due-webhooks": {"task": "api.tasks.send_due_webhooks", "schedule": 30},
    "keep-promises": {"task": "accounts.tasks.keep_promises", "schedule": 24 * 3600},
}

# People.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "accounts.backends.FaceBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{kind}Validator"}
    for kind in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "accounts:overview"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_REDIRECT_URL = "accounts:consent"
# Without a mail server no page should speak of a mail that was sent.
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "ACCOUNT_EMAIL_VERIFICATION", "optional" if "EMAIL_URL" in env else "none"
)
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Livegate"
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION == "none"
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "add_webauthn": "accounts.passkey_forms.AddForm",
    "authenticate_webauthn": "accounts.passkey_forms.UseForm",
    "reauthenticate_webauthn": "accounts.passkey_forms.UseAgainForm",
}
LIVEGATE_SECOND_FACTOR = env.str("LIVEGATE_SECOND_FACTOR", "nobody")
LIVEGATE_SECOND_FACTOR_GROUPS = env.list("LIVEGATE_SECOND_FACTOR_GROUPS", default=[])
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _site.scheme
ACCOUNT_LOGOUT_REDIRECT_URL = LOGOUT_REDIRECT_URL
vars().update(env.email("EMAIL_URL", "consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", f"Livegate <noreply@{_site.hostname}>")
SESSION_COOKIE_AGE = env.int("SESSION_COOKIE_AGE", 12 * 3600)
# Budgets of face attempts: failures that are free, those that pause an account's face, and seconds to wait.
LIVEGATE_FAILURES_ACCOUNT = env.int("LIVEGATE_FAILURES_ACCOUNT", 10)
LIVEGATE_FAILURES_DEVICE = env.int("LIVEGATE_FAILURES_DEVICE", 20)
LIVEGATE_FAILURES_NETWORK = env.int("LIVEGATE_FAILURES_NETWORK", 100)
LIVEGATE_FAILURES_PAUSE = env.int("LIVEGATE_FAILURES_PAUSE", 100)
LIVEGATE_FAILURES_FORGOTTEN_SECONDS = env.int("LIVEGATE_FAILURES_FORGOTTEN_SECONDS", 3600)
LIVEGATE_FAILURE_WAIT = env.int("LIVEGATE_FAILURE_WAIT", 30)
LIVEGATE_NOTICE_HOURS = env.int("LIVEGATE_NOTICE_HOURS", 24)
LIVEGATE_FAILURE_WAIT_MAX = env.int("LIVEGATE_FAILURE_WAIT_MAX", 3600)

# Browsers.
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 365 * 24 * 3600) if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", True)
# Browsers' preload lists take whole domains and give them back slowly: that is for a domain's owner to decide.
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", False)
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
# allauth counts failed passwords by address; behind a proxy, that must not be the proxy's, which everybody shares.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if SECURE_PROXY_SSL_HEADER else 0
SESSION_COOKIE_NAME = "__Host-session" if _https else "session"
DEVICE_COOKIE_NAME = "__Host-device" if _https else "device"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.staticfiles.HashedFiles"},
    # Bundles of models: a folder, or any Django storage, such as one of django-storages for S3.
    "bundles": {
        "BACKEND": env.str("BUNDLE_STORAGE", "django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.json("BUNDLE_STORAGE_OPTIONS", {"location": str(VAR / "models")}),
    },
}
MEDIA_ROOT = VAR / "media"

# The language of those who ask for none that there is, and of mails to nobody in particular.
LANGUAGE_CODE = env.str("LIVEGATE_LANGUAGE", "en")
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_SECURE = _https
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "api.parsers.BoundedJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_THROTTLE_CLASSES": ["api.throttles.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/min"},
    "DEFAULT_SCHEMA_CLASS": "api.schema.DescribedSchema",
    "EXCEPTION_HANDLER": "api.problems.handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Livegate",
    "DESCRIPTION": "Liveness checks, captures, people, review and models of this portal.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AttemptState": "liveness.models.Attempt.State",
        "AttemptPurpose": "liveness.models.Attempt.Purpose",
        "CapturePurpose": "api.models.Capture.Purpose",
        "ConsentPurpose": "accounts.models.Consent.Purpose",
        "CaptureState": "api.capture_api.STATES",
        "CheckVerdict": ["live", "spoof", "abstain"],
        "ModelState": "liveness.models.ModelVersion.State",
        "RunState": "training.models.TrainingRun.State",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Liveness: the clock, the caps and the models of an attempt.
LIVENESS_TICKET_SECONDS = env.int("LIVENESS_TICKET_SECONDS", 120)
LIVENESS_CLAIM_SECONDS = env.int("LIVENESS_CLAIM_SECONDS", 60)
LIVENESS_DEADLINE_SECONDS = env.int("LIVENESS_DEADLINE_SECONDS", 45)
LIVENESS_MAX_FRAMES = env.int("LIVENESS_MAX_FRAMES", 240)
LIVENESS_MAX_FRAME_BYTES = env.int("LIVENESS_MAX_FRAME_BYTES", 400_000)
LIVENESS_MAX_FRAMES_PER_SECOND = env.int("LIVENESS_MAX_FRAMES_PER_SECOND", 20)
LIVENESS_WORKERS = env.int("LIVENESS_WORKERS", 2)
LIVENESS_QUEUE = env.int("LIVENESS_QUEUE", 32)
LIVENESS_PROCESSES = env.bool("LIVENESS_PROCESSES", True)
LIVENESS_CAPACITY = env.int("LIVENESS_CAPACITY", 0)
LIVENESS_DETECTOR = env.str("LIVENESS_DETECTOR", "yunet")
LIVENESS_DETECTOR_PATH = env.str("LIVENESS_DETECTOR_PATH", "")
LIVENESS_EMBEDDER_PATH = env.str("LIVENESS_EMBEDDER_PATH", "")
LIVENESS_BUNDLE = env.str("LIVENESS_BUNDLE", "")
LIVENESS_SHADOW_QUEUE = env.int("LIVENESS_SHADOW_QUEUE", 8)
# The gate: how much worse than the champion a candidate may be, as shares, and who has to agree.
LIVEGATE_GATE_REQUIRED = env.bool("LIVEGATE_GATE_REQUIRED", True)
LIVEGATE_GATE_MARGIN = env.float("LIVEGATE_GATE_MARGIN", 0.01)
LIVEGATE_GATE_CAMERA_MARGIN = env.float("LIVEGATE_GATE_CAMERA_MARGIN", 0.02)
LIVEGATE_SECOND_PERSON = env.bool("LIVEGATE_SECOND_PERSON", False)
LIVENESS_EVIDENCE_DAYS = env.int("LIVENESS_EVIDENCE_DAYS", 30)
LIVENESS_EVIDENCE_MAX = env.int("LIVENESS_EVIDENCE_MAX", 5000)
LIVENESS_ATTEMPT_DAYS = env.int("LIVENESS_ATTEMPT_DAYS", 90)
LIVEGATE_TEMPLATE_DAYS = env.int("LIVEGATE_TEMPLATE_DAYS", 3 * 365)
LIVEGATE_TEMPLATE_NOTICE_DAYS = env.int("LIVEGATE_TEMPLATE_NOTICE_DAYS", 30)
LIVEGATE_CONSENT_DAYS = env.int("LIVEGATE_CONSENT_DAYS", 3 * 365)
LIVEGATE_PENDING_DAYS = env.int("LIVEGATE_PENDING_DAYS", 30)
# Colours of the screen that a face has to answer: off, stepup (of streams with a risk) or always.
LIVENESS_FLASH = env.str("LIVENESS_FLASH", "off")
LIVENESS_ATTEMPTS_PER_MINUTE = env.int("LIVENESS_ATTEMPTS_PER_MINUTE", 20)
LIVENESS_ENCRYPTION_KEYS = [
    base64.b64decode(key)
    for key in env.list("LIVENESS_ENCRYPTION_KEYS", default=[])
    or [secrets.encryption_key(VAR / "secrets")]
]
# Drift: the present model's first attempts, or days, are the reference; what recent days are compared; who is told.
LIVEGATE_DRIFT_REFERENCE = env.int("LIVEGATE_DRIFT_REFERENCE", 500)
LIVEGATE_DRIFT_REFERENCE_DAYS = env.int("LIVEGATE_DRIFT_REFERENCE_DAYS", 30)
LIVEGATE_DRIFT_DAYS = env.int("LIVEGATE_DRIFT_DAYS", 7)
LIVEGATE_ALARM_EMAILS = env.list("LIVEGATE_ALARM_EMAILS", default=[])
# Training: manifests that runs may be built on, as name=path,name=path; and when the clock asks for a run by itself.
LIVEGATE_DATA_SETS = env.dict("LIVEGATE_DATA_SETS", default={})
LIVEGATE_START = env.str("LIVEGATE_START", "")
LIVEGATE_RETRAIN_AFTER = env.int("LIVEGATE_RETRAIN_AFTER", 0)
LIVEGATE_RETRAIN_RECIPE = env.str("LIVEGATE_RETRAIN_RECIPE", "touch-up")
LIVEGATE_RUN_STALE_SECONDS = env.int("LIVEGATE_RUN_STALE_SECONDS", 120)
# Whose refused attempts may become training copies: training must not know accounts, so it asks by name.
LIVEGATE_MAY_TRAIN = "accounts.services.may_train"
# Whose attempts may keep pictures at all.
LIVEGATE_MAY_KEEP = "accounts.services.may_keep"
# Whose bona fide attempts may be sampled for review, and how many of them (0–1).
LIVEGATE_MAY_SAMPLE = "accounts.services.may_sample"
LIVEGATE_SAMPLE_BONA_FIDE = env.float("LIVEGATE_SAMPLE_BONA_FIDE", 0.02)
# How many reviewers have to agree on a label: 1 or 2.
LIVEGATE_REVIEWERS_NEEDED = env.int("LIVEGATE_REVIEWERS_NEEDED", 1)
# Who erases such copies; accounts must not know training, so it asks by name too.
LIVEGATE_ERASE_COPIES = "training.reviewed.erase_copies"
LIVEGATE_FORGET_LESSONS = "training.lineage.forget"
# What other rooms hold of a person, for their export and the privacy report.
LIVEGATE_HOLDINGS = {"training": "training.lineage.holding", "api": "api.erasure.holding"}
# Cosine similarity at a false match rate of 1e-4: `manage.py measure_matching` prints it.
FACE_MATCH_THRESHOLD = env.float("FACE_MATCH_THRESHOLD", 0.43)
# Thresholds and policies: a server that starts with other values than the last one says so in the audit trail.
LIVEGATE_AUDITED_SETTINGS = [
    "FACE_MATCH_THRESHOLD",
    "LIVENESS_BUNDLE",
    "LIVENESS_FLASH",
    "LIVENESS_EVIDENCE_DAYS",
    "LIVENESS_ATTEMPT_DAYS",
    "LIVEGATE_TEMPLATE_DAYS",
    "LIVEGATE_GATE_REQUIRED",
    "LIVEGATE_GATE_MARGIN",
    "LIVEGATE_GATE_CAMERA_MARGIN",
    "LIVEGATE_SECOND_PERSON",
    "LIVEGATE_REVIEWERS_NEEDED",
    "LIVEGATE_SAMPLE_BONA_FIDE",
    *("LIVEGATE_SECOND_FACTOR", "LIVEGATE_SECOND_FACTOR_GROUPS"),
]
# One face, one account: refuse to enrol a face that looks like another account's. Everybody is compared with everybody,
# so false alarms grow with the number of accounts: measure_matching has the threshold of a rarer false match.
LIVEGATE_ONE_FACE_ONE_ACCOUNT = env.bool("LIVEGATE_ONE_FACE_ONE_ACCOUNT", False)
LIVEGATE_ONE_FACE_THRESHOLD = env.float("LIVEGATE_ONE_FACE_THRESHOLD", FACE_MATCH_THRESHOLD)
# How far (0–1) a match confirmed by a passkey or a code moves the template towards the face of today. 0: never.
LIVEGATE_TEMPLATE_UPDATE = env.float("LIVEGATE_TEMPLATE_UPDATE", 0.0)
# Webhooks: hosts as host:port that may be inside and without TLS; days of failures until one is switched off; days of log.
LIVEGATE_WEBHOOK_ALLOW = env.list("LIVEGATE_WEBHOOK_ALLOW", default=[])
LIVEGATE_WEBHOOK_FAILING_DAYS = env.float("LIVEGATE_WEBHOOK_FAILING_DAYS", 5.0)
LIVEGATE_WEBHOOK_DAYS = env.int("LIVEGATE_WEBHOOK_DAYS", 30)

# Operations: who may read the metrics, and how long a server that is asked to end waits for running attempts.
LIVEGATE_METRICS_TOKEN = env.str("LIVEGATE_METRICS_TOKEN", "")
LIVEGATE_METRICS_NETWORKS = env.list(
    "LIVEGATE_METRICS_NETWORKS",
    default=[] if SECURE_PROXY_SSL_HEADER else ["127.0.0.0/8", "::1/128"],
)
# The collector that traces go to; the SDK reads what else it wants to know from its own OTEL_… names.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
LIVEGATE_DRAIN_PAUSE = env.float("LIVEGATE_DRAIN_PAUSE", 0.0)
LIVEGATE_DRAIN_SECONDS = env.float("LIVEGATE_DRAIN_SECONDS", LIVENESS_DEADLINE_SECONDS + 15.0)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "portal.request_ids.WithRequestId"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} [{request_id}]: {message}", "style": "{"},
        "json": {"()": "portal.request_ids.JsonLines"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["request_id"],
            "formatter": env.str("LOG_FORMAT", "line"),
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
}

"""What deleted rows leave behind in the files of the database.

SQLite is told to overwrite what it deletes (``secure_delete``); until the write-ahead log is emptied, older states of the
pages stand in it. PostgreSQL keeps dead rows until it vacuums, and has its own log: docs/operations.md says what to do there.
"""

from django.db import connection


def wipe() -> bool:
    """Empty SQLite's write-ahead log into the database; False elsewhere, or while another process still reads it."""
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy, *_ = cursor.fetchone()
    return not busy

"""How things are said to people."""


def duration(seconds: int) -> str:
    """A wait, rounded up: 30 seconds, 2 minutes, 1 hour."""
    if seconds >= 3600:
        return _counted(-(-seconds // 3600), "hour")
    if seconds > 60:
        return _counted(-(-seconds // 60), "minute")
    return _counted(seconds, "second")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"

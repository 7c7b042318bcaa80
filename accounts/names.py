"""What a person types to say who they are: a user name or an e-mail address."""

from accounts.models import User


def canonical(typed: str) -> str:
    """The form in which two spellings of one name are the same name."""
    return User.normalize_username(typed.strip()).lower()[:150]


def find_user(name: str) -> User | None:
    """The one person of that canonical name. A name two people could mean is nobody's."""
    found = list(User.objects.filter(username__iexact=name)[:2])
    if not found and "@" in name:
        found = list(User.objects.filter(email__iexact=name)[:2])
    return found[0] if len(found) == 1 else None

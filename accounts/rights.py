"""Who may do what, and which addresses an account has: every change is an entry of the trail, whoever makes it.

By whom is known where a request causes it: the administration, the API, the portal's own pages. At a terminal it is
nobody's. ``QuerySet.update`` and SQL by hand go past Django's signals, and past this.
"""

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_added, email_changed, email_removed
from allauth.core import context
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save

from accounts import audit
from accounts.models import User

RIGHTS = ("is_active", "is_staff", "is_superuser")
_BEFORE = "_rights_before"
_NEW = {"is_active": True, "is_staff": False, "is_superuser": False}
# Something that was there must be looked for before it goes.
_GIVEN, _TAKEN, _ALL_TAKEN = "post_add", "pre_remove", "pre_clear"


def connect() -> None:
    """Called once when the app is ready."""
    pre_save.connect(_look, sender=User, dispatch_uid="accounts.rights_before")
    post_save.connect(_compare, sender=User, dispatch_uid="accounts.rights_after")
    m2m_changed.connect(
        _joined, sender=User.groups.through, dispatch_uid="accounts.groups_of_people"
    )
    m2m_changed.connect(
        _permitted, sender=User.user_permissions.through, dispatch_uid="accounts.permissions"
    )
    m2m_changed.connect(
        _group_permitted, sender=Group.permissions.through, dispatch_uid="accounts.of_groups"
    )
    pre_delete.connect(_group_ends, sender=Group, dispatch_uid="accounts.group_ends")
    email_added.connect(_address_added, dispatch_uid="accounts.address_added")
    email_removed.connect(_address_removed, dispatch_uid="accounts.address_removed")
    email_changed.connect(_address_changed, dispatch_uid="accounts.address_changed")


def actor() -> int | None:
    """The account behind the present request; None without one, as at a terminal."""
    user = getattr(context.request, "user", None)
    return user.pk if user is not None and user.is_authenticated else None


def _look(
    sender: type[User],
    instance: User,
    raw: bool = False,
    update_fields: Iterable[str] | None = None,
    **kwargs: Any,
) -> None:
    """What it was before; asked only where it may change."""
    vars(instance).pop(_BEFORE, None)
    if raw or (update_fields is not None and not set(RIGHTS) & set(update_fields)):
        return
    stored = User.objects.filter(pk=instance.pk).values(*RIGHTS).first() if instance.pk else None
    vars(instance)[_BEFORE] = stored or _NEW


def _compare(sender: type[User], instance: User, **kwargs: Any) -> None:
    before = vars(instance).pop(_BEFORE, None)
    if before is None:
        return
    now = {name: bool(getattr(instance, name)) for name in RIGHTS}
    changed = {name.removeprefix("is_"): now[name] for name in RIGHTS if now[name] != before[name]}
    if changed:
        audit.accepted("rights_changed", user=instance.pk, by=actor(), **changed)


def _joined(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **kwargs: Any
) -> None:
    """``reverse``: people were put into a group, or taken out of it, rather than groups given to a person."""
    event = _event(action, "joined_group", "left_group")
    if event and reverse:
        members = User.objects.filter(pk__in=_concerned(instance.user_set, action, pk_set))
        _tell(event, members, group=instance.name)
    elif event:
        groups = Group.objects.filter(pk__in=_concerned(instance.groups, action, pk_set))
        for name in groups.order_by("name").values_list("name", flat=True):
            audit.accepted(event, user=instance.pk, by=actor(), group=name)


def _permitted(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **kwargs: Any
) -> None:
    event = _event(action, "permission_given", "permission_taken")
    if event and reverse:
        people = User.objects.filter(pk__in=_concerned(instance.user_set, action, pk_set))
        _tell(event, people, permission=_name(instance))
    elif event:
        for permission in _permissions(_concerned(instance.user_permissions, action, pk_set)):
            audit.accepted(event, user=instance.pk, by=actor(), permission=permission)


def _group_permitted(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **kwargs: Any
) -> None:
    event = _event(action, "group_permission_given", "group_permission_taken")
    if event and reverse:
        groups = Group.objects.filter(pk__in=_concerned(instance.group_set, action, pk_set))
        for name in groups.order_by("name").values_list("name", flat=True):
            audit.accepted(event, by=actor(), group=name, permission=_name(instance))
    elif event:
        for permission in _permissions(_concerned(instance.permissions, action, pk_set)):
            audit.accepted(event, by=actor(), group=instance.name, permission=permission)


def _group_ends(sender: type[Group], instance: Group, **kwargs: Any) -> None:
    """Its members leave it, of which Django says nothing by itself."""
    _tell("left_group", User.objects.filter(groups=instance), group=instance.name)


def _event(action: str, given: str, taken: str) -> str:
    return {_GIVEN: given, _TAKEN: taken, _ALL_TAKEN: taken}.get(action, "")


def _concerned(related: Any, action: str, named: set[int] | None) -> set[int]:
    """Keys: of what was named and is new, or of what was named, or all, and is there."""
    if action == _GIVEN:
        return named or set()
    there = set(related.values_list("pk", flat=True))
    return there if action == _ALL_TAKEN else there & (named or set())


def _permissions(keys: set[int]) -> list[str]:
    found = Permission.objects.filter(pk__in=keys).select_related("content_type")
    return sorted(map(_name, found))


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def _tell(event: str, people: Any, **facts: str) -> None:
    for key in people.order_by("pk").values_list("pk", flat=True):
        audit.accepted(event, user=key, by=actor(), **facts)


def _address_added(sender: Any, user: User, email_address: EmailAddress, **kwargs: Any) -> None:
    audit.accepted("address_added", user=user.pk, by=actor())


def _address_removed(sender: Any, user: User, email_address: EmailAddress, **kwargs: Any) -> None:
    audit.accepted("address_removed", user=user.pk, by=actor())


def _address_changed(sender: Any, user: User, **kwargs: Any) -> None:
    audit.accepted("address_changed", user=user.pk, by=actor())

"""Rotation of keys: everything sealed under an older key is sealed anew under the first, while the portal serves.

A row is changed by compare-and-set, in small batches, so rotation waits for nobody and nobody waits for it. Old and new
rows open alike as long as both keys are configured. What was done is seen on the row itself: a rotation that was killed
goes on where it ended when it is started again.
"""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from liveness import crypto
from liveness.crypto import SealError

_BATCH = 100


@dataclass(frozen=True)
class Sealed:
    """A column of sealed bytes, and what each row's bytes are bound to.

    entry: the column holds JSON objects, and the bytes are this entry of theirs, in base64.
    """

    model: type[Model]
    field: str
    context: Callable[[Any], str]
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.model._meta.verbose_name_raw} {self.entry or self.field}"

    def read(self, row: Any) -> bytes | None:
        """The sealed bytes of a row, if it has any."""
        value = getattr(row, self.field)
        if self.entry:
            text = value.get(self.entry)
            return base64.b64decode(text) if text else None
        return None if value is None else bytes(value)

    def holding(self, row: Any, sealed: bytes) -> Any:
        """What the column holds with other sealed bytes in it."""
        if self.entry:
            return getattr(row, self.field) | {self.entry: base64.b64encode(sealed).decode()}
        return sealed


@dataclass
class Rotated:
    """rewrapped: values sealed anew; lost: values whose key is not configured, which stay as they are."""

    rewrapped: int = 0
    lost: int = 0


def rotate(columns: Iterable[Sealed], batch: int = _BATCH) -> Iterator[tuple[Sealed, Rotated]]:
    """Seal anew what is not under the first key; after each batch the column and what was done in it so far."""
    for column in columns:
        done, last = Rotated(), None
        while rows := _after(column, last, batch):
            for row in rows:
                _rewrap(column, row, done)
            last = rows[-1].pk
            yield column, done


def in_use(columns: Iterable[Sealed]) -> dict[str, int]:
    """How many values are sealed under each key, by its id in hex."""
    counts: dict[str, int] = {}
    for column in columns:
        for row in _rows(column).iterator(_BATCH):
            if sealed := column.read(row):
                name = crypto.key_id(sealed).hex()
                counts[name] = counts.get(name, 0) + 1
    return counts


def _rows(column: Sealed) -> Any:
    return column.model._default_manager.exclude(**{f"{column.field}__isnull": True})


def _after(column: Sealed, last: Any, batch: int) -> list[Any]:
    rows = _rows(column) if last is None else _rows(column).filter(pk__gt=last)
    return list(rows.order_by("pk")[:batch])


def _rewrap(column: Sealed, row: Any, done: Rotated) -> None:
    before = column.read(row)
    if before is None or crypto.is_current(before):
        return
    context = column.context(row)
    try:
        after = crypto.seal(crypto.unseal(before, context), context)
    except SealError:
        done.lost += 1
        return
    same = column.model._default_manager.filter(
        pk=row.pk, **{column.field: getattr(row, column.field)}
    )
    done.rewrapped += same.update(**{column.field: column.holding(row, after)})

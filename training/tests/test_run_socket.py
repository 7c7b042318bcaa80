from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.sessions import SessionMiddlewareStack
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client

from training import consumers, services
from training.models import TrainingRun
from training.routing import websocket_urlpatterns
from training.tests.synthetic import row, write_manifest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "SECONDS", 0.05)
    monkeypatch.setattr(consumers, "_CHECK_EVERY", 2)


@pytest.fixture
def run(tmp_path: Path) -> TrainingRun:
    manifest = write_manifest(tmp_path / "manifest.csv", [row("a.jpg", "a", True)])
    return services.request_run(data=manifest, options={})


@pytest.fixture
def watcher(db: None) -> Any:
    user = get_user_model().objects.create_user("carol", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_trainingrun"))
    return user


def _cookie(user: Any) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


async def connected(run_pk: int, user: Any = None) -> Any:
    headers = []
    if user is not None:
        headers = [(b"cookie", (await sync_to_async(_cookie)(user)).encode())]
    application = SessionMiddlewareStack(URLRouter(websocket_urlpatterns))
    socket: Any = WebsocketCommunicator(application, f"/ws/training/{run_pk}/", headers=headers)
    assert (await socket.connect())[0]
    return socket


async def closed(socket: Any) -> int:
    message = await socket.receive_output(timeout=5)
    assert message["type"] == "websocket.close", message
    return int(message["code"])


async def test_a_watcher_sees_changes_and_the_end(run: TrainingRun, watcher: Any) -> None:
    socket = await connected(run.pk, watcher)
    assert (await socket.receive_json_from(timeout=5))["state"] == "queued"
    claimed = await database_sync_to_async(services.claim_run)(run.pk)
    assert (await socket.receive_json_from(timeout=5))["state"] == "running"
    progress = {"epoch": 1, "epochs": 4, "share": 0.1, "loss": 0.4}
    note = database_sync_to_async(services.note)
    await note(claimed, log="epoch 1\n", progress=progress, history=[{"loss": 0.5, "auc": 0.9}])
    told = await socket.receive_json_from(timeout=5)
    assert (told["percent"], told["figures"]["loss"], told["figures"]["auc"]) == (10, 0.4, 0.9)
    assert told["log"] == "epoch 1"
    assert told["chart"]["epochs"] == 1
    await database_sync_to_async(services.fail_run)(claimed, "The disk is full.")
    assert (await socket.receive_json_from(timeout=5))["open"] is False
    assert await closed(socket) == 1000
    await socket.disconnect()


async def test_nothing_is_sent_while_nothing_changes(run: TrainingRun, watcher: Any) -> None:
    socket = await connected(run.pk, watcher)
    await socket.receive_json_from(timeout=5)
    assert await socket.receive_nothing(timeout=0.5)
    await socket.send_input({"type": "websocket.receive", "text": "nonsense"})
    assert await socket.receive_nothing(timeout=0.3)
    await socket.disconnect()


async def test_strangers_and_people_without_the_permission_are_sent_away(
    run: TrainingRun, watcher: Any
) -> None:
    assert await closed(await connected(run.pk)) == consumers.NOT_ALLOWED
    await database_sync_to_async(watcher.user_permissions.clear)()
    assert await closed(await connected(run.pk, watcher)) == consumers.NOT_ALLOWED


async def test_a_watcher_who_loses_the_permission_is_sent_away(
    run: TrainingRun, watcher: Any
) -> None:
    socket = await connected(run.pk, watcher)
    await socket.receive_json_from(timeout=5)
    await database_sync_to_async(watcher.user_permissions.clear)()
    assert await closed(socket) == consumers.NOT_ALLOWED


async def test_a_watcher_who_signs_out_is_sent_away(run: TrainingRun, watcher: Any) -> None:
    socket = await connected(run.pk, watcher)
    await socket.receive_json_from(timeout=5)
    await database_sync_to_async(Session.objects.all().delete)()
    assert await closed(socket) == consumers.NOT_ALLOWED


async def test_a_run_that_does_not_exist_is_said(watcher: Any) -> None:
    assert await closed(await connected(77, watcher)) == consumers.UNKNOWN

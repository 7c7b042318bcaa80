"""What arrives at a socket goes to whoever reads it, and nobody describes every piece of it."""

from unittest import mock

from daphne.ws_protocol import WebSocketFactory

from portal import serving


def test_every_piece_is_passed_on_and_none_is_described() -> None:
    socket = serving.PatientSocket()
    with (
        mock.patch.object(socket, "_dataReceived") as read,
        mock.patch.object(socket, "log") as log,
    ):
        socket.dataReceived(b"a piece")
    read.assert_called_once_with(b"a piece")
    assert not log.mock_calls


def test_the_server_opens_such_sockets() -> None:
    with (
        mock.patch.object(serving.PatientCommandLine, "run") as run,
        mock.patch("daphne.server.HTTPFactory"),
        mock.patch.object(WebSocketFactory, "protocol"),
        mock.patch.object(serving, "give_memory_back"),
    ):
        serving.serve("127.0.0.1", "0")
        assert WebSocketFactory.protocol is serving.PatientSocket
    run.assert_called_once()

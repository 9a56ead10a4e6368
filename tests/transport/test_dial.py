"""The socket that a request goes out on."""

import socket

from tallystick.transport.dial import dial


def test_a_small_request_is_sent_at_once_and_not_held_back_for_a_fuller_packet() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        dial("127.0.0.1", listener.getsockname()[1], 5.0, allow_private=False) as made,
    ):
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

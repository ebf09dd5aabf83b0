"""Calls that make tokens and channels and take what they name, once or for ever, in workers."""

import os

from shareable import ExplodesHere, Lazy, Named
from sharing_tasks import buffer_of, pass_door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gates import Handle as Door
    from interpexec import RecvChannel, SendChannel


def make_token(value: object) -> bytes:
    """Make a token."""
    from interpexec import sharing

    return sharing.to_token(value)


def make_tokens(count: int) -> list[bytes]:
    """Make tokens of handles."""
    from interpexec import sharing

    with sharing.Handle(0) as handle:
        return [sharing.to_token(handle) for _ in range(count)]


def tokens_held() -> int:
    """Return how many tokens this interpreter remembers."""
    from interpexec._sharing import tokens as tokens_module

    return len(tokens_module._held)


def take_token(token: bytes) -> object:
    """Take what a token names."""
    from interpexec import sharing

    return sharing.from_token(token)


def try_token(token: bytes) -> str:
    """Take what a token names, and let go of it; return the name of the error."""
    from interpexec import sharing

    try:
        sharing.from_token(token)
    except Exception as error:
        return type(error).__name__
    return "taken"


def race_for(door: "Door", tokens: list[bytes]) -> list[int]:
    """Wait at the door, then take what can be had; return which ones that were."""
    from interpexec.errors import TokenError
    from interpexec.sharing import from_token

    pass_door(door)
    won = []
    for index, token in enumerate(tokens):
        try:
            from_token(token)
            won.append(index)
        except TokenError:
            pass
    return won


def churn_tokens(knocker: int, fd: int) -> None:
    """Make tokens and take them, for ever."""
    from interpexec import sharing

    with sharing.Handle(fd) as handle:
        os.write(knocker, b"!")
        while True:
            sharing.from_token(sharing.to_token([handle, handle]))


def churn_blocks(knocker: int, _: int) -> None:
    """Make blocks and let them go, for ever."""
    from interpexec import SharedBuffer

    os.write(knocker, b"!")
    while True:
        with SharedBuffer(4096) as block:
            block[:1] = b"x"


def churn_packing(knocker: int, fd: int) -> None:
    """Pack what cannot be sent, after what can, for ever."""
    from interpexec import create_channel, sharing

    receiver, sender = create_channel()
    with sharing.Handle(fd) as handle, receiver, sender:
        os.write(knocker, b"!")
        while True:
            try:
                sender.send([handle, Named("x"), handle, ExplodesHere()])
            except (ValueError, TypeError):
                pass


def churn_channel(knocker: int, fd: int, sender: "SendChannel", receiver: "RecvChannel") -> None:
    """Send a handle and receive it, for ever."""
    from interpexec import sharing

    with sharing.Handle(fd) as handle:
        os.write(knocker, b"!")
        while True:
            sender.send([handle])
            receiver.recv()


def send_on(sender: "SendChannel", value: object) -> None:
    """Send something."""
    sender.send(value)


def make_and_send(sender: "SendChannel", size: int) -> None:
    """Send a new block."""
    sender.send(buffer_of(size))


def receive(receiver: "RecvChannel") -> object:
    """Receive something, and let it go."""
    return type(receiver.recv(20)).__name__


def try_lazy_token(lazy: Lazy) -> str:
    """Take what an object's token names while the call runs."""
    return try_token(lazy.handle)  # type: ignore[arg-type]  # it is the token here

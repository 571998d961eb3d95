"""Links between the two halves of a peer: none, or one with a delay."""

import contextlib

from services.programs import Server, server_folder

MEGABITS = 200  # what a link carries each way; with 100 ms a window of 2.5 MB fills it


@contextlib.contextmanager
def no_link(port):
    """Where to dial to reach that port: itself."""
    yield port


def delayed(milliseconds):
    """Links of that round trip time."""

    @contextlib.contextmanager
    def link(port):
        with server_folder() as folder:
            with Server(folder, "bench_link", "{port}", str(port), str(milliseconds), str(MEGABITS), as_self=True) as relay:
                yield relay.port

    return link

"""An HTTP proxy that knows CONNECT only. Whatever name is asked for, it leads to the daemon."""

import base64
import contextlib
import socket
import threading

from sockets import connect, receive_head


class ConnectProxy:
    """`login`: "user:password" that must be shown; `refusal`: the status that is answered instead."""

    def __init__(self, daemon, login=None, refusal=None):
        self.daemon = daemon
        self.login = login
        self.refusal = refusal
        self.asked = []  # authorities, as they came
        self.heads = []  # and the whole heads
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _verdict(self, head):
        lines = head.decode("latin-1").split("\r\n")
        method, authority, _ = lines[0].split(" ")
        self.asked.append(authority)
        self.heads.append(head.decode("latin-1"))
        if method != "CONNECT":
            return "405 Method Not Allowed"
        if self.login is not None:
            expected = "proxy-authorization: basic " + base64.b64encode(self.login.encode()).decode()
            if expected.lower() not in [line.lower() for line in lines]:
                return "407 Proxy Authentication Required"
        return self.refusal or "200 Connection established"

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError, EOFError):
            verdict = self._verdict(receive_head(sock))
            sock.sendall(f"HTTP/1.1 {verdict}\r\n\r\n".encode())
            if not verdict.startswith("200"):
                return
            with connect(self.daemon.port, timeout=None) as daemon:
                back = threading.Thread(target=self._pass, args=(daemon, sock), daemon=True)
                back.start()
                self._pass(sock, daemon)
                back.join()

    @staticmethod
    def _pass(source, sink):
        with contextlib.suppress(OSError):
            while part := source.recv(1 << 16):
                sink.sendall(part)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

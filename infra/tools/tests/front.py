"""What the commands meet outside AWS: a program called terraform, and the load balancer's address."""

import contextlib
import http.server
import os
import socketserver
import threading
from unittest import mock

TERRAFORM = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$@" >&3
for name in "${{!TF_VAR_@}}"; do printf '%s=%s\\0' "$name" "${{!name}}" >&3; done
printf '\\n' >&3
read -r code <&3
cat <&3
exit "$code"
"""


def serve_terraform(test, world):
    """Puts a `terraform` before all others that asks the world."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            given = [each.decode() for each in self.rfile.readline().split(b"\0")[:-1]]
            arguments = [each for each in given if each != "-no-color" and not each.startswith("TF_VAR_")]
            defaults = dict(each[7:].split("=", 1) for each in given if each.startswith("TF_VAR_"))
            code, text = world.terraform(arguments, defaults)
            with contextlib.suppress(OSError):
                self.wfile.write(f"{code}\n{text}".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    _serve(test, server)
    binary = world.folder / "bin" / "terraform"
    binary.parent.mkdir()
    binary.write_text(TERRAFORM.format(port=server.server_address[1]))
    binary.chmod(0o755)
    path = f"{binary.parent}:{os.environ['PATH']}"
    test.enterContext(mock.patch.dict(os.environ, {"PATH": path}))


def serve_front(test, world):
    """The load balancer's address, as far as the smoke test asks it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            chosen = self.headers.get("x-contacts-target", "").removeprefix("secret-")
            usual = {"/health": 200, "/ready": 200}.get(self.path, 401)
            known = world.answered(chosen, self.path) or world.answers.get((chosen, self.path), usual)
            self.send_response(known if chosen in world.sides else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    _serve(test, server)
    return f"http://127.0.0.1:{server.server_port}"


def _serve(test, server):
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)

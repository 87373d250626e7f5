"""nginx as a peer, as operators put it in front of a receiver, and the papers for TLS: what is what in their folder.

nginx writes a line of JSON for each request; `requests` are what has been written so far. Its single process ends with
its test.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers import Peer

FRAME = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 64; }}
http {{
  log_format seen escape=json '{{"status":$status,"protocol":"$server_protocol","uri":"$request_uri",'
    '"authorization":"$http_authorization","user_agent":"$http_user_agent","client":"$ssl_client_s_dn"}}';
  access_log /dev/stdout seen;
  client_max_body_size 64m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{servers}
}}
"""


class Nginx(Peer):
    def __init__(self, folder: Path, servers: str) -> None:
        folder.mkdir(exist_ok=True)
        config = folder / "nginx.conf"
        config.write_text(FRAME.format(folder=folder, servers=servers))
        # Debian has it where only administrators look.
        environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
        super().__init__(["nginx", "-e", "stderr", "-p", folder, "-c", config], env=environment)
        # It listens before it says so.
        self.wait_until("word that it has started", lambda: any("event method" in line for line in self.stderr))

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.stdout)]

    def wait_for_requests(self, count: int) -> list[dict[str, Any]]:
        return self.wait_until(f"{count} requests", lambda: self.requests if len(self.stdout) >= count else None)


@dataclass(frozen=True)
class Paper:
    """A certificate and its private key."""

    certificate: Path
    key: Path


def openssl(*arguments: str | Path, given: str | None = None) -> str:
    run = subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def new_paper(folder: Path, name: str, *options: str | Path) -> Paper:
    paper = Paper(folder / f"{name}.pem", folder / f"{name}.key")
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2",
        "-subj", f"/CN={name}", "-out", paper.certificate, "-keyout", paper.key, *options,
    )
    return paper


class Authority:
    """A certificate authority of our own, and what it has signed."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.root = new_paper(folder, name, "-addext", "keyUsage=critical,keyCertSign")

    def sign(self, name: str, *extensions: str) -> Paper:
        options = [option for extension in ("basicConstraints=critical,CA:FALSE", *extensions) for option in ("-addext", extension)]
        return new_paper(self.folder, name, "-CA", self.root.certificate, "-CAkey", self.root.key, *options)


def password_file(path: Path, user: str, password: str) -> Path:
    path.write_text(f"{user}:{openssl('passwd', '-apr1', '-stdin', given=password)}\n")
    return path

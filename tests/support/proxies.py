"""nginx and Caddy of this machine with the samples of deploy/, in front of a service on this machine."""

import os
import ssl
import subprocess
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from types import SimpleNamespace

from tests.support.live import PATIENCE, ROOT, wait_until
from tests.support.postgres import free_port
from tests.support.validators import changed, validate, validator

NAME = "localhost"  # in place of api.example.org
ANY_CERTIFICATE = ssl.create_default_context()
ANY_CERTIFICATE.check_hostname = False
ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE
# Like Debian's nginx.conf, which includes the sample. As root, nginx would change to a user who cannot log here.
NGINX = """
daemon off; {user}
pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off; gzip on;
    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;
    include {folder}/pangeo-forge.conf;
}}
"""
CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout privkey.pem -out fullchain.pem"
)
# Ports that need no rights, and neither a new certificate in the trust of this machine nor the port of the admin API.
CADDY = "{{\n\thttp_port {http}\n\thttps_port {https}\n\tskip_install_trust\n\tadmin off\n}}\n"


def nginx(folder, port, http, https):
    """The command and the environment that serve with the sample, after `nginx -t`."""
    subprocess.run(CERTIFICATE.split(), cwd=folder, check=True, capture_output=True)
    changes = {
        "/etc/letsencrypt/live/api.example.org": folder,
        "api.example.org": NAME,
        "127.0.0.1:8000": f"127.0.0.1:{port}",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl": f"listen 127.0.0.1:{https} ssl",
        "listen [::]": "# ",
    }
    sample = ROOT / "deploy" / "nginx" / "pangeo-forge.conf"
    (folder / sample.name).write_text(changed(sample, changes))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user="user root;" if os.getuid() == 0 else ""))
    arguments = ("-e", "stderr", "-p", folder, "-c", folder / "nginx.conf")
    validate("nginx", "-t", *arguments)
    return [validator("nginx"), *arguments], {}


def caddy(folder, port, http, https):
    """The command and the environment that serve with the sample, after `caddy validate`."""
    text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    (folder / "Caddyfile").write_text(CADDY.format(http=http, https=https) + text)
    env = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, "SERVICE_PORT": str(port)}
    arguments = ("--config", folder / "Caddyfile", "--adapter", "caddyfile")
    validate("caddy", "validate", *arguments, env=env)
    return [validator("caddy"), "run", *arguments], env


PROXIES = {"nginx": nginx, "caddy": caddy}


@contextmanager
def proxy(name, folder, port):
    """A running proxy in front of the service at `port`: its ports `http` and `https`."""
    ports = SimpleNamespace(http=free_port(), https=free_port())
    command, env = PROXIES[name](folder, port, **vars(ports))
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(ports))
            assert process.poll() is None, (folder / "log").read_text()
            yield ports
        finally:
            process.terminate()


def http(ports):
    return HTTPConnection(NAME, ports.http, timeout=PATIENCE)


def https(ports):
    return HTTPSConnection(NAME, ports.https, timeout=PATIENCE, context=ANY_CERTIFICATE)


def answers(ports):
    """Whether both ports are open, and there is a certificate."""
    for connection in (http(ports), https(ports)):
        with closing(connection):
            try:
                connection.connect()
            except OSError:
                return False
    return True

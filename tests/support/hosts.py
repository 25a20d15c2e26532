"""A Debian host with systemd: debootstrap creates its files, and systemd-nspawn boots them."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.images import children, pip_settings
from tests.support.live import ROOT, wait_until
from tests.support.postgres import MEMORY

TOOLS = ("debootstrap", "systemd-nspawn")
NO_TOOLS = "booting a host requires root, debootstrap and systemd-nspawn"
# What a Debian with systemd has, and the packages without which it would not be one.
PACKAGES = "ca-certificates,dbus,sudo,systemd,systemd-sysv"
NAME = "forge"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SHELL = ("bash", "-euo", "pipefail", "-c")
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


@contextmanager
def created():
    """A folder with the files of a host, and the certificates and settings of pip that this machine needs."""
    if os.getuid() != 0 or not all(map(shutil.which, TOOLS)):
        pytest.skip(NO_TOOLS)
    with TemporaryDirectory(prefix="host-", dir=MEMORY) as name:
        folder = Path(name)
        folder.chmod(0o755)  # it is the root of the host, where not only root reads files
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (folder / "etc" / "hostname").write_text(f"{NAME}\n")
        (folder / "etc" / "hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
        shutil.copy(CERTIFICATES, folder / CERTIFICATES.relative_to("/"))
        (folder / "etc" / "pip.conf").write_text("[global]\n" + "".join(f"{line}\n" for line in pip_settings()))
        yield folder


def install(folder, script):
    """Run a script on the host before it is booted, with the network of this machine."""
    line = [*nspawn(folder), "--quiet", "--pipe", *SHELL, script]
    return finished(subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))


def nspawn(folder):
    return ["systemd-nspawn", "--register=no", "--keep-unit", f"--hostname={NAME}", f"--directory={folder}"]


@contextmanager
def booted(folder):
    """A function that runs a script on the running host, which has no network but its own."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with subprocess.Popen([*nspawn(folder), "--private-network", "--boot"], **streams) as process:
        try:
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": CLEAN}

            def run(script):
                # The first process of the host. Before it, systemd-nspawn has another child for a moment.
                (first,) = wait_until(lambda: children(process.pid))
                return subprocess.run(["nsenter", f"--target={first}", "--all", *SHELL, script], **options)

            wait_until(lambda: is_up(run("systemctl is-system-running").stdout))
            yield lambda script: finished(run(script))
        finally:
            process.terminate()


def is_up(state):
    return state.split()[-1:] in (["running"], ["degraded"])


def finished(done):
    """The output of a script that has succeeded."""
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def project(folder):
    """Copy the last commit of the project to the host, and return the address for `git clone`."""
    command = ["git", "clone", "--quiet", "--bare", "--no-local", ROOT, folder / "srv" / "project.git"]
    subprocess.run(command, check=True)
    return "/srv/project.git"


def commands(page):
    """The blocks of commands of each section of a page."""
    for section in re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]:
        yield section.partition("\n")[0], re.findall(r"```sh\n(.*?)```", section, re.DOTALL)

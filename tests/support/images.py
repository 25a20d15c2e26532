"""Images built by buildah, without a Docker engine and without a registry, and their processes.

debootstrap creates what the Dockerfile begins FROM, with Debian's Python, and buildah stores it under that name.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from tests.support.live import ROOT, wait_until
from tests.support.postgres import MEMORY

TOOLS = ("buildah", "debootstrap")
NO_TOOLS = "building an image requires root, buildah and debootstrap"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pangeo-forge-api", "images")
STORAGE = (f"--root={CACHE}/storage", f"--runroot={CACHE}/run", "--storage-driver=vfs")
CHROOT = ("--isolation=chroot",)  # needs no privileges beyond root, no namespaces and no cgroups
BASE = "docker.io/library/python:3.11-slim-bookworm"
# What the official image of Python has, and the Dockerfile uses.
PACKAGES = "ca-certificates,python3,python3-venv"
PIP_SETTINGS = ("index-url", "cert")


def buildah(command, *arguments):
    """Run a command of buildah, and return what it prints."""
    line = ["buildah", *STORAGE, command, *map(str, arguments)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout[-5000:]}{done.stderr[-5000:]}"
    return done.stdout.strip()


def require_tools():
    if os.getuid() != 0 or not all(map(shutil.which, TOOLS)):
        pytest.skip(NO_TOOLS)


def create_base(name=BASE):
    """Create the base image, unless an earlier run has."""
    if name in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        return
    container = buildah("from", "scratch")
    with TemporaryDirectory(dir=MEMORY) as folder:  # in memory, because dpkg waits for the disk after each package
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(Path(folder, "var", "cache", "apt"))
        buildah("add", "--quiet", container, folder, "/")
    buildah("commit", "--rm", container, name)


def build(name, folder, *options):
    """Build the Dockerfile of the project. pip gets the settings of this machine's pip, by a copy in `folder`."""
    settings = Path(folder, "pip.conf")
    settings.write_text("[global]\n" + "".join(f"{line}\n" for line in pip_settings()))
    mounts = [f"--volume={path}:{path}:ro" for path in files_of_pip()]
    given = (f"--secret=id=pip.conf,src={settings}", *mounts, *options)
    buildah("build", *CHROOT, "--pull-never", "--format=docker", f"--tag={name}", *given, ROOT)


def pip_settings():
    """The settings of pip on this machine that say where packages come from, as lines of a pip.conf."""
    for name in PIP_SETTINGS:
        for prefix in (":env:", "install", "global"):
            command = [sys.executable, "-m", "pip", "config", "get", f"{prefix}.{name}"]
            found = subprocess.run(command, capture_output=True, text=True)
            if found.returncode == 0:
                yield f"{name} = {' '.join(found.stdout.split())}"
                break


def files_of_pip():
    """The files and folders of this machine that these settings name."""
    words = [word.removeprefix("file://") for line in pip_settings() for word in line.split()[2:]]
    return [path for word in words if (path := Path(word)).is_absolute() and path.exists()]


def configuration(image):
    """What the image says about its processes."""
    return json.loads(buildah("inspect", "--type=image", image))["Docker"]["config"]


@contextmanager
def container(image):
    """A container: its `name`, the `folder` of its files, and the `config` of its image."""
    name = buildah("from", "--pull-never", image)
    try:
        yield SimpleNamespace(name=name, folder=Path(buildah("mount", name)), config=configuration(image))
    finally:
        buildah("rm", name)


def command(container, *arguments, **environment):
    """The command that runs a process in the container, as its user and in its folder."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    return ["buildah", *STORAGE, "run", *CHROOT, *variables, container.name, "--", *arguments]


def run(container, *arguments, **environment):
    """Run the entrypoint with these arguments, and wait for its end."""
    line = command(container, *container.config["Entrypoint"], *arguments, **environment)
    return subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextmanager
def started(container, log, ready, **environment):
    """The entrypoint with the default arguments, which has logged `ready`: the `process` of buildah, and the `pid`."""
    arguments = (*container.config["Entrypoint"], *container.config["Cmd"])
    with log.open("wb") as output:
        line = command(container, *arguments, **environment)
        with subprocess.Popen(line, cwd=ROOT, stdout=output, stderr=output) as process:
            try:
                wait_until(lambda: ready in log.read_text() or process.poll() is not None)
                assert process.poll() is None, log.read_text()
                yield SimpleNamespace(process=process, pid=first_process(process.pid))
            finally:
                process.terminate()


def first_process(pid):
    """The id of the process that buildah, which has this id, runs in the container."""
    while Path(f"/proc/{pid}/cmdline").read_text().startswith("buildah"):
        pid = children(pid)[0]
    return pid


def children(pid):
    """The ids of the child processes. (/proc has a list for each thread, and buildah has many threads.)"""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]

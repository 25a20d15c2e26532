"""Programs that validate the files of a deployment: `make validators` installs some of them."""

import re
import shutil
import subprocess

import pytest

from tests.support.live import ROOT

BIN = ROOT / ".venv" / "deploy" / "bin"
SYSTEM = "/usr/bin:/usr/sbin:/usr/local/bin"


def validator(name):
    """The path of the program; the test is skipped if this machine does not have it."""
    found = shutil.which(name, path=f"{BIN}:{SYSTEM}")
    if found is None:
        pytest.skip(f"there is no {name} on this machine")
    return found


def validate(name, *arguments, **options):
    """Run the program, and return what it prints. The test fails if it ends with an error."""
    command = [validator(name), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


def settings_of_config():
    """The names of all variables that config.py reads."""
    source = (ROOT / "config.py").read_text()
    return {"DATABASE_URL", *re.findall(r'environ(?:\.get\(|, )"([A-Z_0-9]+)"', source)}


def parts_of_the_service():
    """The names that deploy/entrypoint knows."""
    return re.findall(r"^    ([a-z]+)\)$", (ROOT / "deploy" / "entrypoint").read_text(), re.MULTILINE)


def graceful_timeout():
    """The seconds that gunicorn gives requests in progress."""
    text = (ROOT / "gunicorn.conf.py").read_text()
    return int(re.search(r"^graceful_timeout = (\d+)$", text, re.MULTILINE)[1])


def port_of_the_image():
    return re.search(r"\bPORT=(\d+)", (ROOT / "Dockerfile").read_text())[1]


def interpolated(text, **variables):
    """`text` with its `${NAME:-default}` replaced, as Compose does it."""
    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: variables.get(found[1], found[2] or ""), text)


def changed(path, changes):
    """The text of the file with each key of `changes` replaced, because tests cannot use its ports and folders."""
    text = path.read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text

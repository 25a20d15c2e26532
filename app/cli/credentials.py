"""`python -m app.cli.credentials`: print a salt and an administrator's key in the format of a `.env` file.

ENCRYPTION_SALT of the environment is kept if it is set. This is not a `flask` command, because those need settings.
"""

import os

from app.keys import fresh_secrets

if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in fresh_secrets(os.environ.get("ENCRYPTION_SALT", "")).items()))

"""`python -m app.cli.credentials`: print a salt and an admin key in the format of a `.env` file.

It uses ENCRYPTION_SALT of the environment if that is set. It is not a `flask` command, because those require settings.
"""

import os

from app.keys import new_secrets

if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in new_secrets(os.environ.get("ENCRYPTION_SALT", "")).items()))

"""What a Milvus server wants to know of us. It comes from the environment, and goes nowhere else.

The driver reads the environment. Its workers get the token within the address of the collection,
which Spark sends as bytes. So it stands in no file, argument, log line or table.
"""

import os
from urllib.parse import urlsplit

from imgdedup.errors import UserError

TOKEN = "IMGDEDUP_MILVUS_TOKEN"
USER = "IMGDEDUP_MILVUS_USER"
PASSWORD = "IMGDEDUP_MILVUS_PASSWORD"


def token_of_environment() -> str:
    """The token for the server, "user:password" included; "" when the environment has none.

    Raises UserError when the variables contradict each other.
    """
    token, user, password = (os.environ.get(name, "") for name in (TOKEN, USER, PASSWORD))
    if bool(user) != bool(password):
        raise UserError(f"set both {USER} and {PASSWORD}, or neither")
    if token and user:
        raise UserError(f"set either {TOKEN}, or {USER} and {PASSWORD}, not both")
    return token or (f"{user}:{password}" if user else "")


def require_bare(uri: str) -> None:
    """Raise UserError when an address holds credentials, which logs would then show."""
    split = urlsplit(uri)
    if "@" in split.netloc or split.query:
        raise UserError(
            f"milvus.uri must be an address alone, and holds credentials: set {TOKEN}, or {USER} "
            f"and {PASSWORD}, in the environment of the job"
        )

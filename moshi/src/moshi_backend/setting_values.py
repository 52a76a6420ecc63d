"""Checks of settings that both services have, and the one line that explains a wrong value.

Both services have this file. `tests/unit/test_hosts.py` compares the two.
"""

import re
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from moshi_backend.network.addresses import Networks


def check_token(token: SecretStr) -> SecretStr:
    """A token that a header can carry.

    Raises:
        ValueError: the token is empty, or has characters that a header cannot carry. An empty one would turn
            authentication off without a word.
    """
    value = token.get_secret_value()
    if not value:
        raise ValueError("it is empty; unset it to turn authentication off")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("it may have letters, digits and ASCII punctuation only, without spaces")
    return token


def check_networks(listed: str) -> str:
    """Addresses and networks, with commas.

    Raises:
        ValueError: an entry is neither, and would be ignored without a word.
    """
    Networks(listed)
    return listed


def check_file(path: Path) -> Path:
    """An ordinary file.

    Raises:
        ValueError: there is none, or this process may not look.
    """
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise ValueError("there is no such file, or it cannot be read")
    return path


def explain(error: ValidationError, model: type[BaseModel], prefix: str) -> str:
    """One line about the first wrong setting: its variable, its value, the reason, and what it takes.

    A value that may be one of several things fails as each of them. The last of these errors is about the most general
    one: for `auto` or a number, it is about the number. A secret is not shown.
    """
    errors = error.errors()
    if not errors[0]["loc"]:
        return errors[0]["msg"].removeprefix("Value error, ")
    field = str(errors[0]["loc"][0])
    name = next((name for name, info in model.model_fields.items() if field in (name, info.validation_alias)), field)
    about = [found for found in errors if found["loc"][0] == field][-1]
    info = model.model_fields[name]
    variable = str(info.validation_alias or f"{prefix}{name.upper()}")
    value = "(secret)" if name == "api_token" else shortened(repr(errors[0]["input"]))
    takes = " ".join((info.description or "").split())
    why = shortened(about["msg"].removeprefix("Value error, "), 300)
    return f"{variable}={value}: {why}. It takes: {takes}"


def shortened(text: str, most: int = 100) -> str:
    """The text, without its middle if it has more characters than `most`."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"

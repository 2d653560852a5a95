"""Secrets: where one is kept, and a value that does not show itself.

A secret is written as `{env: NAME}`, `{file: PATH}` or `{credential: NAME}` (systemd credentials,
read from `$CREDENTIALS_DIRECTORY`). It is read when the configuration is; for a provider that this
command asks nothing, one that cannot be read is no fault (`Surroundings.needs_secrets`). No message
here ever holds a value, nor anything written where one of the three forms was expected.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from reelkeep.config_types.values import Absent, Surroundings, surroundings
from reelkeep.errors import ConfigError

MASK: Final = "***"
FORMS: Final = "{env: NAME}, {file: PATH} or {credential: NAME}"
LIMIT: Final = 64 * 1024  # characters; no token comes near, a wrong file may

_EMPTY = "the source of this secret is empty"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}")


class Secret:
    """A value that only `reveal` shows; everything else shows its source.

    It is neither pickled nor taken apart by `dataclasses` or `vars`.
    """

    __slots__ = ("_value", "kind", "missing", "name")

    def __init__(
        self,
        value: str,
        *,
        kind: str = "env",
        name: str = "(given)",
        missing: str | None = None,
    ) -> None:
        self._value = value
        self.missing = missing  #: Why there is no value; None if there is one.
        self.kind = kind  #: env, file or credential
        self.name = name  #: of the variable, the file or the credential

    def reveal(self) -> str:
        """Return the secret itself, for the one request that needs it.

        Raises:
            ConfigError: Its source could not be read.
        """
        if self.missing is not None:
            raise ConfigError(self.missing)
        return self._value

    def masked(self) -> dict[str, str]:
        """Return the source, and whether there is a value."""
        return {self.kind: self.name, "value": MASK if self.missing is None else "(missing)"}

    def __repr__(self) -> str:
        return f"Secret({MASK}, {self.kind}: {self.name})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self._value, self.missing) == (other._value, other.missing)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _load, serialization=core_schema.plain_serializer_function_ser_schema(cls.masked)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        said = {
            "env": "Name of an environment variable.",
            "file": "Path of a file; line breaks at its end are dropped.",
            "credential": "Name of a systemd credential.",
        }
        return {
            "description": f"A secret, never written here itself: {FORMS}.",
            "oneOf": [
                {
                    "type": "object",
                    "properties": {key: {"type": "string", "description": text}},
                    "required": [key],
                    "additionalProperties": False,
                }
                for key, text in said.items()
            ],
        }


def secrets_of(model: BaseModel) -> frozenset[str]:
    """Return every secret that was loaded into `model`, however deep, for the log's redaction."""
    return frozenset(secret.reveal() for secret in _secrets(model) if secret.missing is None)


def lacks_secrets(model: BaseModel) -> bool:
    """Return whether a secret in `model` could not be read from its source."""
    return any(secret.missing is not None for secret in _secrets(model))


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets(item)


def _load(value: object, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"a secret is not written here; expected {FORMS}")
    ((kind, name),) = value.items()
    if kind not in _READERS or not isinstance(name, str) or not name:
        raise ValueError(f"not a source of a secret; expected {FORMS}")
    around = surroundings(info)
    try:
        return Secret(_checked(_READERS[kind](name, around)), kind=kind, name=name)
    except ValueError as error:
        if around.needs_secrets:
            raise
        return Secret("", kind=kind, name=name, missing=str(error))


def _from_environment(name: str, around: Surroundings) -> str:
    _check_name(name, "an environment variable")
    if name not in around.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return around.environ[name]


def _from_file(name: str, around: Surroundings) -> str:
    value = _read(around.directory / name, name)
    if not value:
        raise Absent(_EMPTY)
    return value


def _from_credential(name: str, around: Surroundings) -> str:
    _check_name(name, "a systemd credential")
    directory = around.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ValueError(
            f"the credential {name} cannot be read: $CREDENTIALS_DIRECTORY is not set "
            "(is this a systemd service with LoadCredential=?)"
        )
    try:
        return _read(Path(directory) / name, name)
    except Absent as error:  # systemd puts them there before it starts us
        raise ValueError(str(error)) from None


_READERS: Final[dict[str, Callable[[str, Surroundings], str]]] = {
    "env": _from_environment,
    "file": _from_file,
    "credential": _from_credential,
}


def _check_name(name: str, of: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"expected the name of {of}, got something that cannot be one")


def _read(path: Path, name: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LIMIT + 1).rstrip("\r\n")
    except PermissionError:
        raise ValueError(f"{name!a} cannot be read: {_who_may(path)}") from None
    except FileNotFoundError as error:
        raise Absent(f"{name!a} cannot be read: {error.strerror}") from None
    except OSError as error:
        raise ValueError(f"{name!a} cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, or a NUL in the path; the original holds the bytes
        raise ValueError(f"{name!a} cannot be read: it is not text") from None


def _who_may(path: Path) -> str:
    """Return why this user may not read `path`, and the command that allows it."""
    user = os.geteuid()
    try:
        found = path.stat()
    except OSError:
        return f"user {user} may not enter the folder {str(path.parent)!a}"
    mode = stat.S_IMODE(found.st_mode)
    owner = f"it belongs to user {found.st_uid} and has mode {mode:04o}, and this is user {user}"
    return f"{owner}; `chown {user} {shlex.quote(str(path))}` as root gives it to this user"


def _checked(value: str) -> str:
    if not value:
        raise ValueError(_EMPTY)
    if len(value) > LIMIT:
        raise ValueError(f"the source of this secret holds more than {LIMIT} characters")
    if not value.isprintable():
        raise ValueError(
            "the source of this secret holds a line break or another control character"
        )
    return value

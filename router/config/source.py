"""A source, and the write keys by which it is known."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from router.config.quantity import PerSecond
from router.config.section import Section
from router.config.value import Origin, WriteKey


class Source(Section):
    """Something that sends events."""

    name: str = Field(alias="(name)", description="Its key in the file; filled in when the file is read.")
    write_keys: tuple[WriteKey, ...] | None = Field(
        None, min_length=1, description="Several keys, any of which will do: for changing a key without a gap."
    )
    write_key: WriteKey | None = Field(None, validate_default=True, description="The key that the source's SDK sends.")
    enabled: bool = Field(True, description="false refuses its events.")
    sdk: Literal["segment", "customerio", "rudderstack", "jitsu", "any"] = Field(
        "any", description="The family of the SDK in its pages; decides what their settings documents hold."
    )
    origins: tuple[Origin, ...] | None = Field(
        None, min_length=1, description="Origins of the pages that may send; any, if absent."
    )
    destinations: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the destinations that may get its events; all, if absent."
    )
    formerly: str | None = Field(
        None, description="The name it had: its events of that time go where those of its new name go."
    )
    rate_limit_per_s: PerSecond = Field(
        1_000.0,
        alias="rate_limit",
        gt=0,
        le=1_000_000,
        description="The most requests it may make; beyond it they get 429.",
    )

    @field_validator("write_key", mode="after")
    @classmethod
    def _is_one_of_two(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "write_keys" not in info.data:
            return value  # it is wrong, which is reported elsewhere
        if value is None and info.data["write_keys"] is None:
            raise PydanticCustomError("missing", "missing")
        if value is not None and info.data["write_keys"] is not None:
            raise PydanticCustomError("two_forms", "write_keys is given too; move this key there, and take this out")
        return value

    @property
    def names(self) -> frozenset[str]:
        """Its name and its former name, if any, which events accepted earlier bear."""
        return frozenset({self.name} if self.formerly is None else {self.name, self.formerly})

    @property
    def keys(self) -> tuple[str, ...]:
        """All its write keys, at least one."""
        given = self.write_keys or ((self.write_key,) if self.write_key else ())
        return tuple(key.get_secret_value() for key in given)

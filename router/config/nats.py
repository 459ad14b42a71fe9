"""The cluster that keeps the log, if one does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from router.config.section import Section
from router.config.value import PathOfFile, StreamName, Whole, refuse_boolean


class Nats(Section):
    """The log in a NATS cluster; counts where ``log`` is the address of one."""

    name: StreamName = Field("router", description="Its streams' names begin with it; one log, one name.")
    partitions: Whole = Field(
        16, ge=1, le=1_024, description="Slices of the users, each delivered by one router at a time; fixed for a log."
    )
    replicas: Annotated[Literal[1, 3, 5] | None, BeforeValidator(refuse_boolean)] = Field(
        None, description="Copies of each event; 3 where the cluster has so many nodes, else 1, if absent."
    )
    synced: Literal["always", "interval"] | None = Field(
        None, description="What the servers' `sync_interval` is, which they don't tell: `always`, or an interval."
    )
    credentials: PathOfFile | None = Field(
        None, description="File with a user's JWT and seed, as `nsc` makes it; or put user:password@ into the address."
    )
    ca: PathOfFile | None = Field(
        None,
        description="Certificate (PEM) of the authority that signs the servers'; those that the system trusts, if absent.",
    )
    certificate: PathOfFile | None = Field(
        None, description="The router's own certificate (PEM), for servers that ask for one."
    )
    key: PathOfFile | None = Field(
        None, description="The key of `certificate`, without a password; in the same file, if absent."
    )

    @field_validator("key", mode="after")
    @classmethod
    def _has_its_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("certificate", value) is None:
            raise PydanticCustomError("key", "it belongs to a `certificate`, and there is none")
        return value

"""A vendor made up for these tests, so that they hold whatever plugins there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from router.config import Config, ConfigError, parse_config
from router.plugin import (
    Action,
    BatchEndpoint,
    Document,
    Event,
    Judgement,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Skip,
    Table,
    judge_by_status,
)
from router.registry import Registry

Parse = Callable[..., Config]


class AcmeSettings(PluginSettings):
    """One setting of each kind."""

    token: SecretStr = Field(description="Sent as a bearer token.")
    region: Literal["us", "eu"] = Field("us", description="Where the vendor keeps the data.")
    workspace: str = Field("main", description="Name of the workspace.")
    batch: int = Field(10, ge=1, le=50, description="Events in a request.")
    headers: dict[str, SecretStr] = Field({}, description="Added to each request.")
    pair: int | str = Field(1, description="A number or a name.")
    code: SecretStr = Field(SecretStr("none"), min_length=4, description="A code.")
    tags: tuple[Annotated[str, StringConstraints(pattern="^[a-z]+$")], ...] = Field(
        (), max_length=2, description="Tags."
    )

    @field_validator("workspace")
    @classmethod
    def _is_word(cls, value: str) -> str:
        if " " in value:
            raise ValueError(f"{value} has a blank")  # a validator that is careless with what it is given
        return value

    @model_validator(mode="after")
    def _region_has_workspace(self) -> AcmeSettings:
        if self.region == "eu" and self.workspace == "us-only":
            raise ValueError(f"workspace and region do not fit, token {self.token.get_secret_value()}")
        return self

    def vendor_url(self) -> str:
        return "https://acme.example.com"


class BareSettings(PluginSettings):
    """Nothing is required."""

    url: str = Field("", description="Where to.")
    key: str | None = Field(None, description="What for.")

    @field_validator("url")
    @classmethod
    def _crash(cls, value: str) -> str:
        if value == "crash":
            raise RuntimeError("a bug in the plugin")
        return value

    @model_validator(mode="after")
    def _is_complete(self) -> BareSettings:
        if self.url == "locked" and not self.key:
            raise ValueError(f"no key ({self.key})")
        return self


def _build(event: Event, fields: Document, settings: Any) -> Payload | Sequence[Payload] | Skip:
    return Skip("never sent")


def _pack(payloads: Sequence[Payload], settings: Any) -> Request:
    raise NotImplementedError


def _judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
    return judge_by_status(response, payloads)


def _plugin(slug: str, settings: type[PluginSettings], **more: Any) -> Plugin:
    return Plugin(
        slug=slug,
        name=slug.title(),
        settings=settings,
        endpoints=(BatchEndpoint(name="events", pack=_pack, judge=_judge),),
        actions=(Action(name="track event", on=("track",), endpoint="events", table=Table(()), build=_build),),
        **more,
    )


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The plugins "acme", with a sandbox, and "bare", without one."""
    return Registry(
        [
            _plugin("acme", AcmeSettings, sandbox="acme.sandbox:Acme", sandbox_settings={"token": "sandbox-token"}),
            _plugin("bare", BareSettings),
        ]
    )


@pytest.fixture(scope="session")
def parse(registry: Registry) -> Parse:
    """``parse(text, NAME="value", …)``: a config with these environment variables and no others."""

    def parse(text: str, **environ: str) -> Config:
        return parse_config(text, registry, environ=environ)

    return parse


@pytest.fixture(scope="session")
def problems(parse: Parse) -> Callable[..., list[str]]:
    """As `parse`, for a config that is refused: its problems, each as an operator sees it, without the file's name."""

    def problems(text: str, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            parse(text, **environ)
        return [str(problem).removeprefix("router.yaml:").strip() for problem in caught.value.problems]

    return problems

"""Everything that can be set, read once from a dict of environment variables; nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from vantage.clock import Pace
from vantage.durations import Durations, Polling
from vantage.errors import SettingsError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DatabaseCa(StrEnum):
    """Whose certificates PostgreSQL's is believed by: the public authorities', or Amazon RDS's own."""

    SYSTEM = "system"
    RDS = "rds"


class Pooler(StrEnum):
    """What stands before PostgreSQL; a transaction pooler bears no prepared statements."""

    NONE = "none"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One function's settings. URLs are here or, on AWS, in the SSM parameters named here."""

    region: str = ""
    redis_group: str = ""
    redis_url: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    redis_url_parameter: str = ""
    database_url_parameter: str = ""
    aws_region: str = "local"
    concurrency: int = 100
    spread_s: int = 10
    polling: Polling = Polling.THRIFTY
    pooler: Pooler = Pooler.NONE
    database_ca: DatabaseCa = DatabaseCa.SYSTEM
    allow_private: bool = False
    consumer: str = ""
    notifier: str = ""  # the notifier function's ARN, for who has something to tell; none: its schedule finds it
    public_url: str = ""  # of the page, as people reach it; messages link to it
    references: tuple[str, ...] = ()  # URLs that answer wherever there is a way out; none: nobody is asked
    is_deployed: bool = False
    metrics_namespace: str = ""  # none: no metrics
    detailed_metrics: bool = False
    pace: Pace = Pace()
    durations: Durations = Durations()

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, worker: bool = False, redis: bool = True) -> "Settings":
        """Read and check all settings; raises SettingsError that names the first one that is missing or malformed.

        `redis` False: for a function that does without it.
        """
        deployed = "AWS_LAMBDA_FUNCTION_NAME" in env and "AWS_SAM_LOCAL" not in env
        settings = cls(
            region=_region(env) if worker else env.get("REGION", ""),
            redis_group=_required(env, "REDIS_GROUP") if worker else env.get("REDIS_GROUP", ""),
            redis_url=env.get("REDIS_URL", ""),
            database_url=env.get("DATABASE_URL", ""),
            redis_url_parameter=env.get("REDIS_URL_PARAMETER", ""),
            database_url_parameter=env.get("DATABASE_URL_PARAMETER", ""),
            aws_region=env.get("AWS_REGION", "local"),
            concurrency=_whole(env, "CONCURRENCY", 100, 1, 400),
            spread_s=_whole(env, "SPREAD_SECONDS", 10, 1, 60),
            polling=Polling(_choice(env, "POLLING", Polling)),
            database_ca=DatabaseCa(_choice(env, "DATABASE_CA", DatabaseCa)),
            pooler=Pooler(_choice(env, "DATABASE_POOLER", Pooler)),
            allow_private=_local_only(env, "ALLOW_PRIVATE_ADDRESSES", deployed) == "true",
            is_deployed=deployed,
            metrics_namespace=env.get("METRICS_NAMESPACE", ""),
            detailed_metrics=_switch(env, "DETAILED_METRICS"),
            consumer=env.get("VANTAGE_CONSUMER") or env.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
            notifier=env.get("NOTIFIER_FUNCTION", ""),
            public_url=_public_url(env.get("PUBLIC_URL", "")),
            references=_references(env),
            pace=_pace(_local_only(env, "VANTAGE_PACE", deployed)),
            durations=_durations(env),
        )
        needed = {"REDIS_URL": ("redis", "rediss", "unix")} if redis else {}
        for name, schemes in (needed | {"DATABASE_URL": ("postgresql", "postgres")}).items():
            _check_url(env, name, schemes, plain_is_fine="AWS_SAM_LOCAL" in env)
        return settings


def check_encrypted(name: str, url: str) -> None:
    """Refuse a URL that would speak plain text beyond loopback; raises SettingsError that names it, not the URL."""
    parts = _split(name, url)
    if parts.scheme in ("rediss", "unix") or (parts.hostname or "localhost") in LOOPBACK:
        return
    if parts.scheme in ("postgresql", "postgres") and "sslmode=verify-full" in parts.query:
        return
    cure = "use rediss://" if name.startswith("REDIS") else "add ?sslmode=verify-full"
    raise SettingsError(f"{name}: {parts.hostname} would be spoken to without encryption and checked name; {cure}.")


def _split(name: str, url: str) -> SplitResult:
    """The parts of a server's URL; raises SettingsError where signs of a password would be taken for parts, which no
    error may then repeat."""
    try:
        parts = urlsplit(url)
        if name.startswith("REDIS"):  # PostgreSQL's may name several hosts with a port each
            _ = parts.port
        if not parts.fragment:
            return parts
    except ValueError:
        pass
    raise SettingsError(
        f"{name} is malformed; it must be like scheme://user:password@host:port, with signs such as / # [ ] @ in the "
        "password written as %2F %23 %5B %5D %40."
    ) from None


def _required(env: Mapping[str, str], name: str) -> str:
    if not (value := env.get(name, "").strip()):
        raise SettingsError(
            f"{name} is not set. Set it in the function's environment (template.yaml, events/env.json)."
        )
    return value


def _region(env: Mapping[str, str]) -> str:
    region = _required(env, "REGION")
    if not (region.replace("_", "").isalnum() and region == region.upper()):
        raise SettingsError(f"REGION is {region!r}; it must be a region's name such as USA, INDIA or EU.")
    return region


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name, str(default))
    if not text.strip().isdigit() or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}; it must be a whole number from {least} to {most}.")
    return int(text)


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise SettingsError("PUBLIC_URL must be where people reach the page, such as https://status.example.com.")
    return text.rstrip("/")


def _choice(env: Mapping[str, str], name: str, kind: type[StrEnum]) -> str:
    options = [option.value for option in kind]
    if (text := env.get(name, options[0])) not in options:
        raise SettingsError(f"{name} is {text!r}; it must be one of {', '.join(options)}.")
    return text


def _switch(env: Mapping[str, str], name: str) -> bool:
    if (text := env.get(name, "false")) not in ("true", "false"):
        raise SettingsError(f"{name} is {text!r}; it must be true or false.")
    return text == "true"


def _references(env: Mapping[str, str]) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(env.get("REFERENCE_URLS", "").split()))
    if len(urls) == 1 or not all(url.startswith(("https://", "http://")) for url in urls):
        raise SettingsError(
            "REFERENCE_URLS must be two or more URLs of http or https with spaces between them, or empty: one alone "
            "would not tell a region's fault from that site's."
        )
    return urls


def _local_only(env: Mapping[str, str], name: str, deployed: bool) -> str:
    text = env.get(name, "")
    if text and deployed:
        raise SettingsError(f"{name} is for local runs and tests; a deployed function does not take it. Remove it.")
    return text


def _pace(text: str) -> Pace:
    try:
        scale, _, origin = text.partition("@")
        return Pace(float(scale), float(origin)) if text else Pace()
    except ValueError:
        raise SettingsError(f"VANTAGE_PACE is {text!r}; it must be SCALE@ORIGIN, such as 20@1764000000.") from None


def _durations(env: Mapping[str, str]) -> Durations:
    given: dict[str, float] = {}
    for item in fields(Durations):
        name = f"VANTAGE_{item.name.upper()}"
        if (text := env.get(name)) is None:
            continue
        try:
            given[item.name] = float(text) if isinstance(item.default, float) else int(text)
        except ValueError:
            raise SettingsError(f"{name} is {text!r}; it must be a number.") from None
    durations = Durations(**given)  # type: ignore[arg-type]  # each value has been read as its field's own type
    if durations.keep_stream_s < durations.expiry_most_s:
        raise SettingsError(
            f"VANTAGE_KEEP_STREAM_S is {durations.keep_stream_s}: the stream would be trimmed of checks that are still "
            f"probed; it must be at least VANTAGE_EXPIRY_MOST_S ({durations.expiry_most_s})."
        )
    return durations


def _check_url(env: Mapping[str, str], name: str, schemes: tuple[str, ...], *, plain_is_fine: bool) -> None:
    url, parameter = env.get(name, ""), env.get(f"{name}_PARAMETER", "")
    if not url and not parameter:
        raise SettingsError(f"Neither {name} nor {name}_PARAMETER is set; one of them must say where the server is.")
    if url and _split(name, url).scheme not in schemes:
        raise SettingsError(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    if url and not plain_is_fine:
        check_encrypted(name, url)

"""Settings of the local cloud: the only module of this package that reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from vigie.errors import SettingsError
from vigie.vocabulary import Wording
from vigie_llm.recipients import LOCAL_RULES, endpoint_of, recipient_of
from vigie_local.container import seen_from_container
from vigie_local.errors import SettingError
from vigie_local.key_files import read_key
from vigie_local.provider_network import NETWORK_VARIABLES, network_fields

REPOSITORY = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
STACK = "vigie"
STATE_MACHINE = "vigie-retention-run"
DATABASE = "vigie"
LOOPBACK = "127.0.0.1"
# Rules, not a network: what the local model server calls itself.
LOCAL_MODEL = "vigie-local-rules"
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._~-]*)*")
GROQ_URL = "https://api.groq.com"
GROQ_MODEL = "openai/gpt-oss-20b"


@dataclass(frozen=True)
class ModelProvider:
    """Which language model the agents call: the content of the secret `vigie/llm`."""

    provider: str
    base_url: str
    model: str
    api_key: str = field(repr=False)
    proxy_url: str = field(default="", repr=False)
    no_proxy: str = ""
    ca_bundle: str = field(default="", repr=False)
    allow_cleartext: str = ""

    @property
    def leaves_machine(self) -> bool:
        """Return whether redacted feedback is sent to anything but the rules on this machine."""
        return recipient_of(self).name != LOCAL_RULES


@dataclass(frozen=True)
class LocalSettings:
    """Where the local cloud lives and which ports it takes."""

    home: Path
    # Where the built functions are kept, when not in `home`: a container's come with its image.
    build_folder: Path | None = None
    # Another host than this one means a database that somebody else runs (a container).
    postgres_host: str = LOOPBACK
    # Another host than this one means a dashboard in a container of its own.
    dashboard_host: str = LOOPBACK
    # Inside a container: the name of the machine that runs it.
    host_machine: str = ""
    postgres_port: int = 15432
    # Only a container listens elsewhere, and publishes its ports on the loopback address.
    listen: str = LOOPBACK
    localstack_port: int = 4566
    model_port: int = 4570
    dashboard_port: int = 8501
    # Where people open the dashboard when it is behind a proxy: https://bank.example/vigie
    dashboard_public_url: str = ""
    customers: int = 500
    groq_api_key: str = field(default="", repr=False)
    llm_base_url: str = ""
    llm_model: str = ""
    llm_api_key: str = field(default="", repr=False)
    llm_allow_cleartext: str = ""
    # The provider's proxy, exceptions and certificates, from the shell's variables (`vigie_local.provider_network`).
    network: Mapping[str, str] = field(default_factory=dict, repr=False)
    layer_platform: str = ""
    # Parameters of the stack that are not to have their defaults (WORDING; tests wait less long).
    stack_parameters: Mapping[str, str] = field(default_factory=dict)
    # Settings of the model server and of LocalStack, passed on as they are (tests make them misbehave).
    model_server_switches: Mapping[str, str] = field(default_factory=dict)
    localstack_switches: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Address of the local AWS for programs on this machine; a number, so that nothing is looked up."""
        return f"http://{LOOPBACK}:{self.localstack_port}"

    @property
    def model_url(self) -> str:
        return f"http://{LOOPBACK}:{self.model_port}"

    @property
    def dashboard_url(self) -> str:
        return self.dashboard_public_url or f"http://localhost:{self.dashboard_port}"

    @property
    def dashboard_path(self) -> str:
        """Path below which the dashboard answers, without slashes around it; empty: at the root."""
        return urlsplit(self.dashboard_url).path.strip("/")

    @property
    def in_container(self) -> bool:
        return bool(self.host_machine)

    @property
    def build(self) -> Path:
        """Folder of the built functions and layers."""
        return self.build_folder or self.home / "build"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Folder of the pid files."""
        return self.home / "run"

    @property
    def private(self) -> Path:
        """Folder of generated passwords; readable by its owner only."""
        return self.home / "private"

    @property
    def tools(self) -> Path:
        """Environments shared by every home of this clone: uv, SAM, the function runtime."""
        return REPOSITORY / ".local"

    @property
    def provider(self) -> ModelProvider:
        """The model provider chosen at deploy time: a private model, Groq, or the local rules."""
        if self.llm_base_url:
            return _with_network(self._private_model(), self.network)
        if self.groq_api_key:
            groq = ModelProvider("groq", GROQ_URL, self.llm_model or GROQ_MODEL, self.groq_api_key)
            return _with_network(groq, self.network)
        return self.local_rules

    @property
    def local_rules(self) -> ModelProvider:
        """The rules of the local model server, which need no key."""
        return ModelProvider("local", self.model_url, LOCAL_MODEL, "local-needs-no-key")

    def _private_model(self) -> ModelProvider:
        if not self.llm_base_url.lower().startswith(("http://", "https://")):
            raise SettingError("LLM_BASE_URL", self.llm_base_url, "give an address such as http://localhost:11434")
        if not urlsplit(self.llm_base_url).hostname:
            raise SettingError("LLM_BASE_URL", self.llm_base_url, "name a host, as in http://localhost:11434")
        if not self.llm_model:
            raise SettingError("LLM_MODEL", "", "name the model to ask at LLM_BASE_URL")
        key = self.llm_api_key or "none"
        address = seen_from_container(self.llm_base_url, self.host_machine)
        # Written as this machine's, and reached from a container of it.
        allow = "true" if address != self.llm_base_url else self.llm_allow_cleartext
        provider = ModelProvider("openai-compatible", address, self.llm_model, key, allow_cleartext=allow)
        try:
            endpoint_of(provider)
        except SettingsError as error:
            raise SettingError("LLM_BASE_URL", self.llm_base_url, str(error)) from error
        return provider


def _with_network(provider: ModelProvider, variables: Mapping[str, str]) -> ModelProvider:
    return replace(provider, **network_fields(provider.base_url, variables))


def load_settings(environment: Mapping[str, str] = os.environ) -> LocalSettings:
    """Read every variable at once; raise SettingError for a value that cannot be used."""
    home = Path(environment.get("VIGIE_HOME") or REPOSITORY / ".local").expanduser().absolute()
    return LocalSettings(
        home=home,
        postgres_host=environment.get("POSTGRES_HOST", "").strip() or LOOPBACK,
        build_folder=Path(built).absolute() if (built := environment.get("VIGIE_BUILD", "").strip()) else None,
        dashboard_host=environment.get("DASHBOARD_HOST", "").strip() or LOOPBACK,
        host_machine=environment.get("VIGIE_HOST_MACHINE", "").strip(),
        listen=environment.get("VIGIE_LISTEN", "").strip() or LOOPBACK,
        postgres_port=_port(environment, "POSTGRES_PORT", 15432),
        localstack_port=_port(environment, "LOCALSTACK_PORT", 4566),
        model_port=_port(environment, "MODEL_PORT", 4570),
        dashboard_port=_port(environment, "DASHBOARD_PORT", 8501),
        dashboard_public_url=_public_url(environment, "DASHBOARD_URL"),
        customers=_number(environment, "CUSTOMERS", 500, 1, 1_000_000),
        groq_api_key=read_key(environment, "GROQ_API_KEY"),
        llm_base_url=environment.get("LLM_BASE_URL", "").strip(),
        llm_model=environment.get("LLM_MODEL", "").strip(),
        llm_api_key=read_key(environment, "LLM_API_KEY"),
        llm_allow_cleartext=environment.get("LLM_ALLOW_CLEARTEXT", "").strip(),
        network={name: environment[name] for name in NETWORK_VARIABLES if environment.get(name, "").strip()},
        layer_platform=environment.get("VIGIE_LAYER_PLATFORM", "").strip(),
        stack_parameters=_stack_parameters(environment),
        model_server_switches=_starting_with(environment, "VIGIE_MODEL_SERVER_"),
        localstack_switches=_starting_with(environment, "LAMBDA_") | _starting_with(environment, "LS_"),
    )


# What a service may inherit: enough to run, and none of the operator's keys and credentials.
_INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TERM",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "UV_CACHE_DIR",
)  # fmt: skip


def service_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a service: a few inherited variables, then `extra`."""
    base = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if not os.path.isdir(base.get("TMPDIR", "/")):
        del base["TMPDIR"]  # it would stop programs that take it as it is
    base["PYTHONUNBUFFERED"] = "1"
    # Nothing here depends on when this machine's zone changes its clocks.
    base["TZ"] = "UTC"
    return base | dict(extra or {})


def tool_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a build tool: all that is inherited (mirrors, certificates), then `extra`."""
    return dict(os.environ) | dict(extra or {})


def _stack_parameters(environment: Mapping[str, str]) -> dict[str, str]:
    """What is said at each deployment: a parameter that is left out keeps its last value."""
    wording = environment.get("WORDING", "").strip() or Wording.COMPOSED
    if wording not in tuple(Wording):
        raise SettingError("WORDING", wording, f"give one of {', '.join(Wording)}")
    witnesses = environment.get("WITNESSES", "").strip()
    return {"Wording": wording} | ({"Witnesses": witnesses} if witnesses else {})


def _starting_with(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(prefix)}


def _public_url(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "").strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if text and (not usable or parts.query or parts.fragment or not _PLAIN_PATH.fullmatch(parts.path)):
        raise SettingError(name, text, "give the address people open, such as https://bank.example/vigie")
    # With a slash at its end the address is a folder, in which the links of a page stay.
    return f"{text.rstrip('/')}/" if text else ""


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    return _number(environment, name, default, 1024, 65535)


def _number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SettingError(name, text, f"give a whole number from {low} to {high}")
    return int(text)

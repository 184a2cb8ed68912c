"""The audit agent's settings."""

from dataclasses import dataclass

from vigie.settings import AgentSettings


@dataclass(frozen=True, slots=True)
class AuditSettings(AgentSettings):
    """Which keys sign under which name, where it is published, who witnesses it, and whose records are compared."""

    audit_key: str
    audit_origin: str
    checkpoint_bucket: str
    state_machine_arn: str
    log_groups: str
    log_wait_seconds: float = 20.0
    audit_ed25519_key: str = ""
    witnesses: str = ""

    @property
    def groups(self) -> dict[str, str]:
        """The log group of each agent that writes audit events: `agent=group`, separated by commas."""
        return dict(pair.split("=", 1) for pair in self.log_groups.split(","))

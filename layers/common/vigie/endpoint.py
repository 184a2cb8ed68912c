"""Where the calls of a run go: frozen when the run is planned, compared before anything leaves. Never a key."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who receives the calls, the address below which they are posted, and the model that is asked."""

    recipient: str
    address: str
    model: str

    @classmethod
    def parse(cls, facts: object) -> Self | None:
        """Read what `facts` wrote; None when a part is missing."""
        given = facts if isinstance(facts, Mapping) else {}
        recipient, address, model = (given.get(name) for name in ("recipient", "address", "model"))
        if not (isinstance(recipient, str) and isinstance(address, str) and isinstance(model, str)):
            return None
        return cls(recipient, address, model)

    def facts(self) -> dict[str, str]:
        """The endpoint as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.recipient} at {self.address}, model {self.model}"

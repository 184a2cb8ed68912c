"""What can go wrong in the local cloud.

LocalCloudError
├── SettingError        a variable's value cannot be used
├── PortTakenError      another program listens where a service should
├── MachineError        the machine lacks something Vigie needs
├── ServiceError        a service did not start or did not stop
└── StepError           a tool (sam, a migration, training) failed
"""

from __future__ import annotations

import re

from vigie_operations.errors import OperationError


class LocalCloudError(OperationError):
    """When a command of the local cloud cannot continue; the text names the remedy."""


class SettingError(LocalCloudError):
    """When a variable's value cannot be used."""

    def __init__(self, name: str, value: str, remedy: str) -> None:
        plain = re.sub(r"//[^/]*@", "//…@", value)  # an address may hold a user and a password
        shown = f"{name}={plain!r}" if value else f"{name} is empty"
        super().__init__(f"{shown}: {remedy}.")


class PortTakenError(LocalCloudError):
    """When another program listens where a service should."""


class MachineError(LocalCloudError):
    """When the machine lacks something Vigie needs."""


class ServiceError(LocalCloudError):
    """When a service did not start or did not stop."""


class StepError(LocalCloudError):
    """When a tool that a step needs failed."""

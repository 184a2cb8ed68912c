"""`python -m vigie_operations`: the same as the command `vigie`."""

from vigie_operations import lift_command
from vigie_operations.cli import vigie

vigie.add_command(lift_command.lift)
vigie(prog_name="vigie")

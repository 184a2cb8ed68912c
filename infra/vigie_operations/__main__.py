"""`python -m vigie_operations`: the same as the command `vigie`."""

from vigie_operations.cli import vigie

vigie(prog_name="vigie")

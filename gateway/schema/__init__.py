"""What a gateway's TOML file may say, as data: `tables.GATEWAY_FILE`, checked by `check`."""

from gateway.schema.check import Problem, check_table
from gateway.schema.kinds import Field, Rows, Table
from gateway.schema.tables import GATEWAY_FILE

__all__ = ["GATEWAY_FILE", "Field", "Problem", "Rows", "Table", "check_table"]

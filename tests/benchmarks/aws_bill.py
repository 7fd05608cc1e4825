"""The units that AWS bills, counted in a run, and their prices from `prices.json`."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

MONTH_SECONDS = 730 * 3600


class Price(BaseModel):
    """`per` units cost `usd`. `free_a_month` units are free for every account, every month, without an end date."""

    part: str
    usd: float
    per: float
    free_a_month: float = 0
    note: str = ""


class PriceTable(BaseModel):
    """List prices of one region on one day."""

    region: str
    as_of: str
    source: str
    units: dict[str, Price]

    @classmethod
    def load(cls) -> PriceTable:
        return cls.model_validate_json((Path(__file__).parent / "prices.json").read_text())

    def by_part(self, units: Mapping[str, float], *, free: bool = False) -> dict[str, float]:
        """USD by part. With `free`, the units are those of a whole month in an account that runs nothing else."""
        found: dict[str, float] = defaultdict(float)
        for unit, amount in units.items():
            price = self.units[unit]
            billed = max(0.0, amount - price.free_a_month) if free else amount
            found[price.part] += billed / price.per * price.usd
        return dict(found)


class Bill(defaultdict[str, float]):
    """Counted units by name. The names are those of `prices.json`."""

    def __init__(self) -> None:
        super().__init__(float)

    def dynamodb_write(self, size: int, size_before: int = 0) -> None:
        """A write is billed in whole KB of the item's size before or after it, whichever is larger."""
        self["dynamodb_write_units"] += max(1, math.ceil(max(size, size_before) / 1024))

    def dynamodb_read(self, size: int, *, consistent: bool = True) -> None:
        self["dynamodb_read_units"] += max(1, math.ceil(size / 4096)) * (1.0 if consistent else 0.5)


def item_size(item: Mapping[str, Any]) -> int:
    """The size of a DynamoDB item by AWS's rule: names and values in UTF-8, half a byte per digit of a number."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    [(kind, value)] = typed.items()
    if kind == "N":
        return len(value.lstrip("-").replace(".", "")) // 2 + 2
    if kind == "M":
        return 3 + sum(len(name.encode()) + 1 + _value_size(part) for name, part in value.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(part) for part in value)
    return len(value.encode()) if kind == "S" else 1


def cost_table(table: Mapping[str, Mapping[str, float]], what: str = "USD per 1,000 files") -> str:
    """A Markdown table in USD: one row per part, one column per case."""
    parts = sorted(
        {part for case in table.values() for part in case},
        key=lambda part: -max(case.get(part, 0) for case in table.values()),
    )
    lines = [f"| {what} | {' | '.join(table)} |", f"|---{'|---:' * len(table)}|"]
    lines += [f"| {part} | {' | '.join(f'{case.get(part, 0):.4f}' for case in table.values())} |" for part in parts]
    lines.append(f"| **sum** | {' | '.join(f'**{sum(case.values()):.4f}**' for case in table.values())} |")
    return "\n".join(lines)


def units_table(table: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table of the counted units."""
    units = sorted({unit for case in table.values() for unit in case})
    lines = [f"| units per file | {' | '.join(table)} |", f"|---{'|---:' * len(table)}|"]
    lines += [f"| {unit} | {' | '.join(f'{case.get(unit, 0):.4g}' for case in table.values())} |" for unit in units]
    return "\n".join(lines)


def load_json(path: Path) -> Any:
    return json.loads(path.read_text())

"""What commands print: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 1_000

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def print_json(content: Any) -> None:
    """One JSON document, as people write their text."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns, cut to the terminal's width where there is one; nothing in them is markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE).print(table)

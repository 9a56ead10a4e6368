"""Options that several commands share, so that they are spelled and explained once."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None, typer.Option("--data", help="Data directory; else TALLY_DATA, else ~/.local/share/tallystick.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Configuration file (TOML); ./tally.toml when it exists.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, money as decimal strings.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")]

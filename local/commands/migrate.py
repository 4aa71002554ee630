"""vantage migrate: the database's tables."""

from pathlib import Path

import click

from local.commands.database import data_dir_option, system_env


@click.command()
@data_dir_option
def migrate(data_dir: Path) -> None:
    """Apply the migrations that the database lacks, each once and in order."""
    from local.migrate import migrate as apply
    from vantage.settings import check_encrypted

    url = system_env(data_dir)["DATABASE_URL"]
    check_encrypted("DATABASE_URL", url)
    applied = apply(url)
    click.echo("\n".join(f"applied {name}" for name in applied) or "Nothing to do: the database is up to date.")

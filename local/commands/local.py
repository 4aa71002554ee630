"""vantage local: the whole system on this machine."""

import os
from pathlib import Path

import click


@click.command()
@click.option("--duration", type=click.IntRange(min=1), metavar="S", help="End after S seconds, with the books closed.")
@click.option("--monitors", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="Watch these too.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Of the page on 127.0.0.1."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".vantage"),
    show_default=True,
    help="Where its history stays.",
)
@click.option("--no-demo", is_flag=True, help="Without the demo's targets and monitors.")
@click.option(
    "--json", "as_json", is_flag=True, help="With --duration: print one JSON object at the end, nothing else."
)
def local(duration: int | None, monitors: Path | None, port: int, data_dir: Path, no_demo: bool, as_json: bool) -> None:
    """Run the whole system on this machine until Ctrl-C.

    PostgreSQL and Valkey (or those of DATABASE_URL and REDIS_URL), the producer, a worker each for USA, INDIA and EU,
    demo targets, and the page.
    """
    from local.system import Options, run

    if as_json and duration is None:
        raise click.UsageError("--json needs --duration: the object is printed at the end.")
    run(Options(data_dir, port, duration, monitors, not no_demo, as_json), os.environ)

"""vantage doctor: is everything there that Vantage needs, and what to do where it is not."""

import os
from pathlib import Path

import click

from local.commands.database import data_dir_option, system_env
from local.commands.output import json_option, print_json


@click.command()
@click.option(
    "--deploy", "environment", metavar="REGION", help="Look at AWS too, where usa, india or eu would be deployed."
)
@json_option
@data_dir_option
def doctor(environment: str | None, as_json: bool, data_dir: Path) -> None:
    """Look at Redis, PostgreSQL and (with --deploy) AWS; what is not fine says its cure. Exit code 1 where one is not.

    With --deploy, DATABASE_URL and REDIS_URL may be unset: then what they would show is left out.
    """
    from local import doctor as looks

    env = dict(os.environ) if environment else system_env(data_dir)
    findings: list[looks.Finding] = []
    if url := env.get("REDIS_URL"):
        findings += looks.look_at_redis(url)
    if url := env.get("DATABASE_URL"):
        findings += looks.look_at_postgres(url)
    if environment:
        findings += looks.look_at_aws(environment, env.get("STACK", ""))
    if as_json:
        print_json({"data": [{"what": f.what, "fine": f.fine, "is": f.is_so, "cure": f.cure} for f in findings]})
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.fine else 'FAIL'}  {finding.what}: {finding.is_so}")
            if not finding.fine:
                click.echo(f"      {finding.cure}")
        for name in ("REDIS_URL", "DATABASE_URL"):
            if not env.get(name):
                click.echo(f"      {name} is not set here: what it names was not looked at.")
    if not all(finding.fine for finding in findings):
        raise SystemExit(1)

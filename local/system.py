"""The whole system on this machine: servers, migrations, demo targets, the functions on a minute clock, the page."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.data_dir import Occupied, occupied, tidy, write_pids, write_urls
from local.demo import CHANNELS, SLUGS
from local.demo_targets import DemoTargets, demo_targets
from local.fleet import REGIONS, deploy, group_of
from local.migrate import migrate
from local.run import Run, Summary
from local.servers import Servers, embedded
from local.terminal import View, counts_in_words, view
from local.web import start_page
from vantage.monitors_file.apply import apply_plan, plan_files
from vantage.settings import Settings
from vantage.store.channels import delete_channels
from vantage.store.connection import Connection, Database
from vantage.store.monitors import delete
from vantage.store.regions import insert_region
from vantage.store.status import count_private

HOST = "127.0.0.1"
# What other commands need to speak to this system, and to ask its workers.
SHARED = ("DATABASE_URL", "REDIS_URL", "ALLOW_PRIVATE_ADDRESSES", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Options:
    """What `vantage local` was asked for."""

    data_dir: Path
    port: int = 8080
    duration_s: int | None = None
    monitors: Path | None = None
    demo: bool = True
    as_json: bool = False


def run(options: Options, env: Mapping[str, str]) -> None:
    """Run the whole system until its duration is over or somebody stops it; raises VantageError."""
    for number in _ending_signals():
        signal.signal(number, signal.default_int_handler)  # also SIGINT: a script's background job has it ignored
    screen = view(as_json=options.as_json)
    try:
        with _system(options, env, screen) as system:
            summary = asyncio.run(_until_stopped(system))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.close()
        screen.say("Stopped; nothing is left running. The history stays for the next start.")
        return
    finally:
        screen.close()
    if summary is not None:
        _tell(summary, options, screen)


async def _until_stopped(system: Run) -> Summary | None:
    """Live; SIGTERM and a closed terminal end it as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    for number in _ending_signals() - {signal.SIGINT}:  # asyncio.run sees to that one
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await system.live()


def _ending_signals() -> set[signal.Signals]:
    """What ends a run: a closed terminal too, unless nohup was to prevent that."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return {signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])}


@contextmanager
def _system(options: Options, env: Mapping[str, str], screen: View) -> Iterator[Run]:
    """Start everything in order, and stop it in the opposite one."""
    directory = options.data_dir.resolve()
    given_database, given_redis = env.get("DATABASE_URL", ""), env.get("REDIS_URL", "")
    _check_settings(env)
    with ExitStack() as stack:
        _check_port_is_free(options.port)
        stack.enter_context(occupied(directory))
        servers = stack.enter_context(
            embedded(directory, say=screen.say, given_database=given_database, given_redis=given_redis)
        )
        if applied := migrate(servers.database_url):
            screen.say(f"migrations: {', '.join(applied)}")
        database = Database(servers.database_url, name="vantage local")
        stack.callback(database.close)
        demo = stack.enter_context(demo_targets(directory, env)) if options.demo else None
        _configure(database.connection(), options, demo, env, screen)
        page = start_page(servers.database_url, servers.redis_url, options.port)
        stack.callback(page.close)

        settings = {"PUBLIC_URL": page.url, **_settings(env, servers, demo)}
        pace = Settings.from_env(settings).pace
        stack.callback(tidy, directory)
        write_urls(directory, {name: settings[name] for name in SHARED if name in settings})

        def pids_changed() -> None:
            own = {"vantage": os.getpid(), **({"demo": demo.pid} if demo else {})}
            write_pids(directory, {**servers.pids(), **fleet.pids(), **own})

        fleet = deploy(settings, directory / "logs", screen.say, pids_changed, pace)
        pids_changed()
        if hidden := count_private(database.connection()):
            screen.say(f"monitors that are not on the page, for want of `public: true`: {hidden}")
        screen.say(f"The page is at {page.url}")
        yield Run(fleet, servers, demo, database, screen, pids_changed, pace, options.duration_s)


def _configure(
    connection: Connection, options: Options, demo: DemoTargets | None, env: Mapping[str, str], screen: View
) -> None:
    """The regions, and the monitors of the demo and of the user's file."""
    for region, aws_region in REGIONS.items():
        insert_region(connection, region, aws_region, group_of(region))
    files = [options.monitors] if options.monitors else []
    if demo is None:
        delete(connection, SLUGS)
        delete_channels(connection, CHANNELS)
    else:
        files.append(demo.monitors_file())
    for file in files:
        plan = plan_files(connection, [file], env, allow_private=True)
        apply_plan(connection, plan)
        changes = f"{len(plan.create)} new, {len(plan.update)} changed, {len(plan.unchanged)} as they were"
        screen.say(f"monitors of {file}: {changes}")
        if told := [one.name for one in plan.channels.changed] + list(plan.channels.unchanged):
            screen.say(f"who is told: {', '.join(sorted(told))}")


def _settings(env: Mapping[str, str], servers: Servers, demo: DemoTargets | None) -> dict[str, str]:
    """What all functions are set to: what was given to us, this system's servers, and loopback as a target."""
    settings = {
        **env,
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "ALLOW_PRIVATE_ADDRESSES": "true",
    }
    if demo is not None:
        settings["SSL_CERT_FILE"] = str(demo.trusted_certificates())
    return settings


def _check_settings(env: Mapping[str, str]) -> None:
    """What is malformed is said before anything is started; raises SettingsError."""
    servers = {"DATABASE_URL": "postgresql:///", "REDIS_URL": "unix:///"}  # stand for those that we start ourselves
    Settings.from_env({**servers, **{name: value for name, value in env.items() if value}})


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Occupied(
                f"Port {port} is not to be had ({error.strerror}). Take another with --port N "
                f'(make run ARGS="--port {port + 1}").'
            ) from None


def _tell(summary: Summary, options: Options, screen: View) -> None:
    if options.as_json:
        print(json.dumps(summary.as_dict()))
        return
    screen.say(f"{summary.sheet.ticks} ticks in {summary.seconds:.0f} s")
    for region, counts in summary.sheet.regions.items():
        screen.say(f"  {region}: stored {counts_in_words(counts)}")

"""`vantage local`: the whole system on one command, with the real handlers, and nothing of it left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from local.demo_targets import DemoTargets, demo_targets
from tests.local.conftest import PYTHONPATH, ROOT, is_running, wait_until

VANTAGE = [sys.executable, "-c", "from local.cli import main; main()"]
PROCESSES = {
    "vantage",
    "postgres",
    "redis",
    "demo",
    "producer",
    "housekeeper",
    "notifier",
    "worker-USA",
    "worker-INDIA",
    "worker-EU",
}
OURS = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}


class Local:
    """A `vantage local` that is running."""

    def __init__(self, process: "subprocess.Popen[str]", data_dir: Path) -> None:
        self.process, self.data_dir = process, data_dir

    def pids(self) -> dict[str, int]:
        """pids.json, as it is now."""
        try:
            found: dict[str, int] = json.loads((self.data_dir / "pids.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def database(self) -> psycopg.Connection:
        """A connection to its database."""
        url = json.loads((self.data_dir / "urls.json").read_text())["DATABASE_URL"]
        return psycopg.connect(url, autocommit=True)

    def count(self, query: str) -> int:
        """A number out of its database; 0 where that is not there yet."""
        try:
            with closing(self.database()) as connection:
                return int(connection.execute(query).fetchall()[0][0])
        except (FileNotFoundError, psycopg.Error):
            return 0

    def said_until(self, end: str) -> list[str]:
        """The lines of standard output up to one that ends so."""
        assert self.process.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].endswith(end)):
            lines.append(self.process.stdout.readline().rstrip("\n"))
            assert lines[-1] or self.process.poll() is None, lines
        return lines

    def ended(self) -> tuple[int, str, str]:
        """Its exit code, standard output and standard error, when it has ended."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def vantage_local(data_dir: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Local]:
    """Start it on a free port; it is killed with the block where it has not ended by itself."""
    ignoring_ctrl_c = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # as a script's background job is started
    process = subprocess.Popen(
        [*ignoring_ctrl_c, *VANTAGE, "local", "--port", "0", "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**OURS, "PYTHONPATH": PYTHONPATH, **(env or {})},
        start_new_session=True,
    )
    try:
        yield Local(process, data_dir)
    finally:
        process.kill()
        process.communicate()


def vantage(*arguments: object, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*VANTAGE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**OURS, "PYTHONPATH": PYTHONPATH, **(env or {})},
        timeout=60,
    )


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoTargets]:
    """Targets to watch that are not part of the system under test."""
    home = tmp_path_factory.mktemp("targets")
    (home / "logs").mkdir()
    with demo_targets(home, {"PYTHONPATH": PYTHONPATH}) as running:
        yield running


@pytest.fixture
def monitors(targets: DemoTargets, tmp_path: Path) -> Path:
    """A file with monitors that are quickly probed."""
    paths = ["healthy", "failing", "not-from-india", *(f"healthy?n={n}" for n in range(9))]
    lines = [f"  - {{name: M{n}, url: '{targets.urls['http']}/{path}'}}" for n, path in enumerate(paths)]
    file = tmp_path / "monitors.yaml"
    file.write_text("\n".join(["version: 1", "monitors:", *lines]) + "\n")
    return file


def assert_balanced(sheet: Mapping[str, Mapping[str, int]]) -> None:
    """Each region's books add up, with nothing lost and nothing dead."""
    assert list(sheet) == ["USA", "INDIA", "EU"]
    for counts in sheet.values():
        parts = [counts[name] for name in ("stored", "expired", "skipped", "dead", "lost")]
        assert counts["scheduled"] == sum(parts) > 0
        assert (counts["lost"], counts["dead"]) == (0, 0)


def faster() -> dict[str, str]:
    """Life ten times as fast."""
    return {"VANTAGE_PACE": f"10@{time.time()}"}


def test_a_run_with_an_end_prints_a_balanced_sheet(data_dir: Path, monitors: Path) -> None:
    """130 s of life, ten times as fast: one JSON object on standard output, all three regions, nothing left behind."""
    with vantage_local(
        data_dir, "--duration", "130", "--json", "--no-demo", "--monitors", str(monitors), env=faster()
    ) as local:
        wait_until(lambda: local.pids().keys() >= PROCESSES - {"demo"})
        pids = local.pids()
        code, out, err = local.ended()
    assert code == 0, err
    done: dict[str, Any] = json.loads(out)
    assert list(done) == ["ticks", "sheet", "checks_per_second", "late_ms"]
    assert done["ticks"] in {1, 2}
    assert done["sheet"]["EU"]["scheduled"] == 12 * done["ticks"]
    assert_balanced(done["sheet"])
    assert all(counts["stored"] >= 0.95 * counts["scheduled"] for counts in done["sheet"].values())
    assert done["checks_per_second"] > 0
    assert 0 <= done["late_ms"]["p50"] <= done["late_ms"]["p99"]
    assert not any(is_running(pid) for pid in pids.values())
    assert not (data_dir / "pids.json").exists()


def test_killed_workers_and_servers_cost_nothing_of_the_sheet(data_dir: Path, monitors: Path) -> None:
    """kill -9 of a worker, the producer and both servers while it runs: replaced, and lost and dead stay 0."""
    with vantage_local(
        data_dir, "--duration", "190", "--json", "--no-demo", "--monitors", str(monitors), env=faster()
    ) as local:
        wait_until(lambda: local.count("SELECT count(*) FROM check_result") > 0)
        killed = {name: local.pids()[name] for name in ("worker-USA", "producer", "redis", "postgres")}
        os.kill(killed["worker-USA"], signal.SIGKILL)
        os.kill(killed["producer"], signal.SIGKILL)
        wait_until(lambda: local.pids().get("worker-USA", killed["worker-USA"]) != killed["worker-USA"])
        os.kill(killed["redis"], signal.SIGKILL)
        wait_until(lambda: local.pids()["redis"] != killed["redis"])
        os.kill(killed["postgres"], signal.SIGKILL)
        wait_until(lambda: local.pids()["postgres"] != killed["postgres"])
        code, out, err = local.ended()
    assert code == 0, err
    assert "redis died and runs again" in err
    assert "postgres died and runs again" in err
    assert_balanced(json.loads(out)["sheet"])


def test_the_first_results_come_from_three_regions_and_ctrl_c_ends_it(data_dir: Path) -> None:
    """The demo is seen from everywhere, one of them down from India only, then gone."""
    with vantage_local(data_dir, env=faster()) as local:
        said = local.said_until("Payments: down 503 from INDIA")
        seen = "SELECT count(DISTINCT region) FROM check_result r JOIN monitor m ON m.id = r.monitor_id"
        wait_until(lambda: local.count(f"{seen} WHERE slug = 'demo-payments'") == 3)
        assert local.count(f"{seen} WHERE slug = 'demo-payments' AND status = 'down'") == 1
        wait_until(lambda: local.pids().keys() >= PROCESSES)
        pids = local.pids()
        page = next(n for n, line in enumerate(said) if re.fullmatch(r"The page is at http://127.0.0.1:\d+", line))
        url = said[page].rpartition(" ")[2]
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        assert "demo-payments" in httpx.get(f"{url}/status.json", trust_env=False).text
        local.process.send_signal(signal.SIGINT)
        code, out, err = local.ended()
    assert (code, err) == (0, "")
    assert any("demo.yaml: 8 new" in line for line in said[:page])
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    assert out.splitlines()[-1].startswith("Stopped")
    assert not any(is_running(pid) for pid in pids.values())


def test_nothing_outlives_a_killed_parent_and_its_history_stays(data_dir: Path) -> None:
    """kill -9 of `vantage local`: no process is left, a second one starts on the same data at once, SIGTERM ends it."""
    with vantage_local(data_dir) as local:
        wait_until(lambda: local.pids().keys() >= {"postgres", "redis", "demo", "producer"})
        pids = local.pids()
        local.process.kill()
        wait_until(lambda: not any(is_running(pid) for pid in pids.values()))
    with vantage_local(data_dir) as local:
        wait_until(lambda: local.pids().get("producer", 0) not in {0, pids["producer"]})
        local.process.terminate()
        code, out, err = local.ended()
    assert (code, err) == (0, "")
    assert "demo.yaml: 0 new, 0 changed, 8 as they were" in out


def test_one_run_at_a_time_has_a_data_directory(data_dir: Path) -> None:
    """A second one says who has it, and harms nothing."""
    with vantage_local(data_dir) as local:
        wait_until(lambda: "redis" in local.pids())
        second = vantage("local", "--port", 0, "--data-dir", data_dir)
        assert second.returncode == 2
        assert second.stderr == (
            f"vantage: Another vantage local (process {local.process.pid}) is running on {data_dir}. "
            "Stop it, or take another --data-dir.\n"
        )
        assert local.process.poll() is None


def test_a_busy_port_is_named(data_dir: Path) -> None:
    """Before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = vantage("local", "--port", port, "--data-dir", data_dir)
    assert done.returncode == 2
    assert re.fullmatch(
        rf"vantage: Port {port} .* Take another with --port N \(make run ARGS=\"--port {port + 1}\"\)\.\n", done.stderr
    )
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:9/x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://me:s3cret@db.example.com/x"}, "DATABASE_URL"),
        ({"CONCURRENCY": "many"}, "CONCURRENCY"),
        ({"VANTAGE_PACE": "fast"}, "VANTAGE_PACE"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(data_dir: Path, env: dict[str, str], named: str) -> None:
    """It names the setting, shows no password and no trace, and the exit code is 2."""
    done = vantage("local", "--port", 0, "--data-dir", data_dir, "--no-demo", env=env)
    assert done.returncode == 2
    assert re.fullmatch(rf"vantage: .*{named}.*\n", done.stderr)
    assert "s3cret" not in done.stderr


def test_a_monitors_file_with_faults_stops_the_start(data_dir: Path, tmp_path: Path) -> None:
    """All of them are listed, with their lines."""
    file = tmp_path / "bad.yaml"
    file.write_text(
        "version: 1\nmonitors:\n  - {name: A, url: nonsense}\n  - {name: B, interval: 7s, url: http://a.b/}\n"
    )
    done = vantage("local", "--port", 0, "--data-dir", data_dir, "--no-demo", "--monitors", file)
    assert done.returncode == 2
    assert {"3", "4"} <= set(re.findall(r"bad\.yaml:(\d+)", done.stderr))


def test_json_needs_an_end() -> None:
    """There is nothing to print while it runs."""
    done = vantage("local", "--json")
    assert done.returncode == 2
    assert "--duration" in done.stderr


def test_migrate_speaks_to_the_database_of_the_url(database_url: str) -> None:
    """And says when there is nothing to do."""
    done = vantage("migrate", env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stdout) == (0, "Nothing to do: the database is up to date.\n")


def test_help_is_quick() -> None:
    """It lists every command and imports none; red when a command was imported at the top."""
    program = (
        "import sys; from local.cli import cli; cli(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**OURS, "PYTHONPATH": PYTHONPATH},
    )
    assert {"local", "migrate", "monitors", "regions"} <= set(re.findall(r"^  (\w+)", done.stdout, re.MULTILINE))
    assert not {"'psycopg'", "'redis'", "'rich'", "'pydantic'"} & set(re.findall(r"'[\w.]+'", done.stdout))

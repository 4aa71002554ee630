"""Which region is home is said in one place, and doctor, secrets and smoke read it there."""

import shutil
from pathlib import Path

import pytest

from local import places
from local.places import environments, parameter, place
from tests.aws.templates import ROOT, deployed, of_type, source
from vantage.errors import SettingsError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what says where things are."""
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def homes(project: Path) -> list[str]:
    """Every environment that takes itself for home."""
    return [name for name in environments(project) if place(name, project).is_home]


def test_home_is_the_template_s_region_until_another_is_given(project: Path) -> None:
    """In template.yaml, samconfig.toml or deploy.env, what comes later wins. (Red with us-east-1 written down.)"""
    assert homes(project) == ["usa"]
    template = project / "template.yaml"
    template.write_text(template.read_text().replace("Default: us-east-1", "Default: ap-south-1"))
    assert homes(project) == ["india"]
    config = project / "samconfig.toml"
    given = 'deploy.parameters]\nparameter_overrides = "Polling=punctual HomeRegion=us-east-1"'
    config.write_text(config.read_text().replace("deploy.parameters]", given))
    assert homes(project) == ["usa"]
    (project / "deploy.env").write_text('HomeRegion="eu-central-1"\nindia:WorkerMemoryMb=256\n')
    assert homes(project) == ["eu"]
    assert environments(project) == ["eu", "usa", "india"]  # in which order `make deploy-all` takes them
    assert [parameter("WorkerMemoryMb", name, project) for name in environments(project)] == ["512", "512", "256"]
    with pytest.raises(SettingsError, match="usa, india, eu"):
        place("mars", project)


def test_every_default_of_the_template_is_read_as_cloudformation_does(project: Path) -> None:
    """Its lines, without its short forms."""
    declared = {name: str(spec["Default"]) for name, spec in source()["Parameters"].items()}
    assert {name: parameter(name, "usa", project) for name in declared} == declared


@pytest.mark.parametrize("home", ["us-east-1", "eu-central-1"])
def test_every_url_that_a_function_reads_is_written_and_looked_for(home: str) -> None:
    """Wherever home is: the names of the parameters are those in the functions' environments."""
    for name in environments():
        where = places.Place(name, "vantage", place(name).aws_region, home)
        functions = of_type(deployed(where.aws_region, HomeRegion=home), "AWS::Lambda::Function").values()
        read = {
            value for each in functions for key, value in each["Environment"]["Variables"].items() if "PARAMETER" in key
        }
        assert {f"/vantage/{function}/{url}" for function, urls in where.urls().items() for url in urls} == read

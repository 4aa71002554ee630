"""One authority for all tests of the prober."""

import pytest

from tests.probe.certificates import Papers


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Certificates that the prober is told to trust, and others."""
    return Papers(tmp_path_factory.mktemp("papers"))

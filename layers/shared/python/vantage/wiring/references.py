"""What the references in monitors and channels stand for."""

import os

from vantage.probe.secrets import Secrets
from vantage.settings import Settings
from vantage.wiring.ssm import parameter


def references(settings: Settings) -> Secrets:
    """Of the environment only where it is one's own, else of SSM; never what Vantage itself needs."""
    withheld = {settings.redis_url_parameter, settings.database_url_parameter}
    return Secrets(None if settings.is_deployed else os.environ, parameter, withheld=withheld)

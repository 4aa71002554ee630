"""AWS's SSM Parameter Store, where a deployed function's secrets are."""

from vantage.errors import NoSecret


def parameter(name: str) -> str:
    """The value of an SSM parameter; raises NoSecret."""
    # They import boto3, which costs a cold start and which a local run does without.
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    patience = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
    try:
        return str(parameters.SSMProvider(boto_config=patience).get(name, decrypt=True, force_fetch=True))
    except (parameters.GetParameterError, BotoCoreError) as error:
        raise NoSecret(str(error)) from None

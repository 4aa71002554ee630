"""One JSON line a run; nothing of a target's URL, nothing secret."""

import logging

from aws_lambda_powertools import Logger


def run_logger(service: str) -> Logger:
    """The logger of one function. httpx logs full URLs, credentials included, at INFO: it is silenced here."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(service=service, use_rfc3339=True)

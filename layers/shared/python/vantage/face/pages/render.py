"""Templates with the one style sheet and script in them, and the policy that allows just these."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
from aws_lambda_powertools.event_handler import Response
from markupsafe import Markup

from vantage.face.answers import Answer
from vantage.face.pages.audience import EVERYBODY, Audience
from vantage.store.site import PLAIN, Site

HERE = Path(__file__).parent
COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(slots=True)
class Templates:
    """The folder's templates; a name from outside is always escaped."""

    environment: jinja2.Environment
    style: str
    more: str
    """What the status page does without."""
    script: str

    @staticmethod
    @cache
    def load() -> "Templates":
        """Read what every page has in it."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        texts = [(HERE / name).read_text(encoding="utf-8").strip() for name in ("style.css", "more.css", "page.js")]
        return Templates(environment, *texts)

    def page(self, name: str, variables: Mapping[str, Any], *, here: str = "", site: Site = PLAIN,
             to: Audience = EVERYBODY, status: int = HTTPStatus.OK) -> Answer:  # fmt: skip
        """A page as it is sent; `here` is its path among those of the navigation."""
        style = self.style + ("" if name == "status.html" else self.more)
        style += f":root{{--brand:{site.colour}}}" if site.colour and COLOUR.fullmatch(site.colour) else ""
        shell = {
            "site": site, "to": to, "here": here, "watch": "", "feed": True,
            "from_where": "", "style": Markup(style), "script": Markup(self.script),  # noqa: S704  # ours
        }  # fmt: skip
        html = self.environment.get_template(name).render({**shell, **variables})
        headers = {"content-security-policy": policy(style, self.script)}
        return Response(int(status), "text/html; charset=utf-8", html, headers)


@cache
def policy(style: str, script: str) -> str:
    """Only this style and this script; what is fetched, sent and shown is the page's own."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

"""The pages' routes."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from markupsafe import Markup

from vantage.face.answers import READ, Answer
from vantage.face.pages.board import Board
from vantage.face.pages.variables import variables
from vantage.face.sources import Sources

HERE = Path(__file__).parent


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """All of them."""
    page = StatusPage()

    @app.route("/", method=READ)
    def status_page() -> Answer:
        return page.of(sources.board())


class StatusPage:
    """The status page; rendered once for each board."""

    def __init__(self) -> None:
        self._board: Board | None = None
        self._html = ""

    def of(self, board: Board) -> Answer:
        """The answer that shows a board."""
        template = Template.load()
        if board is not self._board:
            self._board, self._html = board, template.render(board)
        return Response(200, "text/html; charset=utf-8", self._html, {"content-security-policy": template.policy})


@dataclass(slots=True)
class Template:
    """The one template, with its style and script in it and the policy that allows just these."""

    template: jinja2.Template
    style: Markup
    script: Markup
    policy: str

    @staticmethod
    @cache
    def load() -> "Template":
        """Read the three files; a name from outside is always escaped."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        style, script = ((HERE / name).read_text(encoding="utf-8").strip() for name in ("style.css", "page.js"))
        policy = (
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return Template(environment.get_template("status.html"), Markup(style), Markup(script), policy)  # noqa: S704

    def render(self, board: Board) -> str:
        """The page as it is sent."""
        return self.template.render(variables(board), style=self.style, script=self.script)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

"""/docs: the API for people, from /openapi.json; one page without a script or a request of its own."""

import base64
import hashlib
import json
from functools import cache
from typing import Any

import jinja2
from aws_lambda_powertools.event_handler import Response
from markupsafe import Markup

from vantage.face.answers import Answer

STYLE = """:root{color-scheme:light dark;--ink:light-dark(#16181d,#e8e6e1);--soft:light-dark(#5b616e,#a5a9b3);
--line:light-dark(#d9d6cf,#34373f);--ground:light-dark(#faf9f6,#15171b)}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:2rem 1rem;color:var(--ink);
background:var(--ground)}h1{margin-top:0}h2{margin:2.5rem 0 .5rem;text-transform:capitalize}a{color:inherit}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid var(--line);
max-width:100%}details{border-top:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer;overflow-wrap:anywhere}
summary span,dd{color:var(--soft)}b{display:inline-block;min-width:4.5rem}dl{margin:.5rem 0}dt{font-weight:600}
dd{margin:0 0 .25rem 1.5rem}"""
TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{ title }} API</title><link rel="icon" href="data:,"><style>{{ style }}</style></head><body><main>
<h1>{{ title }} API</h1>{% for part in about %}<p>{{ part }}</p>{% endfor %}
<p>The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
{% for tag, operations in tags.items() %}<h2 id="{{ tag }}">{{ tag }}</h2>
{% for method, path, one in operations %}<details id="{{ one.operationId }}"><summary><b>{{ method }}</b>
<code>{{ path }}</code> <span>{{ one.summary }}</span></summary>
{% if one.parameters %}<dl>{% for p in one.parameters %}<dt><code>{{ p.name }}</code> ({{ p.in }})</dt>
<dd>{{ p.description or "" }} {{ p.schema.enum|join(", ") if p.schema.enum else p.schema.type }}</dd>
{% endfor %}</dl>{% endif %}
{% for kind, body in (one.requestBody.content if one.requestBody else {}).items() %}<p>Takes {{ kind }}:</p>
<pre tabindex="0">{{ pretty(body.example) }}</pre>{% endfor %}
<dl>{% for status, answer in one.responses.items() %}<dt>{{ status }}</dt><dd>{{ answer.description }}</dd>{% endfor %}
</dl>{% for status, answer in one.responses.items() if status < "300" and answer.content %}
{% for kind, told in answer.content.items() %}<p>Tells {{ kind }}{% if told.example %}:</p>
<pre tabindex="0">{{ pretty(told.example) }}</pre>{% else %}</p>{% endif %}{% endfor %}{% endfor %}
</details>{% endfor %}{% endfor %}</main></body></html>
"""


def page_of(described: dict[str, Any]) -> Answer:
    """The page that tells of an OpenAPI document."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    rest = "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; {rest}"
    return Response(200, "text/html; charset=utf-8", _html(json.dumps(described)), {"content-security-policy": policy})


@cache
def _html(described: str) -> str:
    told = json.loads(described)
    tags: dict[str, list[tuple[str, str, Any]]] = {}
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    info = told["info"]
    return template.render(
        title=info["title"], about=info["description"].split("\n\n"), tags=tags, style=Markup(STYLE),  # noqa: S704  # ours
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    )  # fmt: skip

"""What people open and programs ask: pages, the API, badges, metrics, feeds. One app, on Lambda and in a local run.

app      the app: routes, what is refused, what every answer carries
sources  where routes read from, and what of it is kept for a second
answers  answers of one kind: JSON, a problem, plain text
health   /healthz
status   /status.json
api      /v1, /openapi.json and /docs
login    /login and /logout: a token as a cookie
badges   /badge/{slug}/status.svg and its like
metrics  /metrics, for Prometheus
feed     /incidents.atom
ping     /ping/{key}, which jobs call
pages    everything that is HTML
"""

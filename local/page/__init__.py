"""The status page of a local run.

It shows public monitors only, as every page that asks for no token does: a private monitor is watched, stands in the
terminal's table, and cannot be told from a missing one here. `public: true` in its file shows it.
"""

from local.page.routes import start_page
from local.page.server import Page

__all__ = ["Page", "start_page"]

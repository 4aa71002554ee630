"""Table `status_page`: whose page it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Site:
    """A title, the order of the groups, and where they are wanted a colour (`#rrggbb`) and a logo (a data: address)."""

    title: str = "Vantage"
    groups: Sequence[str] = ()
    colour: str | None = None
    logo: str | None = None


PLAIN = Site()


def load_site(connection: Connection) -> Site | None:
    """What was configured; None: nothing was."""
    with connection.cursor(row_factory=class_row(Site)) as cursor:
        return cursor.execute("SELECT title, groups, colour, logo FROM status_page").fetchone()


def save_site(connection: Connection, site: Site) -> None:
    """It is this from now on."""
    connection.execute(
        """INSERT INTO status_page (title, groups, colour, logo) VALUES (%s, %s, %s, %s)
               ON CONFLICT (id) DO UPDATE SET title = excluded.title, groups = excluded.groups,
                   colour = excluded.colour, logo = excluded.logo""",
        (site.title, list(site.groups), site.colour, site.logo),
    )

"""Whose page it is: title, logo, colour, the order of the groups."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Site:
    """What `status_page` of the monitors file says; `logo` is a data: address, `colour` is like #1a4fbf."""

    title: str = "Vantage"
    logo: str | None = None
    colour: str | None = None
    groups: Sequence[str] = ()

    @property
    def style(self) -> str:
        """What it adds to the style sheet."""
        if self.colour is None or not COLOUR.fullmatch(self.colour):
            return ""
        return f":root{{--brand:{self.colour}}}"


PLAIN = Site()

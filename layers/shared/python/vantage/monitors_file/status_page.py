"""Whose status page it is: title, groups in their order, colour, logo."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from vantage.monitors_file.strict import Strict, absent
from vantage.monitors_file.values import Line, distinct
from vantage.store.site import Site

LONGEST_LOGO = 30_000
_LOGO = re.compile(r"data:image/(svg\+xml|png|webp|jpeg|gif);base64,[A-Za-z0-9+/]+={0,2}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


def _logo(address: str) -> str:
    if not _LOGO.fullmatch(address):
        raise ValueError("must be the image itself, as data:image/svg+xml;base64,… or data:image/png;base64,…")
    if len(address) > LONGEST_LOGO:
        raise ValueError(f"is longer than {LONGEST_LOGO:,} characters; take a smaller image")
    return address


def _colour(colour: str) -> str:
    if not _COLOUR.fullmatch(colour.lower()):
        raise ValueError("must be like #1a4fbf; put it in quotes")
    return colour.lower()


class StatusPageItem(Strict):
    """What a status page is called and how it looks; every key may be left out."""

    title: Line = "Vantage"
    groups: Annotated[list[Line], Field(max_length=100), AfterValidator(distinct)] = Field(
        [], description="headings in their order; others follow, the worst first"
    )
    colour: Annotated[str, AfterValidator(_colour)] = absent("the line above the page, like #1a4fbf")
    logo: Annotated[str, AfterValidator(_logo)] = absent("an image as data:image/svg+xml;base64,…")


def site(item: StatusPageItem) -> Site:
    """What is stored for it."""
    return Site(item.title, item.groups, item.colour, item.logo)


def whole(stored: Site) -> dict[str, Any]:
    """What is stored, in the file's words."""
    return {"title": stored.title, "groups": list(stored.groups), "colour": stored.colour, "logo": stored.logo}


def entry(stored: Site) -> dict[str, Any]:
    """The same without what is left out."""
    return {key: value for key, value in whole(stored).items() if value}

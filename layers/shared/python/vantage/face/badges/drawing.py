"""A badge as SVG: a label, and what is told beside it. Pure."""

from dataclasses import dataclass
from html import escape

HEIGHT, PADDING, FONT_PX = 20, 6, 11
# Of Verdana at 11 px, as far as it matters: what stands in the picture is made to have this length.
NARROW, WIDE = "fijltrI1!|.,:;' ()[]", "mwMWQO@%"
WIDTHS_PX = {**dict.fromkeys(NARROW, 4.3), **dict.fromkeys(WIDE, 9.8)}
COMMON_PX = 6.9


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says, and its colour: a hex value that white text can be read on."""

    label: str
    message: str
    colour: str


def width_px(text: str) -> int:
    """About how wide a text is."""
    return round(sum(WIDTHS_PX.get(char, COMMON_PX if ord(char) < 0x2E80 else FONT_PX) for char in text))


def svg(badge: Badge) -> str:
    """The picture; a name from outside is always escaped."""
    label_px, message_px = width_px(badge.label), width_px(badge.message)
    left = label_px + 2 * PADDING
    whole = left + message_px + 2 * PADDING
    end = f"M{left} 0h{whole - left - 3}a3 3 0 0 1 3 3v{HEIGHT - 6}a3 3 0 0 1-3 3H{left}z"
    said = escape(f"{badge.label}: {badge.message}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{HEIGHT}" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<rect width="{whole}" height="{HEIGHT}" rx="3" fill="#3a4048"/>'
        f'<path d="{end}" fill="{badge.colour}"/>'
        f'<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="{FONT_PX}">'
        f'<text x="{PADDING}" y="14" textLength="{label_px}">{escape(badge.label)}</text>'
        f'<text x="{left + PADDING}" y="14" textLength="{message_px}">{escape(badge.message)}</text></g></svg>\n'
    )


def shields(badge: Badge) -> dict[str, object]:
    """The same for shields.io (its endpoint badge)."""
    return {"schemaVersion": 1, "label": badge.label, "message": badge.message, "color": badge.colour.removeprefix("#")}

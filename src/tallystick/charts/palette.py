"""The colours of groups: eight hues in two depths, for a light and a dark page.

Each has at least 3:1 against its background (WCAG 1.4.11); a test computes it. A slot
is given to a name once and kept, so that a team has one colour on every page; who
keeps the slots is the caller's business.
"""

LIGHT_BACKGROUND = "#ffffff"
DARK_BACKGROUND = "#17181c"

LIGHT: tuple[str, ...] = (
    "#5b52e8", "#0e9384", "#c9740a", "#d92d6a", "#2a83dd", "#7c8a12", "#b042c9", "#c4471d",
    "#373098", "#0a5c53", "#8a4f06", "#8f1b45", "#17538f", "#4e570b", "#742a85", "#7d2c11",
)  # fmt: skip
DARK: tuple[str, ...] = (
    "#8b80ff", "#2bc4b2", "#f6b84b", "#f4709b", "#62b0f8", "#b5c43c", "#d98bee", "#f58a63",
    "#b9b3ff", "#8be0d5", "#fbd998", "#f9b3ca", "#a9d3fb", "#d6df8d", "#ebc0f6", "#fabfa9",
)  # fmt: skip
SLOTS = len(LIGHT)
UNKNOWN = "su"  # the group of calls whose owner nobody stated
OTHERS = "so"  # all the groups too small to be drawn


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

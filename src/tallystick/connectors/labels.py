"""Which tags of a bill are dimensions of ours: `team=squad,feature=app` reads the tag squad as the team. Pure."""

from collections.abc import Mapping, Sequence

from tallystick.focus.tags import dimensions_of
from tallystick.kernel.errors import ConfigError
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension


def parse_labels(text: str, option: str = "labels", such: str = "team=squad") -> dict[str, str]:
    """Dimension → tag.

    Args:
        text: As configured.
        option: Its name, for messages.
        such: An example of the source's own spelling, likewise.

    Raises:
        ConfigError: A part is no pair, or names no dimension.
    """
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        left, equals, right = (one.strip() for one in part.partition("="))
        name = canonical_dimension(left)
        if not equals or not right or name not in ATTRIBUTION:
            raise ConfigError(
                f"{part!r} maps no tag to a dimension; write dimension=tag, as in {such}",
                where=option,
                next_steps=[f"dimensions are {', '.join(ATTRIBUTION)}"],
            )
        found[name] = right
    return found


def dimensions(tags: Mapping[str, str], labels: Mapping[str, str], prefixes: Sequence[str] = ("",)) -> dict[str, str]:
    """What the tags say: those whose names are dimensions' names, then those that are mapped; case does not matter.

    A tag is looked for under each prefix in turn.
    """
    folded = {name.lower(): value for name, value in tags.items() if value}
    plain: dict[str, str] = {}
    for prefix in reversed(prefixes):
        plain |= {
            name[len(prefix) :]: value
            for name, value in tags.items()
            if value and name.startswith(prefix) and "/" not in name[len(prefix) :]
        }
    found = dimensions_of(plain)
    for dimension, tag in labels.items():
        value = next((folded[one] for prefix in prefixes if (one := f"{prefix}{tag}".lower()) in folded), "")
        if value:
            found[dimension] = value
    return found

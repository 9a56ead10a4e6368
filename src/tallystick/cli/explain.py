"""Errors in words for people."""

from tallystick.kernel.errors import TallyError


def explain(error: TallyError) -> str:
    """What happened, where, and what to do next, as lines."""
    lines = [f"Error {error.code}: {error.what}"]
    if error.where:
        lines.append(f"  where: {error.where}")
    lines += [f"  next:  {step}" for step in error.next_steps[:3]]
    return "\n".join(lines)

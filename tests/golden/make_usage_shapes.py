"""Write the golden usage shapes: ``python -m tests.golden.make_usage_shapes``.

What a shape must give is spelled out by hand in `tests/golden/shapes`; nothing here
imports the code under test, so a change of it cannot change what is expected.
"""

import json
from pathlib import Path

from tests.golden.shapes import chat, cohere, gemini, hosts, media, messages, responses, vertex

FOLDER = Path(__file__).parent / "usage_shapes"


def main() -> None:
    """Write every shape, and take away files of shapes that are no more."""
    FOLDER.mkdir(exist_ok=True)
    written = set()
    for module in (chat, responses, messages, gemini, vertex, cohere, hosts, media):
        for shape in module.records():
            path = FOLDER / f"{shape['name']}.json"
            if path.name in written:
                raise ValueError(f"two shapes are called {path.name}")
            path.write_text(json.dumps(shape, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            written.add(path.name)
    for path in FOLDER.glob("*.json"):
        if path.name not in written:
            path.unlink()
    print(f"{len(written)} shapes")


if __name__ == "__main__":
    main()

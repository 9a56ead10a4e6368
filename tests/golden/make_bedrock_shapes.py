"""Write the golden shapes of Bedrock: ``python -m tests.golden.make_bedrock_shapes``. As `make_usage_shapes`."""

import json
from pathlib import Path

from tests.golden.shapes import bedrock

FOLDER = Path(__file__).parent / "bedrock_shapes"


def main() -> None:
    """Write every shape, and take away files of shapes that are no more."""
    FOLDER.mkdir(exist_ok=True)
    shapes = {f"{shape['name']}.json": shape for shape in bedrock.records()}
    for path in FOLDER.glob("*.json"):
        if path.name not in shapes:
            path.unlink()
    for name, shape in shapes.items():
        (FOLDER / name).write_text(json.dumps(shape, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(shapes)} shapes")


if __name__ == "__main__":
    main()

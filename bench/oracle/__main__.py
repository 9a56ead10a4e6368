"""``python -m bench.oracle PATH…``: run the dialects over outside bodies and explain each disagreement."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from bench.oracle.compare import Verdict, judge
from bench.oracle.explain import explain


def main() -> int:
    """Print the agreement, and every class of disagreement with its reason; 1 when one has none."""
    parser = argparse.ArgumentParser(prog="python -m bench.oracle", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="JSON files of bodies with extracted usage, or folders")
    parser.add_argument("--show", type=int, default=1, help="examples of each class of disagreement")
    options = parser.parse_args()
    verdicts = [judge(record) for path in options.paths for record in _records(path)]
    return _print(verdicts, options.show)


def _records(path: Path) -> list[dict]:
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    found = []
    for file in files:
        content = json.loads(file.read_bytes())
        rows = content if isinstance(content, list) else [content]
        found += [row for row in rows if isinstance(row, dict) and "extracted" in row and "body" in row]
    return found


def _print(verdicts: list[Verdict], show: int) -> int:
    skipped = Counter(verdict.skipped for verdict in verdicts if verdict.skipped)
    judged = [verdict for verdict in verdicts if not verdict.skipped]
    agreed = [verdict for verdict in judged if not verdict.differences]
    print(f"{len(verdicts)} bodies, {len(judged)} in a dialect of ours")
    for reason, count in skipped.most_common():
        print(f"  {count:5} left out: {reason}")
    for dialect in sorted({verdict.dialect for verdict in judged}):
        mine = [verdict for verdict in judged if verdict.dialect == dialect]
        good = sum(not verdict.differences for verdict in mine)
        print(f"  {dialect:22} {good} of {len(mine)} agree")
    share = 100 * len(agreed) / len(judged) if judged else 0
    print(f"agreement: {len(agreed)} of {len(judged)} ({share:.2f} %)")
    unexplained = _print_classes(judged, show)
    print("every disagreement is explained" if not unexplained else f"{unexplained} disagreements are NOT explained")
    return 1 if unexplained else 0


def _print_classes(judged: list[Verdict], show: int) -> int:
    classes: dict[str, list[Verdict]] = {}
    unexplained = 0
    for verdict in judged:
        if verdict.differences:
            reason = explain(verdict)
            unexplained += not reason
            classes.setdefault(reason or f"NOT EXPLAINED: {sorted(verdict.differences)}", []).append(verdict)
    for reason, members in sorted(classes.items(), key=lambda pair: -len(pair[1])):
        print(f"\n{len(members)} x {reason}")
        for verdict in members[:show]:
            for name, (theirs, ours) in sorted(verdict.differences.items()):
                print(f"    {name}: theirs {theirs}, ours {ours}")
            print(f"    usage: {json.dumps(verdict.usage)[:400]}")
            if verdict.drift:
                print(f"    our marks: {', '.join(verdict.drift)}")
    return unexplained


if __name__ == "__main__":
    sys.exit(main())

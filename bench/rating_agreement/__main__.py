"""Our rating against genai-prices and LiteLLM's cost calculator: how often they agree, and who is right where not.

    python -m bench.rating_agreement [--cases N] [--seed N] [--causes N]

genai-prices is the package that our list is from, calculating by itself; LiteLLM runs in its own environment with
the list in its package. Nothing is downloaded but the package, once. Exit 1 when a difference has no cause.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from importlib import metadata
from textwrap import fill

from bench.rating_agreement.cases import Case, draw, known_to_all
from bench.rating_agreement.causes import UNEXPLAINED, causes
from bench.rating_agreement.classes import Taken, same, take_apart
from bench.rating_agreement.rated import CACHE, Answers, ask_all, cost_map
from bench.rating_agreement.verdicts import ruling
from tallystick.connectors.list_prices import list_prices
from tallystick.operations.refresh_prices import wanted_cards
from tallystick.pricing.book import PriceBook


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.rating_agreement", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=24)
    parser.add_argument("--causes", type=int, default=100, help="largest number of causes to print")
    options = parser.parse_args()
    book, listed = PriceBook(wanted_cards(None, [])), cost_map()
    models = known_to_all(listed, book)
    cases = draw(models, options.cases, options.seed, book)
    found = ask_all(book, cases)
    _print_agreement(models, cases, found)
    apart = [one for one in found if not (same(one.ours, one.genai) and same(one.ours, one.litellm))]
    return _print_causes(book, PriceBook(list_prices()), take_apart(apart), options.causes)


def _print_agreement(models: Sequence[object], cases: Sequence[Case], found: Sequence[Answers]) -> None:
    version = next((CACHE / "litellm/lib/python3.11/site-packages").glob("litellm-*.dist-info")).name.split("-")[1]
    tiers = Counter(case.tier or "standard" for case in cases)
    sellers = Counter(case.model.litellm_provider for case in cases)
    print(
        f"{len(cases):,} cases over {len(models)} models that all three know; {dict(tiers)}; {dict(sellers.most_common())}"
    )
    print(f"genai-prices {metadata.version('genai-prices')}, LiteLLM {version.removesuffix('.dist')}")
    known = [one for one in found if one.ours is not None]
    print(f"{'':38}{'all cases':>12}{'of those':>10}{'priced by us':>15}{'of those':>10}")
    for name, agrees in (
        ("all three", lambda one: same(one.ours, one.genai) and same(one.ours, one.litellm)),
        ("ours and genai-prices", lambda one: same(one.ours, one.genai)),
        ("ours and LiteLLM", lambda one: same(one.ours, one.litellm)),
        ("genai-prices and LiteLLM", lambda one: same(one.genai, one.litellm)),
        ("ours and at least one", lambda one: same(one.ours, one.genai) or same(one.ours, one.litellm)),
    ):
        every, ours = sum(map(agrees, found)), sum(map(agrees, known))
        print(f"{name:38}{every:12,}{every / len(found):10.1%}{ours:15,}{ours / len(known):10.1%}")
    print(f"{'ours says unknown':38}{len(found) - len(known):12,}{1 - len(known) / len(found):10.1%}\n")


def _print_causes(book: PriceBook, raw: PriceBook, taken: Sequence[Taken], most: int) -> int:
    held: dict[tuple[str, str], list[Taken]] = defaultdict(list)
    for one in taken:
        for cause in causes(book, raw, one):
            held[cause].append(one)
    print(f"{len(taken):,} cases differ; a case may have several causes")
    by_verdict: Counter[str] = Counter()
    for (source, cause), examples in sorted(held.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:most]:
        judged = ruling(source, cause)
        print(f"\n{len(examples):5}  {source}: {cause}  ->  {judged.who}")
        print(fill(f"{judged.why}. {judged.rests_on}", 118, initial_indent="       ", subsequent_indent="       "))
        print(f"       e.g. {_example(examples[0])}")
    for (source, cause), examples in held.items():
        who = ruling(source, cause).who
        for one in examples:
            by_verdict[who if one.answers.ours is not None else f"{who}, ours saying unknown"] += 1
    print(f"\nby verdict: {dict(by_verdict.most_common())}")
    unexplained = sum(len(examples) for (_, cause), examples in held.items() if cause == UNEXPLAINED)
    print(f"unexplained: {unexplained}")
    return 1 if unexplained else 0


def _example(one: Taken) -> str:
    case, answers = one.answers.case, one.answers
    counts = ", ".join(f"{count:,} {name}" for name, count in case.quantities.items())
    figures = (
        f"ours {_dollars(answers.ours)}, genai-prices {_dollars(answers.genai)}, LiteLLM {_dollars(answers.litellm)}"
    )
    tier = f" {case.tier}" if case.tier else ""
    return f"{case.model.litellm_provider} {case.model.model}{tier}, {case.at:%Y-%m-%d}: {counts}: {figures}"


def _dollars(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"{cost:.6f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    raise SystemExit(main())

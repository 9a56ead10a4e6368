"""A process that ingests and posts until it is killed; prints a line for each acknowledged batch.

Usage: keep_posting ENGINE FOLDER FIRST
"""

import sys
from pathlib import Path

from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tests.contracts.conftest import open_engine
from tests.ledger.sample import an_event

BATCH = 200


def main(name: str, folder: Path, first: int) -> None:
    context = Context(ledger=open_engine(name, folder), config_db=ConfigDb(folder / "config.db"), data_dir=folder)
    start_ledger(context)
    number = first
    while True:
        ingest_events(context, [an_event(one) for one in range(number, number + BATCH)])
        number += BATCH
        print(number, flush=True)
        post_charges(context)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))

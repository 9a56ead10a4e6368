import pytest

from tallystick.kernel.errors import Unavailable
from tallystick.storage.clickhouse_engine import ClickHouseEngine


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable) as caught:
        ClickHouseEngine("clickhouse://tally:hunter2@127.0.0.1:1/ledger")

    assert "127.0.0.1:1/ledger" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.next_steps

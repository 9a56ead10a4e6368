"""One gateway and one stub for all tests of this room; each test reads only its own rows."""

from collections.abc import Iterator

import pytest

from tests.gateway.harness import RunningGateway, running_gateway
from tests.stub.server import Stub, in_thread


@pytest.fixture(scope="session")
def stub_thread() -> Iterator[Stub]:
    with in_thread() as stub:
        yield stub


@pytest.fixture(scope="session")
def gateway_thread(stub_thread: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), stub_thread) as gateway:
        yield gateway


@pytest.fixture
def gateway(gateway_thread: RunningGateway) -> RunningGateway:
    gateway_thread.rows()
    gateway_thread.stub.reset()
    return gateway_thread


@pytest.fixture
def stub(gateway: RunningGateway) -> Stub:
    return gateway.stub

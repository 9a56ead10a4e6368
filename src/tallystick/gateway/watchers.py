"""Who hears of calls in this process, as the settings say."""

import os

from tallystick.gateway.access_log import AccessLog
from tallystick.gateway.batches import Batches
from tallystick.gateway.metrics import Metrics
from tallystick.gateway.observe import Observer, Watcher
from tallystick.gateway.otel import SpanSender
from tallystick.gateway.settings import GatewaySettings
from tallystick.operations.read_metrics import metrics_folder
from tallystick.storage.metric_cells import MetricCells


def open_observer(settings: GatewaySettings, name: str, at_us: int) -> Observer:
    """Metrics always; an access log and spans where they are wanted.

    Args:
        name: Of this process, that no other has: its spool folder's.
    """
    metrics = Metrics(MetricCells(metrics_folder(settings.data_dir), name, os.getpid(), at_us))
    watchers: list[Watcher] = []
    if settings.access_log:
        lost = metrics.lost("access_log")
        watchers.append(Batches("access-log", AccessLog(settings.access_log), lost))
    if settings.otel_endpoint:
        lost = metrics.lost("otel")
        watchers.append(Batches("otel", SpanSender(settings.otel_endpoint, lost), lost, seconds=1.0))
    # Last, for it is closed last: the others count their losses to their end.
    return Observer((*watchers, metrics))

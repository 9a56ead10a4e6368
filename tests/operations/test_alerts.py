"""Alerts from raising to arrival: once, owed in one transaction, tried until taken, also after a restart."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tallystick.api.postman import Postman
from tallystick.kernel.period import DAY_US, HOUR_US, SECOND_US
from tallystick.notify.backoff import next_attempt
from tallystick.notify.broken import Broken
from tallystick.notify.model import Alert, Undelivered
from tallystick.notify.slack import Slack
from tallystick.notify.webhook import Webhook
from tallystick.operations.context import Context, now_us
from tallystick.operations.deliver_alerts import deliver_alerts
from tallystick.operations.list_alerts import list_alerts
from tallystick.operations.raise_alert import MOST_AN_HOUR, raise_alert
from tallystick.operations.try_channels import try_channels
from tallystick.operations.watch_rows import watch_events
from tallystick.storage.config_db import ConfigDb
from tallystick.usage.model import Measured, UsageEvent
from tests.notify.receivers import Receiver, http_receiver

DRIFT = Alert("counter_drift", "counter_drift:bud_1:1", "A counter was corrected", facts={"before": 1, "after": 2})


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    db = ConfigDb(tmp_path / "config.db")
    yield Context(ledger=None, config_db=db, data_dir=tmp_path, channels=("webhook",))  # type: ignore[arg-type]
    db.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as kept:
        yield kept


def _webhook(receiver: Receiver) -> Webhook:
    return Webhook(f"{receiver.url}/planted-path", b"planted-secret", "https://tally.test", now_us)


@dataclass
class Recorder:
    """A channel in memory that fails as often as it is told."""

    name: str = "webhook"
    failures: list[Undelivered] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def deliver(self, alert: Alert) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(alert.alert_id)


def test_the_same_subject_is_raised_once(context: Context) -> None:
    assert raise_alert(context, DRIFT)
    assert not raise_alert(context, replace(DRIFT, title="said again"))
    ((alert, (delivery,)),) = list_alerts(context)
    assert alert == replace(DRIFT, alert_id=alert.alert_id, created_at=alert.created_at)
    assert alert.alert_id.startswith("alr_")
    assert (delivery.channel, delivery.attempts, delivery.delivered_at) == ("webhook", 0, None)


def test_what_a_callers_name_brings_along_cannot_move_a_terminal(context: Context) -> None:
    raise_alert(context, replace(DRIFT, title="a\x1b[2J\nb", lines=("c\r\nd\x07",)))
    ((alert, _),) = list_alerts(context)
    assert (alert.title, alert.lines) == ("a [2J b", ("c d",))


def test_of_many_threads_that_raise_one_subject_one_succeeds(context: Context) -> None:
    start, won = threading.Barrier(4), []

    def race() -> None:
        start.wait()
        won.extend(raise_alert(context, replace(DRIFT, subject=f"s{number}")) for number in range(20))
        context.config_db.close()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won) == 20
    assert len(list_alerts(context)) == 20
    assert context.config_db.rows("SELECT count(*) FROM alert_delivery") == [(20,)]


def test_alert_and_what_is_owed_are_written_together_or_not_at_all(context: Context) -> None:
    twice = replace(context, channels=("webhook", "webhook"))
    with pytest.raises(Exception, match="UNIQUE"):
        raise_alert(twice, DRIFT)
    assert list_alerts(context) == []


def test_an_alert_arrives_once_at_a_real_server_however_often_it_is_looked_at(
    context: Context, receiver: Receiver
) -> None:
    raise_alert(context, DRIFT)
    assert deliver_alerts(context, [_webhook(receiver)]) == 1
    assert deliver_alerts(context, [_webhook(receiver)]) == 0
    assert len(receiver.requests) == 1
    ((_, (delivery,)),) = list_alerts(context)
    assert delivery.attempts == 1
    assert delivery.delivered_at is not None


def test_a_failure_is_tried_again_when_it_is_due_and_not_before(context: Context, receiver: Receiver) -> None:
    raise_alert(context, DRIFT)
    receiver.statuses = [500, 503]
    at = now_us()
    for after, delivered, requests in ((0, 0, 1), (0.9, 0, 1), (1, 0, 2), (2.9, 0, 2), (3, 1, 3)):
        assert deliver_alerts(context, [_webhook(receiver)], at + int(after * SECOND_US)) == delivered
        assert len(receiver.requests) == requests, after
    assert len({one.headers["x-tally-alert-id"] for one in receiver.requests}) == 1


def test_a_restart_forgets_nothing(context: Context, receiver: Receiver) -> None:
    raise_alert(context, DRIFT)
    receiver.statuses = [500]
    at = now_us()
    deliver_alerts(context, [_webhook(receiver)], at)
    context.config_db.close()
    again = replace(context, config_db=ConfigDb(context.data_dir / "config.db"))
    assert deliver_alerts(again, [_webhook(receiver)], at + SECOND_US) == 1
    assert deliver_alerts(again, [_webhook(receiver)], at + HOUR_US) == 0
    ((_, (delivery,)),) = list_alerts(again)
    assert delivery.attempts == 2
    assert delivery.last_error == ""
    again.config_db.close()


def test_a_mark_that_was_not_written_sends_again_with_the_same_id(
    context: Context, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_alert(context, DRIFT)
    with monkeypatch.context() as broken:
        broken.setattr("tallystick.notify.store.write_delivery", _die)
        with pytest.raises(KeyboardInterrupt):
            deliver_alerts(context, [_webhook(receiver)])
    assert deliver_alerts(context, [_webhook(receiver)]) == 1
    first, second = receiver.requests
    assert first.body == second.body


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_cannot_be_changed_is_given_up_and_the_next_alert_goes_on(context: Context) -> None:
    for number in range(3):
        raise_alert(context, replace(DRIFT, subject=str(number)))
    channel = Recorder(failures=[Undelivered("answered 400", retry=False)])
    assert deliver_alerts(context, [channel]) == 2
    states = [delivery for _, (delivery,) in reversed(list_alerts(context))]
    assert [one.given_up_at is not None for one in states] == [True, False, False]
    assert states[0].last_error == "answered 400"


def test_a_channel_that_is_away_is_asked_once_a_round_and_keeps_no_other_waiting(context: Context) -> None:
    both = replace(context, channels=("webhook", "mail"))
    for number in range(5):
        raise_alert(both, replace(DRIFT, subject=str(number)))
    away = Recorder("webhook", failures=[Undelivered("away", retry=True) for _ in range(9)])
    well = Recorder("mail")
    assert deliver_alerts(both, [away, well]) == 5
    assert len(away.failures) == 8
    assert len(well.taken) == 5


def test_a_channel_that_fails_in_a_way_of_its_own_loses_nothing_and_says_nothing(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    raise_alert(context, DRIFT)

    class Wrong(Recorder):
        def deliver(self, alert: Alert) -> None:
            raise ValueError("planted secret")

    deliver_alerts(context, [Wrong()])
    ((_, (delivery,)),) = list_alerts(context)
    assert delivery.last_error == "an unexpected ValueError"
    assert delivery.given_up_at is None
    assert "planted" not in caplog.text


def test_the_waits_double_to_an_hour_and_end_after_a_day() -> None:
    waits = []
    at, attempts = 0, 1
    while (following := next_attempt(attempts, 0, at)) is not None:
        waits.append((following - at) // SECOND_US)
        at, attempts = following, attempts + 1
    assert waits[:13] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600]
    assert set(waits[13:]) == {3600}
    assert DAY_US <= at < DAY_US + HOUR_US
    assert attempts == 36


def test_an_alert_that_waited_for_days_is_still_tried_once(context: Context) -> None:
    raise_alert(context, DRIFT)
    channel = Recorder()
    assert deliver_alerts(context, [channel], now_us() + 3 * DAY_US) == 1


def test_a_flood_of_one_kind_is_kept_whole_and_sent_in_part(context: Context) -> None:
    for number in range(MOST_AN_HOUR + 5):
        raise_alert(context, replace(DRIFT, subject=str(number)))
    raise_alert(context, replace(DRIFT, kind="price_unknown", subject="other"))
    found = list_alerts(context, limit=1000)
    assert len(found) == MOST_AN_HOUR + 6
    sent = [alert for alert, deliveries in found if deliveries]
    assert len(sent) == MOST_AN_HOUR + 1
    assert [alert.subject for alert in sent if alert.lines] == [str(MOST_AN_HOUR - 1)]


def test_without_channels_an_alert_is_kept_and_owed_to_nobody(context: Context) -> None:
    nobody = replace(context, channels=())
    assert raise_alert(nobody, DRIFT)
    assert [deliveries for _, deliveries in list_alerts(nobody)] == [()]


def test_the_postman_sends_beside_a_channel_that_hangs(context: Context, receiver: Receiver) -> None:
    both = replace(context, channels=("webhook", "slow"))
    let_go = threading.Event()

    class Slow(Recorder):
        def deliver(self, alert: Alert) -> None:
            let_go.wait(20)

    postman = Postman(both, [Slow("slow"), _webhook(receiver)])
    postman.start()
    try:
        raise_alert(both, DRIFT)
        arrived = threading.Event()
        for _ in range(500):
            if receiver.requests:
                break
            arrived.wait(0.01)
        assert len(receiver.requests) == 1
    finally:
        let_go.set()
        postman.stop()
    ((_, deliveries),) = list_alerts(both)
    assert [one.delivered_at is not None for one in deliveries] == [True, True]


def test_a_test_goes_through_every_channel_and_reports_each(context: Context, receiver: Receiver) -> None:
    channels = [_webhook(receiver), Broken("slack", "the environment variable X is empty"), Recorder("mail")]
    done = try_channels(context, channels, "ann")
    assert [(one.channel, one.delivered_at is not None, one.last_error) for one in done] == [
        ("webhook", True, ""),
        ("slack", False, "the environment variable X is empty"),
        ("mail", True, ""),
    ]
    assert list_alerts(context) == []
    assert context.config_db.rows("SELECT who, what FROM audit") == [("ann", "test alerts")]


def test_no_secret_is_logged_or_kept(context: Context, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    both = replace(context, channels=("webhook", "slack"))
    receiver.statuses = [500, 404]
    raise_alert(both, DRIFT)
    slack = Slack(f"{receiver.url}/services/planted-token", "https://tally.test")
    with caplog.at_level(logging.DEBUG):
        deliver_alerts(both, [_webhook(receiver), slack])
    kept = str(both.config_db.rows("SELECT * FROM alert_delivery"))
    assert "answered 500" in kept
    assert "answered 404" in caplog.text
    assert "planted" not in kept + caplog.text


def _blocked(event_id: str, breaking: str = "bud_1") -> UsageEvent:
    decision = f'{{"breaking": "{breaking}", "budgets": [{{"id": "{breaking}", "window_start": 5, "window_end": 9}}]}}'
    return UsageEvent(
        event_id, f"call_{event_id}", 7, attempt=0, outcome="refused", verdict="blocked", decision=decision
    )


def test_of_a_batch_of_refusals_each_budget_is_told_of_once_also_when_they_come_again(context: Context) -> None:
    rows = [_blocked(f"evt_{number}", f"bud_{number % 2}") for number in range(40)]
    fine = UsageEvent("evt_x", "call_x", 7, measured=Measured({"uncached_input": 1}), priced={"uncached_input": 5})
    assert watch_events(context, [*rows, fine]) == 2
    assert watch_events(context, rows) == 0
    assert {alert.facts["event_id"] for alert, _ in list_alerts(context)} == {"evt_0", "evt_1"}


def test_rows_that_say_nothing_ask_the_row_database_nothing() -> None:
    fine = UsageEvent("evt_x", "call_x", 7, verdict="allowed")
    without = Context(ledger=None, config_db=None, data_dir=Path())  # type: ignore[arg-type]
    assert watch_events(without, [fine] * 100) == 0

from __future__ import annotations

from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.host.watchdog import Watchdog

LIVE = [
    LiveAttempt("0000-aa.0", 0, 0, {}, since=0.0, is_placed=True),
    LiveAttempt("0001-bb.1", 1, 1, {}, since=60.0),
]


def watch(has_room: bool = True) -> tuple[Watchdog, list[str]]:
    said: list[str] = []
    return Watchdog(100.0, lambda: has_room, said.append), said


def test_it_speaks_once_per_patience():
    watchdog, said = watch()
    for now in (50.0, 99.0, 180.0, 200.0, 279.0, 280.0):
        watchdog.look(now, 0.0, LIVE, lambda key: f"RUNNING {key[-1]}")
    assert said == [
        "no trial started, reported or ended for 3 min, although resources are idle:\n"
        "  0000-aa.0: running for 180 s; Tune: RUNNING 0\n"
        "  0001-bb.1: not placed for 120 s; Tune: RUNNING 1",
        "no trial started, reported or ended for 5 min, although resources are idle:\n"
        "  0000-aa.0: running for 280 s; Tune: RUNNING 0\n"
        "  0001-bb.1: not placed for 220 s; Tune: RUNNING 1",
    ]


def test_it_is_silent_while_things_happen_or_nothing_is_alive_or_all_is_busy():
    for has_room, last_event, live in ((True, 150.0, LIVE), (True, 0.0, []), (False, 0.0, LIVE)):
        watchdog, said = watch(has_room)
        watchdog.look(200.0, last_event, live, str)
        assert said == []


def test_it_says_when_the_cluster_has_no_room_for_anything():
    watchdog, said = watch(has_room=False)
    watchdog.look(200.0, 0.0, LIVE[1:], lambda _: "PENDING, actor waits for resources")
    assert said == [
        "no trial started, reported or ended for 3 min, because no node has room for one:\n"
        "  0001-bb.1: not placed for 140 s; Tune: PENDING, actor waits for resources"
    ]

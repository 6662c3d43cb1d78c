from orchestrator.schedulers.none import NoScheduler
from orchestrator.sweep.spec import Fidelity


def test_nothing_is_ever_weak():
    fidelity, options = Fidelity(max=9), NoScheduler.Options()
    scheduler = NoScheduler(NoScheduler.plan(fidelity, options), fidelity, True, options, 7)
    assert [bracket.rungs for bracket in scheduler.brackets] == [()]
    shown = [(trial, 0, float(epoch), -trial) for trial in range(20) for epoch in range(1, 9)]
    assert all(scheduler.show(*report) is None for report in shown)

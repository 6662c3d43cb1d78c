"""What a sweep has cost so far."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.sweep.spec import Resources


@dataclass(slots=True)
class Spend:
    """What attempts cost."""

    worker_s: float = 0.0
    """Seconds from placement to release."""
    gpu_hours: float = 0.0
    """GPUs times hours."""
    cpu_hours: float = 0.0
    """CPUs times hours."""
    fidelity: float = 0.0
    """Fidelity trained, repetitions included: epochs, as a rule. Counts open attempts too."""

    def charge(self, seconds: float, resources: Resources) -> None:
        """Add what a trial's place cost for so many seconds."""
        self.worker_s += seconds
        self.gpu_hours += seconds / 3600 * resources.gpus
        self.cpu_hours += seconds / 3600 * resources.cpus

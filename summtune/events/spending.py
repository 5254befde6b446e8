"""What a run has used up, as its events tell it: hours of its sessions, GPU hours of its attempts, epochs of its trials.

Times are those of events alone. What a driver that was killed did after its last event is not known, and does not count; nor does the time
between two sessions. An epoch counts once it has been evaluated, and again where it had to be trained again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from summtune.events.kinds import Decided, Ended, Event, GroupStarted, Reported, Retried, RunClosed, RunOpened, RunResumed, TrialStarted

HOUR_S = 3600.0


@dataclass
class Spending:
    """A fold of its own over the same events.

    Attributes:
        epochs: that were trained and evaluated, reruns included.
        now: the time of the last event.
    """

    epochs: float = 0.0
    now: float = 0.0
    _began: float = 0.0
    _seconds: float = 0.0  # of sessions that are over
    _gpu_seconds: float = 0.0  # of attempts that are over
    _attempts: dict[str, tuple[float, float]] = field(default_factory=dict)  # under way: since when, with how many GPUs
    _trained: dict[str, dict[int, float]] = field(default_factory=dict)  # epochs at each iteration of a trial

    @property
    def hours(self) -> float:
        return (self._seconds + self.now - self._began) / HOUR_S

    @property
    def gpu_hours(self) -> float:
        return (self._gpu_seconds + sum((self.now - since) * gpus for since, gpus in self._attempts.values())) / HOUR_S

    def of(self, name: str) -> float:
        """What has been used up of a budget, by its name."""
        return {"hours": self.hours, "gpu_hours": self.gpu_hours, "epochs": self.epochs}[name]

    def take(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, (RunOpened, RunResumed)):
            self._leave()
            self._began = self.now = event.time
        self.now = max(self.now, event.time)
        match event:
            case TrialStarted():
                self._end_attempt(event.trial)
                self._attempts[event.trial] = (self.now, event.gpus)
                kept = self._trained.get(event.trial, {})
                self._trained[event.trial] = {iteration: epochs for iteration, epochs in kept.items() if iteration <= event.iteration}
            case GroupStarted():
                self._attempts[event.trial] = (self.now, event.gpus)
            case Reported():
                trained = self._trained.setdefault(event.trial, {})
                epochs = event.metrics.get("epoch", 0.0)
                self.epochs += max(0.0, epochs - max(trained.values(), default=0.0))
                trained[event.iteration] = epochs
            case Decided() if event.pause:
                self._end_attempt(event.trial)
            case Ended() | Retried():
                self._end_attempt(event.trial)  # what it has trained is remembered: a failed one may be run again, from where it was
            case RunClosed():
                self._leave()

    def _leave(self) -> None:
        """The session is over: its last event was its last moment, and that of its attempts."""
        for trial in list(self._attempts):
            self._end_attempt(trial)
        self._seconds += self.now - self._began
        self._began = self.now

    def _end_attempt(self, trial: str) -> None:
        since, gpus = self._attempts.pop(trial, (self.now, 0.0))
        self._gpu_seconds += (self.now - since) * gpus

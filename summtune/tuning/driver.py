"""The one process that decides and writes for a run: draws points, judges trials, records everything first, promotes results.

It knows the run directory and the search, but not Ray: `searcher`, `scheduler` and `observer` call it from Ray Tune's hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from summtune import durable, registry
from summtune.config.experiment import Experiment, settings_over
from summtune.config.settings import Settings
from summtune.errors import TrialFailure
from summtune.events import kinds
from summtune.events.fold import RunState
from summtune.events.log import EventLog
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.search.ending import search_end
from summtune.search.replication import Repetition, Wait, next_repetition
from summtune.search.study import Search, excesses, final_word, told_score
from summtune.search.trial_length import last_iteration
from summtune.tuning import disk_room, own_metrics, promotion, resuming, stop_request, trial_files, verdicts
from summtune.tuning.causes import PASSING
from summtune.tuning.orders import Orders
from summtune.tuning.retries import Retries, alike_from_the_first
from summtune.tuning.storage import Storage

Watcher = Callable[[kinds.Event, RunState], None]


@dataclass(frozen=True)
class NoMore:
    """What `next_trial` answers when no more trials are begun, for whatever reason: all have been, a stop, the search's end."""


@dataclass(frozen=True)
class NotYet:
    """What it answers when there is none now, and what comes next depends on trials that are under way."""


class Driver:
    """A live run.

    Args:
        run: its directory.
        experiment: what it was asked to do.
        log: its event log, open for writing.
        state: what the log says so far.
        watch: told of every event once it has been recorded and taken in.
        gpus: of a trial's allotment.
        storage: the run's copy in an object store.
    """

    def __init__(
        self,
        run: RunPaths,
        experiment: Experiment,
        log: EventLog,
        state: RunState,
        watch: Watcher,
        *,
        gpus: float = 0.0,
        storage: Storage | None = None,
    ) -> None:
        self.run = run
        self.experiment = experiment
        self.state = state
        self.retries = Retries(experiment.resources.max_failures)
        self._log = log
        self._watch = watch
        self._gpus = gpus
        self._storage = storage
        # Trials that paused, and whose attempt Ray Tune has not ended yet: what it says of that end must not be taken for the next one's.
        self._leaving: set[str] = set()
        self._begun: set[str] = set()  # trials of which an attempt began in this session
        self._weighed = False
        self._rule = registry.load("search.stopping", experiment.stopping.type)
        self._search = Search(
            experiment.space,
            experiment.method,
            maximize=[one.maximize for one in experiment.objectives],
            seed=experiment.base.settings.general.seed,
            count=state.count,
            identity=experiment.identity,
        )
        self._search.replay(state)
        self._catch_up()
        # Trials that were under way when the run was left, and that Ray Tune does not bring back by itself; and those to be tried again.
        self._waiting: list[str] = [trial.id for trial in state.unfinished() if not trial.paused]
        self._look_for_end()
        self._end_left_behind()

    def record(self, event: kinds.Event, *, sync: bool = True) -> None:
        """Write an event, then take it in, then tell the watcher: in this order, so that nothing is acted upon that could be forgotten.

        Args:
            event: what happened.
            sync: False where another event is synced, or all are, before anything but memory changes.
        """
        event = self._log.append(event, sync=sync)
        self.state.apply(event)
        self._watch(event, self.state)

    def next_trial(self, *, at_once: bool = False) -> TrialState | NotYet | NoMore:
        """The trial to run next.

        One that was left behind or is to be tried again, the baseline, one that goes on after a pause, a new point, or a promising one
        with another seed. Nothing once a person asked for a stop.

        Args:
            at_once: don't let the one that is to be tried again pause first.
        """
        if self.state.stop:
            return NoMore()
        self._look_for_end()
        self._end_left_behind()
        for trial_id in self._waiting:
            if at_once or self.retries.due(self.state.trials[trial_id]):
                self._waiting.remove(trial_id)
                return self.state.trials[trial_id]
        if self._budget_is_used_up:
            return self._end_paused()
        if self.experiment.baseline and self.state.baseline is None:
            return self._draw(kinds.BASELINE_ID, self.experiment.baseline_point(), {}, baseline=True)
        known = self._to_go_on()
        if isinstance(known, TrialState):
            return known
        if not (self.state.drawn >= self.state.count or self.state.search_ended):
            number = self.state.last_number
            trial_id = f"{number + 1:04d}"
            proposal = self._search.propose(trial_id, number)
            if proposal is not None:
                return self._draw(trial_id, proposal.point, proposal.params)
            self._look_for_end()
        if known is not None:
            return known
        if self.state.statuses["paused"]:
            if self.state.statuses["pending"] or self.state.statuses["running"]:
                return NotYet()  # those under way may yet show that a paused one is among the best
            if (known := self._to_go_on(last_call=True)) is not None:
                return known
            if isinstance(self._end_paused(), NotYet):
                return NotYet()
        return self._repeat()

    def ends_without_a_trial(self) -> bool:
        """Whether no trial is to be begun any more; to be asked while nothing runs. Those that wait for what will not come end here."""
        self._look_for_end()
        self._end_left_behind()
        if self._pausing_is_over and not self._waiting:
            self._end_paused()
        return bool(self.state.stop) or self.complete

    def _to_go_on(self, *, last_call: bool = False) -> TrialState | NotYet | None:
        """A paused trial that goes on, as soon as its attempt that paused has ended; none once the search has ended."""
        if self._pausing_is_over:
            return None
        trial = verdicts.to_go_on(self.state, self.experiment, self._rule, last_call=last_call)
        if trial is not None:
            if trial.id in self._leaving:
                return NotYet()
            assert trial.verdict is not None
            self.record(kinds.WentOn(trial.id, trial.verdict.rung))
            self._search.go_on(trial, self.state)
        return trial

    def _end_paused(self) -> NotYet | NoMore:
        """Nothing is left that could let the paused trials go on."""
        if self._leaving:
            return NotYet()
        for trial in self.state.trials.values():
            if trial.paused:
                self.record(verdicts.end(self.state, trial, None))
                self._conclude(trial)
        return NoMore()

    def _repeat(self) -> TrialState | NotYet | NoMore:
        """A promising point with another seed. Each is a trial of its own, which neither sampler nor rungs hear of."""
        match self._next_repetition():
            case Repetition(of, seed):
                trial_id = kinds.repetition_id(of, seed)
                self.record(kinds.PointDrawn(trial_id, -1, self.state.trials[of].point, repeats=of, seed=seed))
                return self.state.trials[trial_id]
            case Wait():
                return NotYet()
        return NoMore()

    def _next_repetition(self) -> Repetition | Wait | None:
        if not self.state.further_seeds or self._budget_is_used_up:
            return None
        searching = any(not trial.over and not trial.repeats for trial in self.state.trials.values())
        return Wait() if searching else next_repetition(self.state)

    @property
    def waiting(self) -> list[str]:
        """Trials that were left behind, or are to be tried again, and have not been handed out yet."""
        return self._waiting

    def hear(self) -> str:
        """What a person asked for with `summtune stop`: nothing, `finishing`, or `now`; on record from here on."""
        request = stop_request.read(self.run)
        if request is not None and self.state.stop != "now" and (request.now or not self.state.stop):
            self.record(kinds.StopAsked(request.now, request.by))
        return self.state.stop

    def brought_back(self, trial_id: str) -> None:
        """Ray Tune has this trial in hand: it need not be handed out again."""
        if trial_id in self._waiting:
            self._waiting.remove(trial_id)

    def start(self, trial_id: str, *, shunned: tuple[str, ...] = (), waits_for_room: bool = False) -> Settings:
        """An attempt at a trial begins: write its orders, which say where to begin and whom to beat.

        Args:
            trial_id: the trial.
            shunned: ids of the nodes that its workers must not be on.
            waits_for_room: whether it holds no GPUs before `group_started`.

        Returns:
            Its settings.
        """
        trial = self.state.trials[trial_id]
        paths = self.run.trial(trial_id)
        attempt = max(trial.attempts, *paths.attempt_numbers(), 0) + 1  # a log that lost its end knows fewer than there are
        found, iteration = resuming.to_resume(paths, trial)
        if self._storage is not None:
            for notice in self._storage.bring_back(trial, checkpoint=iteration < trial.iteration):
                self.note(trial_id, notice)
                found, iteration = resuming.to_resume(paths, trial)
        for notice in found.notices:
            self.note(trial_id, notice)
        resumed = str(found.folder.relative_to(paths.folder)) if found.folder else ""
        done_again = trial.iteration > iteration
        self.record(kinds.TrialStarted(trial_id, attempt, iteration, resumed, 0.0 if waits_for_room else self._gpus))
        self._begun.add(trial_id)
        if done_again:
            self._search.replay(self.state)  # a study can't be untold what no longer counts
        if not trial.reports:
            promotion.clear_away(paths)
        paths.attempt(attempt).folder.mkdir(parents=True, exist_ok=True)
        settings = self.settings_of(trial)
        trial_files.write_settings(paths, settings)
        best = trial.best
        orders = Orders(
            attempt=attempt,
            resume_from=resumed or None,
            best_iteration=best.iteration if best else None,
            best_score=self.state.score(trial),
            objective=self.state.objective,
            maximize=self.state.maximize,
            storage=self._storage.store.url if self._storage is not None else None,
            shunned=shunned,
        )
        durable.write_json(paths.progress, orders.to_record(), synced=False)
        return settings

    def group_started(self, trial_id: str, *, reported: bool = False) -> bool:
        """Whether all workers of an attempt are there, by what its actor has written; if so it is on record from here on.

        Args:
            trial_id: whose attempt; it waited for them.
            reported: they are, since it has: a network file system may show late what was written.
        """
        attempt = self.state.trials[trial_id].attempts
        if not (reported or self.run.trial(trial_id).attempt(attempt).group.exists()):
            return False
        self.record(kinds.GroupStarted(trial_id, attempt, self._gpus))
        return True

    def settings_of(self, trial: TrialState) -> Settings:
        """The trial's complete settings, with the run's copies of people's own metrics."""
        origin = self.state.origin(trial)
        settings = self.experiment.base.settings if origin.baseline else self.experiment.settings_for(origin.point)
        settings = settings if trial.seed is None else settings_over(settings, {"general.seed": trial.seed})
        return own_metrics.of_the_run(settings, self.run, self.state)

    def report(self, report: kinds.Reported) -> bool:
        """A trial was evaluated.

        Returns:
            Whether it goes on. A rung stops it if it is not the baseline, a budget that is used up in any case; a report of an attempt
            that has been succeeded ends that attempt.
        """
        trial = self.state.trials[report.trial]
        if trial.status != "running" or report.attempt != trial.attempts:
            return False
        self.record(report, sync=False)
        self._search.observe(trial.id, report.iteration, told_score(self.state, report.metrics))
        stopped = self._judge(trial, report.iteration)
        if trial.paused:
            self._leaving.add(trial.id)
        self._look_for_end()
        goes_on = not (stopped or self._halt(trial))
        self._log.sync()  # the report and what was decided on it; only then the trial hears of it
        return goes_on

    def note(self, trial_id: str, text: str) -> None:
        """A trial has something to say to the person. What another has said in the same words is not said again."""
        if text not in self.state.notes:
            self.record(kinds.Noted(trial_id, text))

    def _catch_up(self) -> None:
        """Do what a driver that was killed had recorded the reason for, and not got round to."""
        for trial in self.state.trials.values():
            if not trial.over and trial.reports:
                self._judge(trial, trial.iteration)
                if trial.halted or (trial.verdict is not None and trial.verdict.stop):
                    self.over(trial.id)
            elif trial.over:
                if not (trial.told and trial.promoted):
                    self._conclude(trial)
                if trial.scored is not None or trial.decoded:
                    trial_files.write_results(self.run.trial(trial.id), trial, self.state)
                if trial.decoded:
                    trial_files.write_decodings(self.run.trial(trial.id), trial)
                if not trial_files.is_written(self.run.trial(trial.id), trial):
                    trial_files.write_settings(self.run.trial(trial.id), self.settings_of(trial))
                    self._promote(trial)

    def over(self, trial_id: str, failure: TrialFailure | None = None) -> None:
        """Ray Tune is done with a trial: it returned, was stopped by its verdict, or failed. It is over then, or is to be tried again."""
        trial = self.state.trials[trial_id]
        self._leaving.discard(trial_id)
        if trial.over or trial.paused:
            return
        if failure is not None and failure.cause in PASSING:
            self._look_for_end()
            if trial.verdict is not None and trial.verdict.stop:
                failure = None  # it was lost after its verdict, on the way out
            elif self._budget_is_used_up and trial.best is not None:
                self._halt(trial)
                failure = None  # nothing is left to go on with
        if failure is not None and not self._budget_is_used_up and self.retries.allowed(trial, failure):
            began = trial.status == "running" and trial_id in self._begun
            self.record(kinds.Retried(trial_id, trial.attempts if began else 0, failure.cause, failure.message))
            self._waiting.append(trial_id)
            return
        self.record(verdicts.end(self.state, trial, failure), sync=False)
        self._conclude(trial)
        self._look_for_end()

    def close(self, status: str, reason: str = "") -> None:
        """Record how the run was left."""
        self.record(kinds.RunClosed(status, reason or (self._why_ended if status == "finished" else "")))

    @property
    def study(self) -> Any:
        """The Optuna study as it stands."""
        return self._search.study

    @property
    def hopeless(self) -> str:
        """Why the run had better stop: its first trials failed alike, and none has ever reported. Empty while that is not so."""
        alike = alike_from_the_first(self.state)
        if not alike:
            return ""
        last = alike[-1]
        log = self.run.trial(last.id).log
        look = log if log.is_file() and log.stat().st_size else self.run.ray_log
        found = f"The first {len(alike)} trials failed alike, and none has reported ({last.cause}): {last.message.rstrip('.')}."
        return f"{found} Look into {look}, mend the cause, then go on with `summtune resume {self.run.folder.name} --failed`."

    @property
    def complete(self) -> bool:
        """Whether all that was asked for has ended."""
        used_up = self._all_drawn or self.state.search_ended is not None
        baseline_done = not self.experiment.baseline or self.state.baseline is not None or self._budget_is_used_up
        through = used_up and baseline_done and not self.state.under_way
        return through and self._next_repetition() is None

    @property
    def _all_drawn(self) -> bool:
        return self.state.drawn >= self.state.count or self._search.used_up

    @property
    def _budget_is_used_up(self) -> bool:
        return self.state.search_ended is not None and self.state.search_ended.by_budget

    @property
    def _pausing_is_over(self) -> bool:
        return self.state.search_ended is not None and not self.state.search_ended.by_space

    @property
    def _why_ended(self) -> str:
        return self.state.search_ended.reason if self.state.search_ended is not None else ""

    def _look_for_end(self) -> None:
        """Record why no more trials are begun before all have been, as soon as there is a reason and it makes a difference."""
        if self._budget_is_used_up:
            return
        ends = (search_end(self.state), self._end_of_space())
        end = next((one for one in ends if one is not None and self._makes_a_difference(one)), None)
        if end is not None:
            self.record(end)

    def _makes_a_difference(self, end: kinds.SearchEnded) -> bool:
        before = self.state.search_ended
        if end.by_budget:
            return not self.complete
        if end.by_space:
            return before is None
        if end.by == kinds.TARGET and self.state.statuses["paused"]:
            return before is None or before.by_space
        return before is None and not self._all_drawn

    def _end_of_space(self) -> kinds.SearchEnded | None:
        """Where no other training is left though there were to be more; than a finite space has points only if a person asked for more."""
        if not self._search.used_up:
            return None
        asked = self.state.count if self.state.count > self.experiment.count else self.experiment.most_trials
        return kinds.SearchEnded(kinds.SPACE, asked, self.state.drawn) if self.state.drawn < asked else None

    def _halt(self, trial: TrialState) -> bool:
        """Whether a budget ends a trial at its last report. Its last evaluation of all is its own end."""
        if not self._budget_is_used_up or trial.iteration >= last_iteration(self.state, self.experiment, trial):
            return False
        assert self.state.search_ended is not None
        if not trial.halted:
            self.record(kinds.Halted(trial.id, trial.iteration, self.state.search_ended.by))
        return True

    def _end_left_behind(self) -> None:
        """With a budget that is used up, trials that were under way when the run was left end with what they have."""
        for trial_id in self._waiting if self._budget_is_used_up else ():
            trial = self.state.trials[trial_id]
            if trial.best is None:
                self.record(kinds.Ended(trial_id, "stopped", kinds.BUDGET, f"{self._why_ended}, before its first evaluation"))
                self._conclude(trial)
            else:
                self._halt(trial)
                self.over(trial_id)
        self._waiting = [] if self._budget_is_used_up else self._waiting

    def _draw(self, trial_id: str, point: dict[str, Any], params: dict[str, Any], *, baseline: bool = False) -> TrialState:
        self.record(kinds.PointDrawn(trial_id, self.state.next_place, point, params, baseline))
        if baseline:
            self._search.adopt_baseline(trial_id, point)
        return self.state.trials[trial_id]

    def _judge(self, trial: TrialState, iteration: int) -> bool:
        decided = verdicts.at_rung(self.state, self.experiment, self._rule, trial, iteration)
        if decided is None:
            return False
        self.record(decided, sync=False)
        if decided.pause:
            self._search.pause(trial.id, excesses(trial, self.state))
        return decided.stop or decided.pause

    def _conclude(self, trial: TrialState) -> None:
        """Tell the study, promote the results: what follows a trial's end, as far as it has not been done."""
        if not trial.told and not trial.repeats:
            state, value = final_word(trial, self.state)
            beyond = excesses(trial, self.state)
            self.record(kinds.Told(trial.id, state.name, value, beyond), sync=False)
            self._search.tell(trial.id, state, value, beyond)
        self._log.sync()
        if not trial.promoted:
            attempt = self._promote(trial)
            self.record(kinds.Promoted(trial.id, attempt), sync=False)  # where it is forgotten it is done again
            if not self._weighed and trial.best is not None:
                self._weighed = True
                if shortage := disk_room.shortage(self.run, trial.id, self.state):
                    self.note(trial.id, shortage)

    def _promote(self, trial: TrialState) -> int | None:
        keep = self.experiment.base.settings.training.keep_checkpoint
        return promotion.promote(self.run.trial(trial.id), trial, self.state, keep_checkpoint=keep)

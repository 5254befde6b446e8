"""`report.html`: the run on one page that needs nothing else. Today the leaderboard, its curves and the failures."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from summtune import durable
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.kinds import Reported
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.reporting.axes import across, counted
from summtune.reporting.front_plot import plots
from summtune.reporting.leaderboard import figures, rows
from summtune.reporting.views import last_iterations, most_trials
from summtune.reporting.wording import (
    decoding_texts,
    ending_texts,
    failure_texts,
    front_texts,
    proxy_texts,
    retried_texts,
    retries_text,
    seeds_texts,
    warm_start_texts,
)

WIDTH, HEIGHT = 720, 240
"""Size of the curves' drawing area, in SVG units."""


def write_page(run: RunPaths, state: RunState) -> None:
    """Write the page anew."""
    assert state.opened is not None
    pages = Environment(loader=PackageLoader("summtune.reporting"), autoescape=True)
    pages.filters["breakable"] = _breakable
    template = pages.get_template("report.html.j2")
    best, found, scale = standings.best(state), figures(state, last_iterations(state), most_trials(state)), _scale(state)
    durable.write_text(
        run.report,
        template.render(
            name=state.opened.name,
            run_id=state.opened.run_id,
            status=state.status,
            objective=state.objective,
            by_proxy=state.by_proxy,
            goal="higher is better" if state.maximize else "lower is better",
            rows=rows(state),
            figures=found,
            decodings=decoding_texts(state),
            ending=ending_texts(state, found),
            warm_start=warm_start_texts(state),
            seeds=seeds_texts(state, found),
            proxy=proxy_texts(found.faithfulness),
            front=front_texts(state),
            plots=plots(state),
            further=[aim.name for aim in state.objectives[1:]],
            keys=list(dict.fromkeys(key for trial in state.searched for key in trial.point)),
            curves=[_curve(state, trial, best, scale) for trial in state.trials.values() if trial.reports],
            scale=scale,
            levels=across(*scale[:2], HEIGHT, upwards=True),
            ticks=counted(scale[2], WIDTH),
            width=WIDTH,
            height=HEIGHT,
            notes=state.notes,
            reason=state.reason if state.status == "failed" else "",
            failures=[*failure_texts(state), *retried_texts(state)],
            retries_text=retries_text,
        ),
    )


def _breakable(name: str) -> Markup:
    """A name that may be broken where its words meet, so that a column is as wide as its values."""
    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


def _scale(state: RunState) -> tuple[float, float, int]:
    """Least and greatest objective, and the last iteration, over all reports."""
    values = [report.metrics[state.objective] for trial in state.trials.values() for report in trial.reports]
    last = max((trial.iteration for trial in state.trials.values()), default=1)
    return min(values, default=0.0), max(values, default=1.0), last


def _curve(state: RunState, trial: TrialState, best: TrialState | None, scale: tuple[float, float, int]) -> dict[str, object]:
    """A trial's objective over its iterations, as points of an SVG polyline."""
    low, high, last = scale

    def place(report: Reported) -> str:
        right = WIDTH * (report.iteration - 1) / max(1, last - 1)
        up = HEIGHT * (report.metrics[state.objective] - low) / ((high - low) or 1.0)
        return f"{right:.1f},{HEIGHT - up:.1f}"

    return {
        "trial": trial.id,
        "points": " ".join(place(report) for report in (trial.reports if len(trial.reports) > 1 else trial.reports * 2)),
        "lone": len(trial.reports) == 1,  # a line of no length, which its round ends make a dot
        "status": trial.status,
        "best": best is not None and trial.id == best.id,
        "baseline": trial.baseline,
    }

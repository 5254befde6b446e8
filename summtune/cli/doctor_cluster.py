"""`summtune doctor --address URL`: whether a cluster is fit for runs, asked from here by a short job."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from summtune.cli.cluster_options import connected
from summtune.errors import SurroundingsFailure

if TYPE_CHECKING:
    from summtune.cluster.access import Access
    from summtune.cluster.fitness import Finding

PATIENCE_S = 300.0
"""How long the job may take; Ray would let it wait for a quarter of an hour."""


def doctor_cluster(address: str | None, code: str | None, *, plaintext: bool, as_json: bool) -> int:
    """Let a job look at every node, and say what it found."""
    from importlib.metadata import version

    import summtune
    from summtune.cli.submit import chosen_code
    from summtune.cluster import addresses
    from summtune.cluster.fitness import Asked, judged

    chosen = chosen_code(code)
    access = connected(address, plaintext=plaintext)
    if not as_json:
        typer.echo(f"Asking every node of {access.url} …", err=True)
    record = _probed(access)
    asked = Asked(
        access.url, access.authenticates, addresses.is_clear_text(access.url), chosen, version=summtune.__version__, ray=version("ray")
    )
    findings = judged(asked, record)
    fit = not any(finding.fatal and not finding.ok for finding in findings)
    if as_json:
        told = {"url": access.url, "fit": fit, "findings": [asdict(finding) for finding in findings], **record}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _show(record, findings, fit=fit)
    return 0 if fit else SurroundingsFailure.exit_code


def _probed(access: Access) -> dict[str, Any]:
    """What the job found.

    Raises:
        SurroundingsFailure: it found nothing, or didn't end.
    """
    from summtune.cluster import jobs, probe
    from summtune.cluster.packing import pack_module
    from summtune.cluster.submission import Submission, further_identity, submit, variables

    job = Submission(further_identity("doctor", "cluster"), "doctor", (), "", "", variables(os.environ), {}, {}, module=probe.__name__)
    submit(access, job, pack_module(probe.__name__), slot=False)
    ended = jobs.waited_for(access, job.id, PATIENCE_S)
    if not ended.over:
        access.said(lambda client: client.stop_job(job.id))
        raise SurroundingsFailure(f"{job.id} has not ended within {PATIENCE_S:.0f} s: {ended.message or ended.status}. It was stopped.")
    log = access.said(lambda client: client.get_job_logs(job.id))
    _, begin, rest = log.partition(probe.BEGIN)
    text, end, _ = rest.partition(probe.END)
    if not begin or not end:
        typer.echo(log, err=True)
        raise SurroundingsFailure(f"The cluster can't run a job: {ended.outcome or ended.status}. Its log is above.")
    record: dict[str, Any] = json.loads(text)
    return record


def _show(record: dict[str, Any], findings: list[Finding], *, fit: bool) -> None:
    from rich.table import Table

    from summtune.cli.screen import stream_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("node", "Python", "Ray", "torch", "transformers", "summtune", "CPUs", "GPUs", "memory", "clock"):
        table.add_column(name, justify="right" if name in ("CPUs", "GPUs", "memory", "clock") else "left", no_wrap=name != "node")
    for node in sorted(record["nodes"], key=lambda node: not node["head"]):
        table.add_row(*_row(node))
    stream_console().print(table)
    typer.echo()
    for finding in findings:
        typer.echo(f"{'ok ' if finding.ok else 'BAD' if finding.fatal else '-- '} {finding.name:10} {finding.says}")
        if not finding.ok and finding.remedy:
            typer.echo(f"               {finding.remedy}")
    typer.echo(f"\n{'Fit for runs.' if fit else 'Not fit for runs: mend what is BAD.'}")


def _row(node: dict[str, Any]) -> list[str]:
    from summtune.cluster.fitness import accelerators, called, skew

    has = node["resources"]
    memory = f"{has['memory'] / 2**30:.0f} GiB" if "memory" in has else "–"
    gpus = f"{has.get('GPU', 0):g} {accelerators(node)}".strip()
    name = f"{called(node)}{', head' if node['head'] else ''}"
    if "fault" in node:
        return [name, *["?"] * 5, f"{has.get('CPU', 0):g}", gpus, memory, "?"]
    versions = [node["versions"][package] or "none" for package in ("ray", "torch", "transformers", "summtune")]
    clock = "here" if node["driver"] else skew(node["clock"]) if node["clock"] else "?"
    return [name, node["python"], *versions, f"{has.get('CPU', 0):g}", gpus, memory, clock]

"""Whether a cluster is fit for runs: judges what `probe` found there. Each finding says what was seen and what to do.

It must not know how the facts were got, nor how findings are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from summtune.cluster.agreement import DRIVER_RESOURCE, STORAGE_VARIABLE
from summtune.cluster.packing import Code
from summtune.cluster.probe import PACKAGES

LEAST_PYTHON = (3, 11)
LEAST_DISK_GIB = 2.0

STRAY_S, WRONG_S = 2.0, 300.0
"""From here on clocks are told, since times in logs can't be compared; and are wrong: certificates, and object storage's signed requests
(which S3 refuses from 15 minutes on), fail."""

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of what.
        ok: whether nothing is to be said against it.
        says: what was found.
        remedy: what to do where it isn't.
        fatal: whether runs would fail, or be refused; otherwise a remark.
    """

    name: str
    ok: bool
    says: str
    remedy: str = ""
    fatal: bool = True


@dataclass(frozen=True)
class Asked:
    """What is known without the probe.

    Attributes:
        url: the job server.
        authenticates: whether it refuses who has no token.
        clear_text: whether what is said to it can be read on the way, beyond this machine.
        code: whether summtune travels with each job.
        version: of the summtune here.
        ray: of the Ray here.
    """

    url: str
    authenticates: bool
    clear_text: bool
    code: Code
    version: str
    ray: str


def judged(asked: Asked, record: Mapping[str, Any]) -> list[Finding]:
    """All findings, in the order in which a person would mend them."""
    nodes = [node for node in record["nodes"] if "fault" not in node]
    silent = [node for node in record["nodes"] if "fault" in node]
    found = [_authentication(asked), _clear_text(asked), _answers(nodes, silent)]
    if nodes:
        found += [_python(nodes), _ray(nodes, asked), _summtune(nodes, asked), *_packages(nodes), *_gpus(nodes)]
        found += [_turns(record["nodes"]), *_storage(nodes, record["storage"]), _clocks(nodes)]
        found += [
            _server(nodes, "hub", "models by name can't be had there: give folders on the storage"),
            _server(nodes, "wandb", _OFFLINE),
        ]
    return found


_OFFLINE = "runs there are not mirrored, or offline (`wandb.mode: offline`, then `wandb sync`)"
_MEND = "Install the same on all nodes (cluster/Dockerfile is an image that has it), and start Ray again."


def called(node: Node) -> str:
    """A node as people know it."""
    return f"{node['address']} ({node['host']})" if node.get("host") else str(node["address"])


def _authentication(asked: Asked) -> Finding:
    if asked.authenticates:
        return Finding("token", True, "asks for a token, and takes this one")
    says = f"{asked.url} asks for no token: whoever reaches it can run code there, and read jobs' secrets"
    return Finding("token", False, says, "Start Ray with RAY_AUTH_MODE=token and a token on every node.")


def _clear_text(asked: Asked) -> Finding:
    if not asked.clear_text:
        return Finding("clear text", True, "nobody between here and there can listen")
    says = f"{asked.url} is spoken to in clear text: who listens on the way reads the token"
    return Finding("clear text", False, says, "Use https, or a tunnel (`ssh -L 8265:127.0.0.1:8265 HEAD`).", fatal=False)


def _answers(nodes: Sequence[Node], silent: Sequence[Node]) -> Finding:
    if not silent:
        return Finding("nodes", True, f"{len(nodes)} alive, and all answer")
    says = "; ".join(f"{called(node)}: {node['fault']}" for node in silent)
    return Finding("nodes", False, says, "Look into Ray's logs there (/tmp/ray/session_latest/logs), or take the node out.")


def _differing(nodes: Sequence[Node], value: Callable[[Node], object]) -> str:
    """Who has what, where not all have the same; else nothing."""
    by_value: dict[object, list[str]] = {}
    for node in nodes:
        by_value.setdefault(value(node), []).append(called(node))
    if len(by_value) < 2:
        return ""
    return "; ".join(f"{what or 'none'} on {', '.join(who)}" for what, who in by_value.items())


def _python(nodes: Sequence[Node]) -> Finding:
    def minor(node: Node) -> str:
        return ".".join(str(node["python"]).split(".")[:2])

    if differing := _differing(nodes, minor):
        return Finding("python", False, differing, _MEND)
    if tuple(map(int, minor(nodes[0]).split("."))) < LEAST_PYTHON:
        return Finding("python", False, f"{nodes[0]['python']} everywhere; {'.'.join(map(str, LEAST_PYTHON))} is the least", _MEND)
    return Finding(
        "python", True, f"{nodes[0]['python']} everywhere" if not _differing(nodes, _of("python")) else _differing(nodes, _of("python"))
    )


def _of(key: str) -> Callable[[Node], object]:
    return lambda node: node[key]


def _version(package: str) -> Callable[[Node], object]:
    return lambda node: node["versions"][package]


def _ray(nodes: Sequence[Node], asked: Asked) -> Finding:
    if differing := _differing(nodes, _version("ray")):
        return Finding("ray", False, differing, _MEND)
    there = nodes[0]["versions"]["ray"]
    return Finding("ray", True, f"{there} everywhere{'' if there == asked.ray else f', {asked.ray} here'}")


def _summtune(nodes: Sequence[Node], asked: Asked) -> Finding:
    installed = _differing(nodes, _version("summtune")) or f"{nodes[0]['versions']['summtune'] or 'none'} everywhere"
    if asked.code == "here":
        return Finding("summtune", True, f"{asked.version} travels with each job (installed: {installed})")
    wrong = [called(node) for node in nodes if node["versions"]["summtune"] != asked.version]
    if not wrong:
        return Finding("summtune", True, f"{asked.version}, as here")
    says = f"{asked.version} is needed, as here; installed: {installed}"
    return Finding("summtune", False, says, f"Install summtune {asked.version} on {', '.join(wrong)}, or submit with `--code here`.")


def _packages(nodes: Sequence[Node]) -> Iterator[Finding]:
    missing = {called(node): [name for name in PACKAGES if node["versions"][name] is None] for node in nodes}
    missing = {node: names for node, names in missing.items() if names}
    if missing:
        says = "; ".join(f"{node} lacks {', '.join(names)}" for node, names in missing.items())
        yield Finding("packages", False, says, "Install what summtune needs there: `pip install -c constraints.txt summtune`.")
    else:
        yield Finding("packages", True, "all that summtune needs is there")
    for name in ("torch", "transformers"):
        if differing := _differing([node for node in nodes if node["versions"][name]], _version(name)):
            says = f"{name} {differing}: a trial's result may depend on its node"
            yield Finding("packages", False, says, _MEND, fatal=False)


def accelerators(node: Node) -> str:
    """The kinds of a node's accelerators, as Ray calls them."""
    return ", ".join(name.partition(":")[2] for name in node["resources"] if name.startswith("accelerator_type:"))


def _gpus(nodes: Sequence[Node]) -> Iterator[Finding]:
    having = [node for node in nodes if node["resources"].get("GPU")]
    if not having:
        says = "none now: trials run on CPUs, unless an autoscaler brings nodes that have some"
        yield Finding("gpus", False, says, "Start Ray on nodes that have some, or name them: `--num-gpus N`.", fatal=False)
        return
    unusable = {called(node): why["fault"] if isinstance(why := node["cuda"], dict) else why for node in having if node["cuda"]}
    if not unusable:
        says = ", ".join(f"{node['resources']['GPU']:g} {_kind_of_gpu(node)} on {called(node)}" for node in having)
        yield Finding("gpus", True, says)
    else:
        told = "; ".join(f"on {node}: {why}" for node, why in unusable.items())
        remedy = "Install a driver that is new enough for torch's CUDA there, or torch's build with CUDA: trials that are given one fail."
        yield Finding("gpus", False, f"torch can't use them {told}", remedy)


def _kind_of_gpu(node: Node) -> str:
    return accelerators(node) or ("GPU" if node["resources"]["GPU"] == 1 else "GPUs")


def _turns(nodes: Sequence[Node]) -> Finding:
    turns = sum(node["resources"].get(DRIVER_RESOURCE, 0) for node in nodes)
    if turns:
        return Finding("turns", True, f"{turns:g} run{'s' if turns > 1 else ''} at once ({DRIVER_RESOURCE}); others wait")
    says = f"no node declares {DRIVER_RESOURCE}: runs don't wait for their turn, but share what there is"
    return Finding("turns", False, says, f"""Start the head with `--resources '{{"{DRIVER_RESOURCE}": 1}}'`.""", fatal=False)


def _storage(nodes: Sequence[Node], found: Mapping[str, Any]) -> Iterator[Finding]:
    place, names = found["place"], {node["id"]: called(node) for node in nodes}
    export = f"Before Ray is started, on each node: `export {STORAGE_VARIABLE}=FOLDER`, one that all of them see."
    driver = next((called(node) for node in nodes if node["driver"]), "the node of the job")
    if not place or not str(place).startswith("/"):
        given = f"is {place!r}, which is no absolute path," if place else "is not set"
        yield Finding("storage", False, f"{STORAGE_VARIABLE} {given} on {driver}, where jobs begin", export)
        return
    if found["fault"]:
        yield Finding(
            "storage", False, f"{place} can't be written on {driver}: {found['fault']}", "Make or mount it there, for Ray's user."
        )
        return
    bad = list(_unseen(place, names, found["nodes"]))
    yield from bad
    others = [node for node in nodes if node["storage"] != place]
    for node in others:
        says = f"{STORAGE_VARIABLE} is {node['storage'] or 'not set'} on {called(node)}, and {place} on {driver}"
        yield Finding("storage", False, says, export)
    if not bad and not others:
        yield Finding("storage", True, f"{place}: each node reads what the others write")
    if found["free_gib"] is not None:
        enough = found["free_gib"] >= LEAST_DISK_GIB
        yield Finding(
            "disk", enough, f"{found['free_gib']:g} GiB free in {place}", "" if enough else "Make room: each trial keeps a model."
        )


def _unseen(place: str, names: Mapping[str, str], nodes: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with the storage, node by node."""
    mount = f"Mount the folder that the others have as {place} there."
    for node, seen in nodes.items():
        if seen["fault"]:
            yield Finding("storage", False, f"{names[node]} can't write into {place}: {seen['fault']}", mount)
        elif seen["missed"]:
            missed = ", ".join(names[other] for other in seen["missed"])
            yield Finding("storage", False, f"{names[node]} doesn't see what is written in {place} on {missed}", mount)


def _clocks(nodes: Sequence[Node]) -> Finding:
    off = [node for node in nodes if node["clock"] and beyond(node["clock"], STRAY_S)]
    if not off:
        known = [node["clock"] for node in nodes if node["clock"]]
        most = max((abs(one["ahead"]) + one["uncertainty"] for one in known), default=0.0)
        return Finding("clocks", True, f"within {max(most, 0.001):.3f} s of each other")
    says = "; ".join(f"{called(node)} is {skew(node['clock'])}" for node in off)
    wrong = any(beyond(node["clock"], WRONG_S) for node in off)
    return Finding("clocks", False, says, "Let an NTP client run there (chrony, systemd-timesyncd).", fatal=wrong)


def beyond(clock: Mapping[str, float], limit: float) -> bool:
    """Whether a clock is off by more than that for certain."""
    return abs(clock["ahead"]) - clock["uncertainty"] > limit


def skew(clock: Mapping[str, float]) -> str:
    """By how much a clock is off."""
    return f"{abs(clock['ahead']):.3f} ± {clock['uncertainty']:.3f} s {'ahead' if clock['ahead'] > 0 else 'behind'}"


def _server(nodes: Sequence[Node], name: str, otherwise: str) -> Finding:
    cut_off = [node for node in nodes if node[name]["fault"]]
    label = "W&B" if name == "wandb" else name
    if not cut_off:
        return Finding(label, True, f"{nodes[0][name]['address']} answers on every node")
    who = "any node" if len(cut_off) == len(nodes) else ", ".join(map(called, cut_off))
    says = f"{cut_off[0][name]['address']} can't be reached from {who} ({cut_off[0][name]['fault']}): {otherwise}"
    return Finding(label, False, says, fatal=False)

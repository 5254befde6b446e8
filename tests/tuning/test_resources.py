from pathlib import Path

import pytest

from summtune.config.experiment import Experiment, load_experiment
from summtune.errors import SettingsMistake
from summtune.tuning.allotment import Allotment
from summtune.tuning.resources import allot, check_fit, check_labels, check_sharding, concurrency, leaves_cpus_open, leaves_gpus_open


def experiment(tmp_path: Path, text: str = "") -> Experiment:
    file = tmp_path / "space.yaml"
    file.write_text("parameters: {learning_rate: {values: [1e-4, 1e-3]}}\n" + text, encoding="utf-8")
    return load_experiment(file, environ={})


@pytest.mark.parametrize(
    ("text", "node", "allotment"),
    [
        ("", {"CPU": 2.0}, Allotment(cpus=1.0, gpus=0.0)),
        ("", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=4.0, gpus=1.0)),
        ("resources: {gpus_per_trial: 0.5}", {"CPU": 4.0, "GPU": 8.0}, Allotment(cpus=0.25, gpus=0.5)),
        ("resources: {gpus_per_trial: 0.5}", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=2.0, gpus=0.5)),
        ("resources: {cpus_per_trial: 2}", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=2.0, gpus=1.0)),
        ("settings: {general: {device: cpu}}", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=1.0, gpus=0.0)),
        ("settings: {general: {device: cuda}}", {"CPU": 2.0}, Allotment(cpus=1.0, gpus=1.0)),  # for nodes that may yet come
        ("resources: {gpus_per_trial: 0}", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=1.0, gpus=0.0)),
        ("resources: {workers_per_trial: 2}", {"CPU": 4.0}, Allotment(cpus=2.0, gpus=0.0, workers=2)),
        ("resources: {workers_per_trial: 2}", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=8.0, gpus=2.0, workers=2)),
        ("resources: {gpus_per_trial: 4}", {"CPU": 16.0, "GPU": 4.0}, Allotment(cpus=16.0, gpus=4.0, workers=4)),
        ("resources: {workers_per_trial: 2, cpus_per_trial: 3}", {"CPU": 4.0}, Allotment(cpus=3.0, gpus=0.0, workers=2)),
        ("resources: {workers_per_trial: 2, gpus_per_trial: 0}", {"CPU": 4.0, "GPU": 2.0}, Allotment(cpus=2.0, gpus=0.0, workers=2)),
        ("resources: {label_selector: {rack: 7}}", {"CPU": 2.0}, Allotment(cpus=1.0, gpus=0.0, label_selector={"rack": "7"})),
        (
            "resources: {accelerator_type: A100}",
            {"CPU": 16.0, "GPU": 4.0, "accelerator_type:A100": 1.0},
            Allotment(cpus=4.0, gpus=1.0, accelerator_type="A100"),
        ),
    ],
)
def test_a_trials_share(tmp_path: Path, text: str, node: dict[str, float], allotment: Allotment) -> None:
    assert allot(experiment(tmp_path, text), [node]) == allotment


def test_gpus_that_an_autoscaler_could_bring_are_given(tmp_path: Path) -> None:
    nodes = [{"CPU": 2.0}]
    assert leaves_gpus_open(experiment(tmp_path), nodes)
    others = [{"CPU": 2.0, "GPU": 1.0, "accelerator_type:T4": 1.0}]
    assert not leaves_gpus_open(experiment(tmp_path), others)
    assert leaves_gpus_open(experiment(tmp_path, "resources: {accelerator_type: A100}"), others), "those that are there are not meant"
    assert not leaves_gpus_open(experiment(tmp_path, "resources: {gpus_per_trial: 0}"), nodes)
    assert not leaves_gpus_open(experiment(tmp_path, "settings: {general: {device: cpu}}"), nodes)
    assert allot(experiment(tmp_path), nodes, gpus_may_come=True) == Allotment(cpus=1.0, gpus=1.0)


def test_the_cpus_beside_gpus_that_are_not_there_yet_are_not_known(tmp_path: Path) -> None:
    """They are those of the first node to come, and not one: that would leave the others idle, and be another share an hour later."""
    none_yet, some = [{"CPU": 2.0}], [{"CPU": 2.0}, {"CPU": 8.0, "GPU": 2.0, "accelerator_type:T4": 1.0}]
    for text, nodes, left_open in (
        ("settings: {general: {device: cuda}}", none_yet, True),
        ("settings: {general: {device: cuda}}", some, False),
        ("resources: {gpus_per_trial: 2}", none_yet, True),
        ("resources: {gpus_per_trial: 1, accelerator_type: A100}", some, True),
        ("resources: {gpus_per_trial: 1, accelerator_type: T4}", some, False),
        ("resources: {gpus_per_trial: 1, cpus_per_trial: 4}", none_yet, False),
        ("", none_yet, False),
    ):
        one = experiment(tmp_path, text)
        assert leaves_cpus_open(one, allot(one, nodes), nodes) is left_open, text


def test_cpus_of_nodes_without_gpus_are_not_promised_to_trials_with_one(tmp_path: Path) -> None:
    nodes = [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 8.0}]
    share = allot(experiment(tmp_path), nodes)
    assert share == Allotment(cpus=1.0, gpus=1.0)
    assert concurrency(share, nodes, None) == 8


@pytest.mark.parametrize(
    ("allotment", "nodes", "limit", "at_once"),
    [
        (Allotment(1, 0), [{"CPU": 2.0}], None, 2),
        (Allotment(1, 0), [{"CPU": 2.0}, {"CPU": 3.0}], None, 5),
        (Allotment(4, 1), [{"CPU": 16.0, "GPU": 4.0}], None, 4),
        (Allotment(4, 1), [{"CPU": 6.0, "GPU": 4.0}], None, 1),
        (Allotment(1, 0.5), [{"CPU": 16.0, "GPU": 4.0}], None, 8),
        (Allotment(2, 0), [{"CPU": 3.0}, {"CPU": 3.0}], None, 2),
        (Allotment(1, 0), [{"CPU": 16.0}], 3, 3),
        (Allotment(1, 0.1), [{"CPU": 16.0, "GPU": 1.0}], None, 10),
        (Allotment(2, 0, workers=2), [{"CPU": 4.0}], None, 2),
        (Allotment(2, 0, workers=2), [{"CPU": 1.0}, {"CPU": 1.0}], None, 1),
        (Allotment(8, 4, workers=4), [{"CPU": 16.0, "GPU": 3.0}, {"CPU": 6.0, "GPU": 8.0}], None, 1),
        (Allotment(1, 1, accelerator_type="A100"), [{"CPU": 9.0, "GPU": 3.0, "accelerator_type:T4": 1.0}], None, 0),
        (Allotment(1, 1, accelerator_type="T4"), [{"CPU": 9.0, "GPU": 3.0, "accelerator_type:T4": 1.0}, {"GPU": 8.0}], None, 3),
    ],
)
def test_trials_at_once(allotment: Allotment, nodes: list[dict[str, float]], limit: int | None, at_once: int) -> None:
    assert concurrency(allotment, list(nodes), limit) == at_once


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    with pytest.raises(SettingsMistake) as caught:
        check_fit(Allotment(cpus=8, gpus=1), [{"CPU": 2.0}], wants_cuda=True)
    assert str(caught.value).splitlines() == [
        "general.device: no node has a GPU. Set general.device to cpu or auto, or run where there is one.",
        "resources.gpus_per_trial: a trial asks for 1 GPUs, and no node has more than 0. "
        "Lower it, set `general.device: cpu`, or check CUDA_VISIBLE_DEVICES.",
        "resources.cpus_per_trial: a trial asks for 8 CPUs, and no node has more than 2. Lower it.",
    ]
    check_fit(Allotment(cpus=2, gpus=1), [{"CPU": 2.0}, {"CPU": 4.0, "GPU": 1.0}], wants_cuda=True)


def test_what_no_single_node_holds_is_refused_also_where_each_part_is_somewhere() -> None:
    with pytest.raises(SettingsMistake, match="resources: a trial asks for 9 CPUs and 1 GPUs, and no node has both."):
        check_fit(Allotment(cpus=9, gpus=1), [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 8.0}], wants_cuda=False)


def test_workers_that_never_fit_together_are_refused() -> None:
    with pytest.raises(SettingsMistake) as caught:
        check_fit(Allotment(cpus=6, gpus=0, workers=3), [{"CPU": 2.0}, {"CPU": 3.0}], wants_cuda=False)
    assert str(caught.value) == (
        "resources.workers_per_trial: a trial has 3 workers with 2 CPUs each, and all nodes together have room for 2. "
        "Lower their number, or what each is given."
    )
    check_fit(Allotment(cpus=4, gpus=0, workers=2), [{"CPU": 2.0}, {"CPU": 3.0}], wants_cuda=False)
    with pytest.raises(SettingsMistake, match="a worker asks for 4 CPUs, and no node has more than 3"):
        check_fit(Allotment(cpus=8, gpus=0, workers=2), [{"CPU": 2.0}, {"CPU": 3.0}], wants_cuda=False)


def test_a_type_of_accelerator_that_no_node_has_is_refused() -> None:
    nodes = [{"CPU": 8.0, "GPU": 1.0, "accelerator_type:T4": 1.0}]
    with pytest.raises(SettingsMistake, match="accelerator_type: no node has accelerators of type A100; there are T4. Leave it out."):
        check_fit(Allotment(1, 1, accelerator_type="A100"), nodes, wants_cuda=False)
    with pytest.raises(SettingsMistake, match="no node has accelerators of type A100; no node names any."):
        check_fit(Allotment(1, 1, accelerator_type="A100"), [{"CPU": 8.0, "GPU": 1.0}], wants_cuda=False)
    check_fit(Allotment(1, 1, accelerator_type="T4"), nodes, wants_cuda=False)


def test_what_a_worker_reserves() -> None:
    assert Allotment(3, 2, workers=2, accelerator_type="T4").bundle == {"CPU": 1.5, "GPU": 1.0, "accelerator_type:T4": 0.001}
    assert Allotment(3, 0, workers=2).bundle == {"CPU": 1.5}
    assert Allotment(8, 2, workers=2).of_a_worker == Allotment(4, 1)
    assert (Allotment(5, 0, workers=2).threads, Allotment(0.5, 0.5).threads) == (2, 1)


def test_models_are_sharded_over_gpus_only(tmp_path: Path) -> None:
    text = "base: tiny-kogpt2\nsettings: {training: {fsdp: true}}\nresources: {workers_per_trial: 2}"
    sharded = experiment(tmp_path, text)
    with pytest.raises(SettingsMistake, match="training.fsdp: accelerate shards models over GPUs only, and a trial is given none"):
        check_sharding(sharded, allot(sharded, [{"CPU": 4.0}]))
    check_sharding(sharded, allot(sharded, [{"CPU": 4.0, "GPU": 2.0}]))


def test_cuda_without_a_gpu_for_the_trial_is_refused() -> None:
    with pytest.raises(SettingsMistake, match="general.device is cuda, and a trial is given no GPU"):
        check_fit(Allotment(cpus=1, gpus=0), [{"CPU": 8.0, "GPU": 8.0}], wants_cuda=True)


def test_no_room_is_no_room() -> None:
    assert concurrency(Allotment(cpus=1, gpus=1), [{"CPU": 8.0}], None) == 0


def test_a_selector_that_no_node_satisfies_is_refused() -> None:
    labels = [{"ray.io/node-id": "1", "market-type": "spot"}, {"market-type": "on-demand", "zone": "a"}]
    check_labels({}, [])
    check_labels({"market-type": "!spot", "zone": "in(a, b)"}, labels)
    said = (
        "resources.label_selector: no node is labelled market-type: fixed; nodes have market-type=on-demand, market-type=spot. Leave it out"
    )
    with pytest.raises(SettingsMistake, match=said):
        check_labels({"market-type": "fixed"}, labels)
    with pytest.raises(SettingsMistake, match=r"no node is labelled rack: 7; no node has a label of that name \(rack\)\."):
        check_labels({"rack": "7"}, labels)


@pytest.mark.parametrize(("limit", "at_once"), [(None, 3), (5, 5), (1, 1)])
def test_where_nodes_are_brought_for_what_waits_something_waits(limit: int | None, at_once: int) -> None:
    assert concurrency(Allotment(1, 0), [{"CPU": 2.0}], limit, grows=True) == at_once
    assert concurrency(Allotment(1, 0), [], limit, grows=True) >= 1, "else nothing would ever be brought"

"""Trains one model and reports every evaluation. The same in a test, in a trial and in `summtune train`: it never asks where it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from summtune.config.metrics import goals
from summtune.config.settings import Settings, Training
from summtune.corpus.dialogues import Split, read_split
from summtune.decoding.evaluation import Evaluator
from summtune.decoding.generation import generation_config
from summtune.decoding.room import is_out_of_memory
from summtune.errors import Interrupted, Problem, RunMistake, SettingsMistake, TrialFailure
from summtune.families import Loaded, Sources, family_of
from summtune.families._line_breaks import line_break_was_added
from summtune.training.adapters import trainable
from summtune.training.arguments import Hardware, resolve_hardware, training_arguments
from summtune.training.compiling import prepare_compiling
from summtune.training.data_facts import cuts, data_facts, data_notices
from summtune.training.job import Job, Report, StopAsked, never
from summtune.training.log import LOG, to_file
from summtune.training.memory import DoesNotFit, Parts, from_last_checkpoint, step_rows, with_room
from summtune.training.notices import Note, Notices
from summtune.training.process import restored, world_of_one
from summtune.training.progress import Progress, Standing, callback_class
from summtune.training.ranks import Ranks, rank_of_this_process, ranks_of_this_process
from summtune.training.receipt import differs_from
from summtune.training.rehearsal import callback_class as rehearsal_class
from summtune.training.resumption import faults_of
from summtune.training.rows import token_rows
from summtune.training.store import Store
from summtune.training.trainer import trainer_class


def train(job: Job, report: Report, note: Note = lambda text: None, stop_asked: StopAsked = never) -> None:
    """Train as the job says, calling `report` after every evaluation.

    Whatever ends it (the last step, patience, an exception, SystemExit out of `report`), the process is left as it was found.

    Args:
        job: what to train.
        report: called after every evaluation.
        note: told what a person should read, each sentence once, as it turns up; before the report that follows it.
        stop_asked: asked after every step whether to end there, with a checkpoint.

    Raises:
        DataMistake: the data can't be used.
        CheckpointMistake: the model can't be had.
        SettingsMistake: settings that the hardware or transformers refuse.
        RunMistake: `resume_from` is no whole checkpoint.
        SurroundingsFailure: a checkpoint or the cache can't be written.
        Interrupted: `stop_asked`; a checkpoint of the last step is there.
        MetricMistake: a person's own metric doesn't do what it declares.
        TrialFailure: the loss diverged, time ran out, or not even one row fits into memory.
    """
    began = time.perf_counter()
    job.attempt.folder.mkdir(parents=True, exist_ok=True)
    rank = rank_of_this_process()
    log = to_file(job.attempt.log_of(rank), job.settings.general.log_level)
    with log, restored(job.threads), world_of_one(job.settings.training), ranks_of_this_process() as ranks:
        import torch

        try:
            _train(job, report, Notices(note if ranks.first else _nobody), began, stop_asked, ranks)
        except Interrupted as interruption:
            LOG.info("%s", interruption)
            raise
        except DoesNotFit:
            raise
        except torch.OutOfMemoryError as problem:
            LOG.exception("the training failed")
            reason = f"the model itself does not fit into the GPU's memory ({problem}). Take a smaller one."
            raise TrialFailure("out_of_memory", reason) from problem
        except Exception:  # into training.log while its handler is there; whoever called decides what it means
            LOG.exception("the training failed")
            raise


def _nobody(text: str) -> None:
    """Who is told by the workers beside rank 0, which say the same."""


def _train(job: Job, report: Report, notices: Notices, began: float, stop_asked: StopAsked, ranks: Ranks) -> None:
    settings = job.settings
    if job.micro_batch is not None:
        job = from_last_checkpoint(job)
    for notice in job.notices:
        notices.say(notice)
    if job.resume_from is not None and (faults := faults_of(job.resume_from)):
        raise RunMistake([Problem(fault, "Resume from an earlier one.") for fault in faults])
    hardware = resolve_hardware(settings)
    prepare_compiling(settings.training, hardware.device)
    for notice in hardware.notices:
        notices.say(notice)
    train_split, dev_split = read_split(settings.data, "train"), read_split(settings.data, "dev")
    store = Store(job.cache)
    family = family_of(settings)
    load = partial(_load, family, settings, Sources(store.once, partial(_texts, train_split), train_split.digest))
    loaded, parameters = load(job.resume_from)
    train_rows = token_rows(family, loaded, train_split, settings, store, taught=True)
    dev_rows = token_rows(family, loaded, dev_split, settings, store, taught=False)
    data = {
        name: data_facts(split, cuts(rows), settings)
        for name, split, rows in (("train", train_split, train_rows), ("dev", dev_split, dev_rows))
    }
    data_said = data_notices(data, settings, line_break_added=line_break_was_added(loaded.tokenizer))
    for notice in (*loaded.notices, *data_said):
        notices.say(notice)
    references = [dialogue.references for dialogue in dev_split.dialogues]
    columns = {"input_ids": list(dev_rows["input_ids"]), "labels": list(dev_rows["labels"])}
    dialogues = [dialogue.dialogue for dialogue in dev_split.dialogues]
    cheap = settings.evaluation.strategy == "proxy"
    evaluator = Evaluator(family, loaded.tokenizer, columns, dialogues, references, settings, job.cache, cheap=cheap, sharing=ranks)
    load_s = time.perf_counter() - began
    progress = Progress(
        job=job,
        report=report,
        evaluator=evaluator,
        standing=Standing.of(job),
        ids=[dialogue.id for dialogue in dev_split.dialogues],
        references=[several[0] for several in references],
        facts={
            "device": hardware.device,
            "precision": hardware.precision,
            "attention": getattr(loaded.model.config, "_attn_implementation", None),
            "data": data,
        },
        notices=notices,
        began=began,
        load_s=load_s,
        stop_asked=stop_asked,
        ranks=ranks,
        parameters=parameters,
        trainable_parameters=sum(parameter.numel() for parameter in loaded.model.parameters() if parameter.requires_grad),
    )
    if progress.is_over:
        progress.write_results("finished")
        return
    ready = [loaded]
    del loaded  # a training that begins again must not find the model of the first beginning in memory

    def optimise(job: Job, parts: Parts) -> None:
        _optimise(job, family, ready.pop() if ready else load(job.resume_from)[0], (train_rows, dev_rows), progress, hardware, parts)

    with_room(job, progress, optimise)
    progress.write_results("finished")


def _load(family: ModuleType, settings: Settings, sources: Sources, resume_from: Path | None) -> tuple[Loaded, int]:
    """Model and tokenizer, ready to train, and how many parameters the model has without adapters."""
    import torch

    torch.manual_seed(settings.general.seed)  # embeddings of added tokens are drawn; transformers' own seeding comes later
    # A checkpoint of adapters is laid over the model that they were made for, which is made anew.
    whole = resume_from if settings.model.lora is None else None
    loaded: Loaded = family.load(settings, replace(sources, resume_from=whole))
    loaded.model.generation_config = family.adapted(generation_config(loaded.model, settings.generation))
    parameters = loaded.model.num_parameters()
    return trainable(loaded, settings), parameters


def _optimise(
    job: Job, family: ModuleType, loaded: Loaded, rows: tuple[Any, Any], progress: Progress, hardware: Hardware, parts: Parts
) -> None:
    from transformers import PrinterCallback

    _check_objective(job)
    _check_batches(job.settings.training, len(rows[0]))
    ranks = progress.ranks

    def arguments_of(settings: Settings) -> Any:
        return training_arguments(settings, hardware, job.attempt.checkpoints, job.objective_name, maximize=job.maximize)

    arguments = arguments_of(parts.within(job.settings))
    first = parts == Parts.asked(job.settings.training, ranks.size)
    if first and ranks.first:
        undealt = arguments if not ranks.several else arguments_of(job.settings)
        progress.facts["differs_from_baseline"] = differs_from(job.baseline, job.settings, undealt, job.attempt.checkpoints)
    if ranks.several and arguments.ddp_find_unused_parameters is None:
        # transformers would look for weights without a gradient in every step. There are none, unless layers are left out by chance.
        config = loaded.model.config
        arguments.ddp_find_unused_parameters = any(getattr(config, f"{part}layerdrop", 0) for part in ("", "encoder_", "decoder_"))
    rehearsing = first and (job.rehearse if job.rehearse is not None else hardware.device == "cuda")
    rehearsal = [rehearsal_class()(parts, ranks)] if rehearsing else []
    trainer = trainer_class()(
        family=family,
        assess=progress.assess,
        record=progress.record,
        step_rows=step_rows(job.settings.training),
        ranks=ranks,
        model=loaded.model,
        args=arguments,
        train_dataset=rows[0],
        eval_dataset=rows[1],  # only so that transformers accepts evaluating: `assess` has its own
        data_collator=partial(_collate, family, loaded.tokenizer, _shortest(rows[0]) if ranks.several else None),
        processing_class=loaded.tokenizer,
        callbacks=[*rehearsal, callback_class()(progress)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints every log line to the screen
    progress.trainer = trainer
    for callback in rehearsal:
        callback.trainer = trainer
    try:
        trainer.train(resume_from_checkpoint=str(job.resume_from) if job.resume_from is not None else None)
    except (RuntimeError, MemoryError) as problem:
        if is_out_of_memory(problem):
            raise DoesNotFit(parts.smaller(), f"in step {trainer.state.global_step + 1}", alone=ranks.several) from None
        raise
    finally:
        _release(trainer, progress)


def _collate(family: ModuleType, tokenizer: Any, spare: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]) -> Any:
    """A batch; of no rows, for a worker that has no part in a step, one of a spare row that nothing is learned from."""
    if rows or spare is None:
        return family.collate(tokenizer, rows)
    batch = family.collate(tokenizer, [spare])
    batch["labels"].fill_(-100)
    return batch


def _shortest(rows: Any) -> Mapping[str, Any]:
    lengths = list(rows["length"])
    row: Mapping[str, Any] = rows[lengths.index(min(lengths))]
    return row


def _release(trainer: Any, progress: Progress) -> None:
    """Cut every reference to model and optimiser: a traceback that someone keeps would otherwise keep them, too."""
    progress.trainer = None
    trainer.accelerator.free_memory()
    trainer.callback_handler.model = trainer.callback_handler.optimizer = trainer.callback_handler.lr_scheduler = None
    trainer.callback_handler.train_dataloader = trainer.callback_handler.eval_dataloader = None
    trainer.model = trainer.model_wrapped = trainer.optimizer = trainer.lr_scheduler = None
    trainer.train_dataset = trainer.eval_dataset = None


def _check_objective(job: Job) -> None:
    keys = goals(job.settings.evaluation.metrics)
    if job.objective_name not in keys:
        reason = f"no metric reports {job.objective_name!r}."
        raise SettingsMistake(Problem(reason, f"There are {', '.join(sorted(keys))}.", key="metric.name"))


def _check_batches(training: Training, rows: int) -> None:
    size = training.per_device_train_batch_size
    if getattr(training, "dataloader_drop_last", False) and rows < size:
        reason = f"the {rows} rows of training data don't fill a batch of {size}, and all would be left out."
        raise SettingsMistake(
            Problem(reason, "Leave it out, or give a smaller per_device_train_batch_size.", key="training.dataloader_drop_last")
        )


def _texts(split: Split) -> list[str]:
    return [text for dialogue in split.dialogues for text in (dialogue.dialogue, dialogue.summary or "")]

"""Trains one model and reports every evaluation. The same in a test, in a trial and in `summtune train`: it never asks where it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any

from summtune.config.metrics import goals
from summtune.config.settings import Settings
from summtune.corpus.dialogues import Dialogue, Split, read_split
from summtune.corpus.tokenised import tokenised
from summtune.decoding.evaluation import Evaluator
from summtune.decoding.generation import generation_config
from summtune.errors import Problem, RunMistake, SettingsMistake, TrialFailure
from summtune.families import Loaded, Sources, family_of
from summtune.training.arguments import resolve_hardware, training_arguments
from summtune.training.checkpoints import verify
from summtune.training.job import Job, Report
from summtune.training.log import LOG, to_file
from summtune.training.process import restored
from summtune.training.progress import Progress, Standing, callback_class
from summtune.training.receipt import differs_from
from summtune.training.store import Store
from summtune.training.trainer import trainer_class


def train(job: Job, report: Report) -> None:
    """Train as the job says, calling `report` after every evaluation.

    Whatever ends it (the last step, patience, an exception, SystemExit out of `report`), the process is left as it was found.

    Raises:
        DataMistake: the data can't be used.
        CheckpointMistake: the model can't be had.
        SettingsMistake: settings that the hardware or transformers refuse.
        RunMistake: `resume_from` is no whole checkpoint.
        SurroundingsFailure: a checkpoint or the cache can't be written.
        MetricMistake: a person's own metric doesn't do what it declares.
        TrialFailure: the loss diverged, memory or time ran out.
    """
    began = time.perf_counter()
    job.attempt.folder.mkdir(parents=True, exist_ok=True)
    with to_file(job.attempt.log, job.settings.general.log_level), restored(job.threads):
        import torch

        try:
            _train(job, report, began)
        except torch.OutOfMemoryError as problem:
            LOG.exception("the training failed")
            reason = "the GPU's memory does not suffice; smaller batches with more gradient_accumulation_steps, or shorter lengths, help"
            raise TrialFailure("out_of_memory", f"{reason} ({problem}).") from problem
        except Exception:  # into training.log while its handler is there; whoever called decides what it means
            LOG.exception("the training failed")
            raise


def _train(job: Job, report: Report, began: float) -> None:
    settings = job.settings
    if job.resume_from is not None and (faults := verify(job.resume_from)):
        raise RunMistake([Problem(fault, "Resume from an earlier one.") for fault in faults])
    hardware = resolve_hardware(settings)
    if hardware.notice:
        LOG.warning(hardware.notice)
    train_split, dev_split = read_split(settings.data, "train"), read_split(settings.data, "dev")
    store = Store(job.cache)
    family = family_of(settings)
    loaded = family.load(settings, Sources(store.once, partial(_texts, train_split), train_split.digest, resume_from=job.resume_from))
    loaded.model.generation_config = family.adapted(generation_config(loaded.model, settings.generation))
    _freeze(loaded.model, settings)
    train_rows = _tokenised(family, loaded, train_split, settings, store)
    dev_rows = _tokenised(family, loaded, dev_split, settings, store)
    references = [dialogue.summary or "" for dialogue in dev_split.dialogues]
    columns = {"input_ids": list(dev_rows["input_ids"]), "labels": list(dev_rows["labels"])}
    dialogues = [dialogue.dialogue for dialogue in dev_split.dialogues]
    evaluator = Evaluator(family, loaded.tokenizer, columns, dialogues, [[reference] for reference in references], settings, job.cache)
    load_s = time.perf_counter() - began
    progress = Progress(
        job=job,
        report=report,
        evaluator=evaluator,
        standing=Standing.of(job),
        ids=[dialogue.id for dialogue in dev_split.dialogues],
        references=references,
        facts={
            "device": hardware.device,
            "precision": hardware.precision,
            "notice": hardware.notice,
            "data": {"train": _facts(train_split, train_rows), "dev": _facts(dev_split, dev_rows)},
        },
        began=began,
        load_s=load_s,
        parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
    )
    if progress.patience_is_over:
        progress.write_results("finished")
        return
    _optimise(job, family, loaded, (train_rows, dev_rows), progress, hardware)
    progress.write_results("finished")


def _optimise(job: Job, family: ModuleType, loaded: Loaded, rows: tuple[Any, Any], progress: Progress, hardware: Any) -> None:
    from transformers import PrinterCallback

    _check_objective(job)
    arguments = training_arguments(job.settings, hardware, job.attempt.checkpoints, job.objective_name, maximize=job.maximize)
    progress.facts["differs_from_baseline"] = differs_from(job.baseline, job.settings, arguments, job.attempt.checkpoints)
    trainer = trainer_class()(
        family=family,
        assess=progress.assess,
        record=progress.record,
        model=loaded.model,
        args=arguments,
        train_dataset=rows[0],
        eval_dataset=rows[1],  # only so that transformers accepts evaluating: `assess` has its own
        data_collator=partial(family.collate, loaded.tokenizer),
        processing_class=loaded.tokenizer,
        callbacks=[callback_class()(progress)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints every log line to the screen
    progress.trainer = trainer
    try:
        trainer.train(resume_from_checkpoint=str(job.resume_from) if job.resume_from is not None else None)
    finally:
        _release(trainer, progress)


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


def _texts(split: Split) -> list[str]:
    return [text for dialogue in split.dialogues for text in (dialogue.dialogue, dialogue.summary or "")]


def _tokenised(family: ModuleType, loaded: Loaded, split: Split, settings: Settings, store: Store) -> Any:
    def encode(dialogues: Sequence[Dialogue]) -> dict[str, list[Any]]:
        summaries = [dialogue.summary or "" for dialogue in dialogues]
        texts = [dialogue.dialogue for dialogue in dialogues]
        columns: dict[str, list[Any]] = family.encode(loaded.tokenizer, texts, summaries, settings)
        return columns

    return tokenised(split, encode, family.encoding_digest(loaded, settings), store.once)


def _facts(split: Split, rows: Any) -> dict[str, Any]:
    return {"file": str(split.file), "rows": len(rows), "fingerprint": split.fingerprint, "cut": sum(rows["cut"])}


def _freeze(model: Any, settings: Settings) -> None:
    embeddings = {id(parameter) for parameter in model.get_input_embeddings().parameters()}
    if settings.model.freeze_encoder:
        for parameter in model.get_encoder().parameters():
            # The encoder's embeddings are the decoder's, too: freezing them is freeze_embeddings' affair.
            if id(parameter) not in embeddings:
                parameter.requires_grad_(False)
    if settings.model.freeze_embeddings:
        model.get_input_embeddings().requires_grad_(False)

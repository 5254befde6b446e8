"""transformers' Trainer with our evaluation, our loss and our checkpoints. Optimisation stays transformers'.

It must not know what is done with an evaluation (`progress` does). What is overridden, and why:
    _get_train_sampler   batches of similar length whose order depends on seed and epoch alone, so that resuming continues exactly
    get_train_dataloader where there are several workers: a step's rows are dealt out to them, so that it is the step of one alone
    compute_loss         mean over the target tokens of the whole accumulated batch (BART's own loss is a mean per micro-batch)
    training_step        a NaN or infinite loss fails the trial; tokens and loss are counted without waiting for the GPU
    evaluate             the evaluator of `decoding`, the same code as everywhere
    _save_checkpoint     written aside, sealed, renamed
    _save                without training_args.bin, a pickle that nobody reads
    _load_optimizer_and_scheduler
                         their states alone: learning rates and the like are the settings'
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from summtune import durable
from summtune.errors import TrialFailure
from summtune.training.adapters import bare
from summtune.training.batches import Dealt, LengthGrouped
from summtune.training.checkpoints import bytes_on_disk, checkpoint_folder, seal, sealed_checkpoints
from summtune.training.counts import Counts
from summtune.training.disk import Writing
from summtune.training.hyperparameters import as_asked
from summtune.training.ranks import Ranks
from summtune.training.sharded import OPTIMIZER_FILE, WEIGHTS_FILE, whole_model

PROGRESS_FILE = "summtune.json"

MODEL_ONLY_STATE = (
    *("optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin", PROGRESS_FILE),
    *("latest", "zero_to_fp32.py", "zero_to_torch.py"),  # DeepSpeed's
    *(OPTIMIZER_FILE, WEIGHTS_FILE),
)


@cache
def trainer_class() -> Any:
    """The subclass; made on first use, since transformers takes seconds to import."""
    import torch
    from accelerate.data_loader import SeedableRandomSampler, prepare_data_loader
    from transformers import Trainer
    from transformers.integrations.neftune import neftune_post_forward_hook
    from transformers.trainer_utils import seed_worker

    class SummaryTrainer(Trainer):  # type: ignore[misc]  # transformers exports it lazily
        def __init__(
            self,
            *,
            family: ModuleType,
            assess: Callable[[Any], dict[str, float]],
            record: Callable[[], dict[str, Any]],
            step_rows: int,
            ranks: Ranks,
            **arguments: Any,
        ) -> None:
            """Prepare.

            Args:
                family: the model's family.
                assess: evaluates the model, returning all metrics.
                record: what a checkpoint must remember besides transformers' state.
                step_rows: rows of an optimiser step, of all workers together.
                ranks: the workers.
                **arguments: Trainer's.
            """
            self._plain = type(arguments["model"])
            super().__init__(**arguments)
            self._family, self._assess, self._record = family, assess, record
            self._step_rows, self._ranks = step_rows, ranks
            self.model_accepts_loss_kwargs = True  # makes transformers count the target tokens of the accumulated batch
            self.loss_is_scaled_for_ga = True
            self.last_checkpoint: Path | None = None
            self.counts = Counts(ranks)
            self._add_noise()

        def _add_noise(self) -> None:
            """NEFTune where the text comes in. transformers asks for *the* embeddings, and BART's encoder has a copy of its own."""
            self.neftune_noise_alpha: float | None = None  # keeps transformers from doing it
            if self.args.neftune_noise_alpha is not None:
                reader = self.model.get_encoder() if self.model.config.is_encoder_decoder else self.model
                embeddings = reader.get_input_embeddings()
                embeddings.neftune_noise_alpha = self.args.neftune_noise_alpha
                embeddings.register_forward_hook(neftune_post_forward_hook)

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            dataset = train_dataset if train_dataset is not None else self.train_dataset
            if self.args.train_sampling_strategy != "group_by_length":
                return super()._get_train_sampler(dataset)
            return LengthGrouped(list(dataset["length"]), self._step_rows, self._seed_of_order)

        @property
        def _seed_of_order(self) -> int:
            return int(self.args.data_seed if self.args.data_seed is not None else self.args.seed)

        def get_train_dataloader(self) -> Any:
            if not self._ranks.several:
                return super().get_train_dataloader()
            order = self._get_train_sampler()
            if isinstance(order, torch.utils.data.RandomSampler):  # as accelerate makes it of one: the same in every worker
                order = SeedableRandomSampler(self.train_dataset, data_seed=self._seed_of_order)
            rows = Dealt(order, self._step_rows, self.args.train_batch_size, self._ranks.rank, self._ranks.size)
            loader = torch.utils.data.DataLoader(
                self.train_dataset,
                batch_sampler=rows,
                collate_fn=self.data_collator,
                num_workers=self.args.dataloader_num_workers,
                pin_memory=self.args.dataloader_pin_memory,
                persistent_workers=self.args.dataloader_persistent_workers,
                multiprocessing_context=self.args.dataloader_multiprocessing_context,
                prefetch_factor=self.args.dataloader_prefetch_factor,
                in_order=self.args.dataloader_in_order,
                worker_init_fn=partial(seed_worker, num_workers=self.args.dataloader_num_workers, rank=self._ranks.rank),
            )
            # One process, as far as accelerate is concerned: what it would deal out is dealt out.
            return prepare_data_loader(loader, self.args.device, num_processes=1, process_index=0, put_on_device=True)

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            logits, targets = self._family.logits_and_targets(_Forward(model, self.model), inputs)
            loss = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1).float(),
                targets.flatten(),
                reduction="sum",
                label_smoothing=self.args.label_smoothing_factor if model.training else 0.0,
            )
            loss = loss / (num_items_in_batch if num_items_in_batch is not None else (targets != -100).sum())
            if model.training:
                loss = loss * self._ranks.size  # over the tokens of all workers, whose gradients are then averaged
            return (loss, {"logits": logits}) if return_outputs else loss

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            loss = super().training_step(model, inputs, num_items_in_batch)
            self._check_loss(self.counts.loss_arrives(loss, self.state.global_step + 1))
            self.counts.add(*self._family.token_counts(inputs))
            return loss

        def rehearse(self, inputs: Any) -> None:
            """Forward and backward, counted nowhere, and, where there are several workers, without waiting for the others."""
            model = self.model if self._ranks.several else self.model_wrapped
            super().training_step(model, inputs, (inputs["labels"] != -100).sum())

        def _check_loss(self, not_a_number: tuple[float, int] | None) -> None:
            if not_a_number is not None:
                value, step = not_a_number
                raise TrialFailure(
                    "diverged",
                    f"the training loss became {value} at step {step}, at a learning rate of "
                    f"{self._get_learning_rate():.3g}; lower learning rates, more warm-up or max_grad_norm help.",
                )

        def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict[str, float]:
            self._check_loss(self.counts.loss_of_last_step())
            model = whole_model(self, self._plain, first=self._ranks.first) if self.is_fsdp_enabled else bare(self.model)
            metrics = {f"{metric_key_prefix}_{name}": value for name, value in self._assess(model).items()}
            self.log(dict(metrics))
            return metrics

        def _get_output_dir(self, trial: Any) -> str:
            return os.path.join(self.args.output_dir, ".unfinished")

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            self._check_loss(self.counts.loss_of_last_step())
            unfinished, checkpoints = Path(self._get_output_dir(trial)), Path(self.args.output_dir)
            final = checkpoint_folder(checkpoints, self.state.global_step)
            record = self._record()
            if self._ranks.first:
                shutil.rmtree(unfinished, ignore_errors=True)
            self._ranks.meet()
            with self._writing(checkpoints):
                try:
                    super()._save_checkpoint(model, trial)  # each worker's random numbers, and by rank 0 all the rest
                    self._ranks.meet()
                    if self._ranks.first:
                        self._finish(checkpoint_folder(unfinished, self.state.global_step), final, record)
                finally:
                    if self._ranks.first:
                        shutil.rmtree(unfinished, ignore_errors=True)
            self._ranks.meet()
            self.last_checkpoint = final

        def _writing(self, checkpoints: Path) -> Writing:
            older = sealed_checkpoints(checkpoints)
            need = bytes_on_disk(older[-1]) if older else self._state_bytes()
            safe = f"{older[-1]} is whole." if older else ""
            return Writing(f"the checkpoint of step {self.state.global_step}", checkpoints, need=need, safe=safe)

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            if self.is_deepspeed_enabled:  # has brought all of it back already
                super()._load_optimizer_and_scheduler(checkpoint)
                return
            with as_asked(self.optimizer, self.lr_scheduler):
                super()._load_optimizer_and_scheduler(checkpoint)

        def _finish(self, written: Path, final: Path, record: dict[str, Any]) -> None:
            durable.write_json(written / PROGRESS_FILE, record)
            seal(written)
            if final.exists():  # a damaged one, since which training has come this way again
                shutil.rmtree(final)
            os.rename(written, final)
            durable.sync_folder(final.parent)

        def _state_bytes(self) -> int:
            """About what a checkpoint takes: the weights, and what the optimiser keeps of each."""
            kept = [value for state in self.optimizer.state.values() for value in state.values() if torch.is_tensor(value)]
            return sum(tensor.numel() * tensor.element_size() for tensor in [*self.model.state_dict().values(), *kept])

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            super()._save(output_dir, state_dict)
            if not self._ranks.first:
                return
            folder = Path(output_dir or self.args.output_dir)
            (folder / "training_args.bin").unlink(missing_ok=True)
            for weights in folder.glob("*.safetensors"):
                weights.chmod(0o644)  # safetensors makes them 0600, which would hide the model from the team

    return SummaryTrainer


class _Forward:
    """Calls the wrapped model (mixed precision, data parallel), and asks the bare one for everything else."""

    def __init__(self, wrapped: Any, bare: Any) -> None:
        self._wrapped, self._bare = wrapped, bare

    def __call__(self, **inputs: Any) -> Any:
        return self._wrapped(**inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bare, name)

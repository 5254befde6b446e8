"""The settings of a single training: every key, its meaning, unit, range and default, each written once.

The reference page and the JSON schema are made from these models. Nothing here knows where a value came from (`layers` does),
nor what varies (`space` does). Keys are documented in the terms of transformers, W&B and Ray.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

PositiveInt = Annotated[int, Field(strict=True, gt=0)]
NaturalInt = Annotated[int, Field(strict=True, ge=0)]
# Strict, since pydantic otherwise takes `true` for 1.0 and "0.1" for a number; an integer is still a number.
Real = Annotated[float, Field(strict=True)]
Share = Annotated[Real, Field(ge=0.0, le=1.0)]

SPEAKER_TOKENS = ("#Person1#", "#Person2#", "#Person3#", "#PhoneNumber#", "#Address#", "#PassportNumber#")

OPEN_KEYS = ("model.config_overrides", "model.lora")
"""Mappings whose entries are laid over one by one, each a dotted key of its own; the names in the first are not ours."""


class Section(BaseModel):
    """A section of the settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Meta(Section):
    """What the settings are called; nothing here changes a training."""

    experiment_name: str = Field("dialogue_summarization", description="Name of the experiment.")
    version: str = Field("1.0", description="Version of these settings, the person's own.")
    description: str = Field("", description="A sentence about them.")
    author: str = Field("", description="Who wrote them.")
    created_date: str = Field("", description="When they were written.")
    tags: tuple[str, ...] = Field((), description="Free tags.")


class General(Section):
    """What holds for the whole training."""

    seed: Annotated[NaturalInt, Field(lt=2**32)] = Field(42, description="Seed of initial weights, data order and dropout.")
    model_name: str | None = Field(None, description="The same as model.checkpoint (the old system's key).")
    output_dir: str = Field("./results", description="Folder that run directories are made in, relative to the current folder.")
    device: Literal["auto", "cuda", "cpu"] = Field("auto", description="`cpu` reserves no GPU; `auto` takes a GPU where there is one.")
    data_path: str | None = Field(None, description="Folder of train.csv, dev.csv, test.csv (the old system's key).")
    storage: str | None = Field(
        None, description="s3://bucket/prefix, gs://bucket/prefix or file:///folder that a run's copy is kept in, its checkpoints included."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level written to training.log.")


class Lora(Section):
    """Low-rank adapters, through PEFT. Naming any of these keys turns them on; the best model is written with them merged in."""

    r: PositiveInt = Field(8, description="Rank of the adapters. Also `lora_r`.")
    alpha: PositiveInt = Field(16, description="Scale: what an adapter adds is multiplied by alpha / r. Also `lora_alpha`.")
    dropout: Share = Field(0.0, description="Dropout before the adapters, in training. Also `lora_dropout`.")
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        (), description="Modules that get adapters, by the ends of their names; empty: what PEFT knows of the model; `all-linear`: all."
    )


class Model(Section):
    """Which model is trained."""

    preset: str | None = Field(None, description="Preset that the model's own settings come from.")
    architecture: str | None = Field(None, description="kobart, bart, t5, mt5, kogpt2, gpt2, llama, …; left out: read from the checkpoint.")
    checkpoint: str | None = Field(None, description="Name on the model hub, or a local folder.")
    load_pretrained: StrictBool = Field(True, description="false: random weights, built from the configuration.")
    trust_remote_code: StrictBool = Field(
        False, description="Run Python code that comes with the checkpoint: only where you trust its author."
    )
    gguf_file: str | None = Field(
        None,
        description="Name of a GGUF file in the checkpoint (causal models; needs the extra `gguf`); its weights are de-quantised, once.",
    )
    config_overrides: dict[str, Any] = Field(default_factory=dict, description="Keys of the model's own configuration, laid over it.")
    dropout_rate: Share | None = Field(None, description="Rate of every dropout that the model has; left out: the checkpoint's.")
    freeze_encoder: StrictBool = Field(False, description="Don't train the encoder; with lora: no adapters in it.")
    freeze_embeddings: StrictBool = Field(
        False, description="Don't train the embeddings; with lora, which trains those of added tokens alone: not these either."
    )
    lora: Lora | None = Field(
        None,
        description="Train low-rank adapters and the embeddings of added tokens only (needs the extra `lora`); `{}`: defaults.",
    )
    quantization: Literal["none", "8bit", "4bit"] = Field(
        "none",
        description="Quantise the frozen weights (QLoRA): needs lora and its extra; less memory, and without a GPU much slower.",
    )


class Tokenizer(Section):
    """How text becomes tokens."""

    encoder_max_len: PositiveInt = Field(512, description="Longest source, in tokens.")
    decoder_max_len: PositiveInt = Field(128, description="Longest target in training, in tokens.")
    special_tokens: tuple[str, ...] = Field(SPEAKER_TOKENS, description="Tokens kept whole in input and output.")
    bos_token: str | None = Field(None, description="Left out: the tokenizer's.")
    eos_token: str | None = Field(None, description="Left out: the tokenizer's.")
    pad_token: str | None = Field(None, description="Left out: the tokenizer's; where a causal model has none: its end token.")
    truncation_side: Literal["left", "right"] = Field("right", description="Which end of a source that is too long is cut.")
    prefix: str = Field("", description="Text put before every dialogue (T5's `summarize: `).")
    input_format: str | None = Field(None, description="How prompt and summary are joined, for causal models.")
    vocab_size: PositiveInt | None = Field(
        None, description="Train a tokenizer of this size on the training data; for models without a checkpoint."
    )


class Training(BaseModel):
    """The optimisation. Any other argument of transformers' Seq2SeqTrainingArguments may stand here too."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    per_device_train_batch_size: PositiveInt = Field(16, description="Dialogues in a training batch, per device.")
    per_device_eval_batch_size: PositiveInt = Field(32, description="Dialogues in an evaluation batch, per device.")
    learning_rate: Annotated[Real, Field(gt=0.0, lt=1.0)] = Field(5e-5, description="Peak learning rate.")
    num_train_epochs: Annotated[PositiveInt, Field(le=10_000)] = Field(3, description="Passes over the training data.")
    warmup_ratio: Share = Field(0.1, description="Share of the steps over which the learning rate rises.")
    weight_decay: Annotated[Real, Field(ge=0.0)] = Field(0.01, description="Weight decay.")
    lr_scheduler_type: str = Field("cosine", description="One of transformers' schedules.")
    optim: str = Field("adamw_torch", description="One of transformers' optimisers.")
    label_smoothing: Annotated[Real, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="Label smoothing (transformers' label_smoothing_factor)."
    )
    gradient_accumulation_steps: PositiveInt = Field(1, description="Batches per optimiser step.")
    max_grad_norm: Annotated[Real, Field(ge=0.0)] = Field(1.0, description="Gradient clipping; 0 turns it off.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="auto: bf16 where the GPU has it, else fp16 where the model takes it (BART, GPT-2; T5 overflows), else fp32. "
        "Except with fp32, products of fp32 numbers are computed in tf32 where the GPU has it (`tf32: false` turns it off).",
    )
    fp16: StrictBool = Field(False, description="The same as precision: fp16.")
    bf16: StrictBool = Field(False, description="The same as precision: bf16.")
    gradient_checkpointing: StrictBool = Field(False, description="Less memory for about a third more time.")
    dataloader_num_workers: NaturalInt = Field(0, description="Processes that collate batches.")
    early_stopping_patience: PositiveInt | None = Field(
        None, description="Evaluations without improvement before a trial ends; left out: off."
    )
    early_stopping_threshold: Annotated[Real, Field(ge=0.0)] = Field(0.0, description="What counts as improvement.")
    save_total_limit: PositiveInt = Field(
        2, description="Checkpoints kept per attempt; with save_steps at least 2: the last evaluation's, and the newest."
    )
    keep_checkpoint: StrictBool = Field(
        True,
        description="Whether the last checkpoint, with the optimiser's state, stays when a training is over. Its best model always does.",
    )
    save_steps: PositiveInt | None = Field(
        None, description="Also write a checkpoint every so many optimiser steps; left out: at evaluations only."
    )
    max_steps: Annotated[PositiveInt, Field(le=100_000_000)] | None = Field(
        None, description="End after so many optimiser steps; left out: num_train_epochs decides."
    )
    timeout_s: PositiveInt | None = Field(None, description="Seconds after which an attempt is ended, and the trial has failed.")


class Generation(Section):
    """How summaries are decoded."""

    max_length: Annotated[int, Field(strict=True, ge=2)] = Field(
        100, description="Longest summary, in tokens, the one that encoder-decoder models begin with among them."
    )
    min_length: NaturalInt = Field(0, description="Shortest summary, in tokens.")
    max_new_tokens: PositiveInt | None = Field(None, description="Instead of max_length.")
    num_beams: PositiveInt = Field(4, description="Beams; 1 is greedy.")
    length_penalty: Real = Field(1.0, description="Above 0 favours longer summaries, with beams.")
    no_repeat_ngram_size: NaturalInt = Field(
        2,
        description="No n-gram of this size twice; 0 is off. In decoder-only models the prompt counts, as in transformers' generate, and "
        "it is 0 unless one says otherwise.",
    )
    repetition_penalty: Annotated[Real, Field(gt=0.0)] = Field(
        1.0, description="Above 1 discourages repetition; in decoder-only models of the prompt's tokens, too."
    )
    early_stopping: StrictBool = Field(True, description="End the beam search when enough candidates are complete.")
    do_sample: StrictBool = Field(False, description="Draw tokens instead of taking the likeliest; with one beam.")
    temperature: Annotated[Real, Field(gt=0.0)] | None = Field(None, description="With do_sample.")
    top_k: PositiveInt | None = Field(None, description="With do_sample.")
    top_p: Annotated[Real, Field(gt=0.0, le=1.0)] | None = Field(None, description="With do_sample.")


class Evaluation(Section):
    """How a model is scored."""

    metrics: tuple[str, ...] = Field(
        ("rouge",), description="Metrics: files of summtune/metrics by name, or Python files of one's own by path."
    )
    rouge_tokenizer: Literal["auto", "mecab", "kiwi", "whitespace", "char", "english"] = Field(
        "auto", description="auto: mecab for Hangul, else english; kiwi comes with the extra of that name."
    )
    references: Literal["max", "mean"] = Field("max", description="Over several references of one dialogue: the best by F1, or the mean.")
    combined: Literal["mean", "sum"] | dict[str, Real] = Field(
        "mean", description="rouge_combined_f1 from ROUGE-1, -2, -L: mean, sum, or weights."
    )
    strategy: Literal["proxy", "full"] = Field(
        "proxy",
        description="proxy: cheap evaluations on the way, and full ones (all of dev, all beams) of the likeliest trials at the end, which "
        "alone name the best. full: each evaluation is full.",
    )
    proxy_samples: PositiveInt | None = Field(
        None, description="Dialogues of a cheap evaluation; left out: a sixth, at least 12, at most 80."
    )
    proxy_decoding: Literal["own", "greedy"] = Field(
        "own",
        description="How a cheap evaluation decodes: own, as `generation` says, or greedy, which costs less and is less faithful.",
    )
    proxy_top_k: PositiveInt = Field(5, description="How many trials, the best by cheap evaluations, are evaluated in full at the end.")
    proxy_front_k: NaturalInt = Field(
        5,
        description="With several objectives: how many more are, of those that no other beats in all of them by cheap evaluations; of a "
        "longer front those that lie furthest apart.",
    )
    every: PositiveInt = Field(1, description="Epochs between evaluations; the last epoch is evaluated in any case.")
    sealed: StrictBool = Field(False, description="Keep the test split out of reach until the end.")
    noise_seeds: PositiveInt | None = Field(None, description="Repeats that measure noise.")


class Data(Section):
    """Which dialogues, and how their columns are called. Paths: .csv, .tsv, .json, .jsonl, .ndjson or .parquet."""

    train: Path | None = Field(None, description="Training data; left out: the sample data.")
    dev: Path | None = Field(None, description="Development data, by which trials are scored; left out: the sample data.")
    test: Path | None = Field(
        None, description="Test data, with or without summaries; left out: the sample data where data.train is left out, too, else none."
    )
    dialogue: str = Field("dialogue", description="Column of the dialogue.")
    summary: str | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        "summary",
        description="Column of the summary, or a list of columns: a dialogue is scored against all that it has, and taught the first.",
    )
    id: str = Field("fname", description="Column of the id.")
    references: tuple[str, ...] = Field((), description="Columns of further references, after data.summary.")
    max_train_samples: PositiveInt | None = Field(None, description="Take only the first so many training rows.")
    max_val_samples: PositiveInt | None = Field(None, description="Take only the first so many development rows.")
    clean: StrictBool = Field(
        False,
        description="Clean dialogues and the summaries that are taught: Unicode NFC; control and format characters such as zero-width "
        "spaces go; runs of spaces become one; spaces around lines and empty lines go. Line breaks between turns and tags stay, and so do "
        "the references that are scored by.",
    )
    topic_prefix: StrictBool = Field(
        False, description="Put the topic before the dialogue, in square brackets on a line of its own, in training and in predict."
    )
    topic: str = Field("topic", description="Column of the topic, for topic_prefix.")


class Inference(Section):
    """How `summtune predict` works."""

    batch_size: PositiveInt = Field(32, description="Dialogues decoded at a time.")
    result_path: str | None = Field(None, description="Where predictions are written.")
    remove_tokens: tuple[str, ...] = Field(("<usr>", "<s>", "</s>", "<pad>"), description="Removed from predictions.")
    output_format: Literal["csv", "json"] = Field("csv", description="Form of the predictions.")
    engine: Literal["hf", "ct2"] = Field("hf", description="transformers, or CTranslate2.")


class Wandb(Section):
    """The mirror in Weights & Biases."""

    project: str | None = Field(None, description="Project; left out: summtune.")
    entity: str | None = Field(None, description="Team or user.")
    name: str | None = Field(None, description="Name of the run.")
    group: str | None = Field(None, description="Group; left out: the run.")
    tags: tuple[str, ...] = Field((), description="Tags.")
    notes: str = Field("", description="Notes.")
    mode: Literal["online", "offline", "disabled"] | None = Field(None, description="Left out: online with a key, else disabled.")
    log_model: StrictBool = Field(False, description="Upload the best model.")
    job_type: str | None = Field(None, description="W&B's job type.")


class Settings(Section):
    """One complete configuration of a single training."""

    meta: Meta = Field(default_factory=Meta)
    general: General = Field(default_factory=General)
    model: Model = Field(default_factory=Model)
    tokenizer: Tokenizer = Field(default_factory=Tokenizer)
    training: Training = Field(default_factory=Training)
    generation: Generation = Field(default_factory=Generation)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    data: Data = Field(default_factory=Data)
    inference: Inference = Field(default_factory=Inference)
    wandb: Wandb = Field(default_factory=Wandb)

"""A GGUF file of some forty kilobytes: a Llama with a byte-pair tokenizer, as llama.cpp's converter would write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.small_training import rows

WIDTH, HEADS, LAYERS, INNER, POSITIONS = 32, 2, 1, 32, 256
BOS, EOS, UNK = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def learnt_tokens() -> dict[str, Any]:
    """A byte-level tokenizer's model: its vocabulary and merges."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = [text for row in rows(16) for text in (row["dialogue"], row["summary"])]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[UNK, BOS, EOS], initial_alphabet=sorted(alphabet), show_progress=False)
    learner.train_from_iterator(texts, trainer)
    found: dict[str, Any] = json.loads(learner.to_str())["model"]
    return found


def write_gguf(file: Path, architecture: str = "llama", *, chat: bool = False) -> dict[str, np.ndarray]:
    """Write the file; the weights as they are de-quantised, by llama.cpp's names, come back."""
    import gguf

    learnt = learnt_tokens()
    tokens = sorted(learnt["vocab"], key=learnt["vocab"].__getitem__)
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in (UNK, BOS, EOS) else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in learnt["merges"]])
    writer.add_bos_token_id(tokens.index(BOS))
    writer.add_eos_token_id(tokens.index(EOS))
    writer.add_unk_token_id(tokens.index(UNK))
    writer.add_pad_token_id(tokens.index(EOS))
    if chat:
        writer.add_chat_template(CHAT)
    weights = _weights(len(tokens))
    kept = {}
    for name, weight in weights.items():
        if weight.ndim == 1:
            writer.add_tensor(name, weight)
            kept[name] = weight
        else:
            blocks = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            kept[name] = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return kept


def _weights(vocabulary: int) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return (dice.standard_normal(shape) * 0.1).astype(np.float32)

    found = {"token_embd.weight": drawn(vocabulary, WIDTH), "output_norm.weight": np.ones(WIDTH, np.float32)}
    for layer in range(LAYERS):
        before = f"blk.{layer}"
        found |= {f"{before}.attn_{one}.weight": drawn(WIDTH, WIDTH) for one in ("q", "k", "v", "output")}
        found |= {f"{before}.ffn_{one}.weight": drawn(INNER, WIDTH) for one in ("gate", "up")}
        found[f"{before}.ffn_down.weight"] = drawn(WIDTH, INNER)
        found |= {f"{before}.{one}_norm.weight": np.ones(WIDTH, np.float32) for one in ("attn", "ffn")}
    return found

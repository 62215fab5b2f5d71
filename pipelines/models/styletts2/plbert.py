"""PL-BERT: the ALBERT over phoneme symbols, from transformers, without its pooler."""

from __future__ import annotations

from torch import Tensor, nn

import pipelines.runtime.torchaudio_import  # noqa: F401 (transformers imports torchaudio)
from pipelines.models.styletts2.config import ModelConfig
from pipelines.runtime.lengths import Lengths


def plbert(config: ModelConfig) -> nn.Module:
    """The model with StyleTTS2's sizes; its parameters are named as in published checkpoints."""
    from transformers import AlbertConfig, AlbertModel

    bert = config.bert
    return AlbertModel(
        AlbertConfig(
            vocab_size=config.symbols,
            embedding_size=bert.embedding,
            hidden_size=bert.hidden,
            num_attention_heads=bert.heads,
            intermediate_size=bert.intermediate,
            num_hidden_layers=bert.layers,
            max_position_embeddings=bert.positions,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            hidden_act="gelu_pytorch_tanh",
        ),
        add_pooling_layer=False,
    )


def encode(bert: nn.Module, tokens: Tensor, lengths: Lengths) -> Tensor:
    """Last hidden state `[batch, tokens, hidden]` of `[batch, tokens]`; padding is not attended."""
    mask = lengths.real.long() if lengths.padded else None
    return bert(tokens, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]

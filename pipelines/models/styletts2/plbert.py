"""PL-BERT: the ALBERT over phoneme symbols, from transformers, without its pooler."""

from __future__ import annotations

from torch import Tensor, nn

from pipelines.models.styletts2.config import ModelConfig
from pipelines.runtime.device import make_torchaudio_importable
from pipelines.runtime.lengths import Lengths

make_torchaudio_importable()  # transformers imports torchaudio wherever it is installed

from transformers import AlbertConfig, AlbertModel  # noqa: E402


def plbert(config: ModelConfig) -> nn.Module:
    """The model with StyleTTS2's sizes; its parameters are named as in published checkpoints."""
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
    # Of four dimensions: of two, transformers looks at its values, for which a GPU has to wait.
    mask = (
        lengths.real[:, None, None].expand(-1, 1, tokens.shape[1], -1) if lengths.padded else None
    )
    return bert(tokens, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]

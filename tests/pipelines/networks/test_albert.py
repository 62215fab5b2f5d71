from __future__ import annotations

import torch

import pipelines.runtime.torchaudio_import  # noqa: F401 (transformers imports torchaudio)
from pipelines.networks.albert import Albert, AlbertConfig
from pipelines.runtime.lengths import Lengths

CONFIG = AlbertConfig(
    vocabulary=178, embedding=32, width=48, layers=3, heads=4, inner=96, positions=64
)


def test_albert_equals_that_of_transformers() -> None:
    import transformers

    torch.manual_seed(0)
    published = transformers.AlbertModel(
        transformers.AlbertConfig(
            vocab_size=CONFIG.vocabulary,
            embedding_size=CONFIG.embedding,
            hidden_size=CONFIG.width,
            num_hidden_layers=CONFIG.layers,
            num_attention_heads=CONFIG.heads,
            intermediate_size=CONFIG.inner,
            max_position_embeddings=CONFIG.positions,
            hidden_act="gelu_pytorch_tanh",
        ),
        add_pooling_layer=False,
    ).eval()
    ours = Albert(CONFIG)
    ours.load_state_dict(published.state_dict())
    tokens = torch.randint(0, CONFIG.vocabulary, (3, 20))
    for values in ((20, 20, 20), (20, 13, 1)):
        lengths = Lengths.of(values)
        with torch.inference_mode():
            made = ours(tokens, lengths)
            expected = published(tokens, attention_mask=lengths.real.long()).last_hidden_state
        for member, length in enumerate(values):
            torch.testing.assert_close(
                made[member, :length], expected[member, :length], rtol=1e-4, atol=1e-5
            )

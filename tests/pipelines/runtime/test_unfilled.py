import subprocess
import sys

import torch
from torch import nn

from pipelines.runtime.unfilled import Unfilled


def test_nothing_is_drawn_for_layers_that_are_made_meanwhile() -> None:
    state = torch.random.get_rng_state()
    with Unfilled():
        layers = [nn.Linear(3, 4), nn.Conv1d(2, 2, 3), nn.Embedding(5, 6), nn.LSTM(3, 4)]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [tuple(p.shape) for p in layers[0].parameters()] == [(4, 3), (4,)]
    nn.Linear(3, 4)
    assert not torch.equal(torch.random.get_rng_state(), state)


def test_what_is_no_parameter_is_computed() -> None:
    with Unfilled():
        assert torch.ones(3).sum() == 3
        assert torch.full((2,), 7.0).tolist() == [7, 7]


def test_shapes_alone_need_no_compiler() -> None:
    program = (
        "import sys, torch\n"
        "from torch import nn\n"
        "from pipelines.runtime.unfilled import Unfilled\n"
        "with torch.device('meta'), Unfilled():\n"
        "    nn.Embedding(5, 6), nn.Linear(3, 4)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"

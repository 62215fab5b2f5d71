"""`python -m pipelines.parity DIR [--json]`: the same as `python -m parity DIR [--json]`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("parity", run_name="__main__", alter_sys=True)

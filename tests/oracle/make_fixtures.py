"""Makes the project's own fixtures: tiny models, adapters, data and goldens.

    oracle-python tests/oracle/make_fixtures.py tests/testdata

Everything under models/, adapters/, data/ and golden/ of that folder is
written anew; README.md there documents each file and is written by hand. The
run is deterministic on one machine (fixed seeds, one thread), so a second run
leaves `git status` clean; on another CPU the last bits of the goldens may
differ, far below any tolerance a test may use. It takes ten seconds.

Nothing is downloaded: weights are random, tokenizers are trained on the rows
of fixture_data.py, and Transformers, PEFT and torch are the oracle.
"""

import os
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
import transformers

import fixture_chat
import fixture_data
import fixture_goldens
import fixture_models


def main(root):
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for folder in ("models", "adapters", "data", "golden"):
        shutil.rmtree(os.path.join(root, folder), ignore_errors=True)
        os.makedirs(os.path.join(root, folder))
    fixture_data.write(os.path.join(root, "data"))
    fixture_models.write_models(os.path.join(root, "models"))
    fixture_models.write_adapters(root)
    fixture_goldens.write(root)
    fixture_chat.write(root, fixture_goldens.write_golden)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_fixtures.py TESTDATA_DIR")
    main(sys.argv[1])

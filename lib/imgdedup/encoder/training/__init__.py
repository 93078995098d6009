"""Trains a ResNet-50 to recognise copies, from photographs alone, without labels.

Two edited views of one photograph must become nearest neighbours among all views. That is
contrastive learning (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
Representations"). Pizzi et al. 2022, "A Self-Supervised Descriptor for Image Copy Detection", added
three things for copies: strong edits, mixed pictures that match each of their parts, and an entropy
term that spreads the vectors.

`command` starts a training, as its `recipe` says. `photos` packs the photographs, `batches` draws
them, `views` edits them (with `strengths`, `draws`, `moves` and `mixes`). `objective` is the loss,
and `teacher` the weights that it may imitate instead. `trainer` does the steps and keeps
checkpoints. `heldout` measures how well unseen copies are found. `card` writes the model card.
"""

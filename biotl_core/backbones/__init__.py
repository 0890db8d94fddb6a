"""STEPS 1 and 3 of the chain: load a pretrained backbone, extract features."""

"""Genomes: from annotated or bare sequences to shared genes, gene order, functions and remote relatives."""

"""Protein structures: read, describe, and prepare for the 3D viewer."""

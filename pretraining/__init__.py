"""How the embedded backbones are made (not needed to use BioTL)."""

"""Drug screening: her assay table becomes a judged model, and the model ranks a library of molecules."""

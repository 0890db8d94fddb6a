"""Reports: a finished run as one page to keep, to print and to cite; its model card."""

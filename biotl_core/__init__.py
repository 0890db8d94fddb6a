"""The core of BioTL: everything the pages and the shell do, without Streamlit.

Floors from the ground up, each knowing only those below it:
`errors, home, hardware` - `data` - `backbones, evaluation` - `learning, structures` - `plots` - `runs` - `cli`.
"""

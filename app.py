"""The router: `streamlit run app.py`. Nothing that a page needs is set up here."""

from widgets.navigation import draw_navigation

draw_navigation().run()

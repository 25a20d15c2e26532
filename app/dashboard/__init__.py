"""The dashboard: HTML pages with lists, details and plots."""

"""The pages for people: views, plots, words."""

"""Why runs fail: a table of rules that recognise an error in the message or in the log of a run.

To teach the service another error, add a rule, and its output to tests/models/failures/. The first rule wins of which
a pattern matches, so special ones stand before general ones. A pattern is searched in each line, without its part after
the first 500 characters. Its groups fill the braces in `cause`. Patterns name the error itself, not words around it.
"""

from app.models.failure_rules import bakeries, packages, recipes, sources
from app.models.failure_rules.rule import CLASSES, LOST, MAINTAINER, OPERATOR, TIMED_OUT, UNKNOWN, WHO, Rule

RULES = (*packages.RULES, *recipes.RULES, *bakeries.RULES, *sources.RULES)

__all__ = ["CLASSES", "LOST", "MAINTAINER", "OPERATOR", "RULES", "TIMED_OUT", "UNKNOWN", "WHO", "Rule"]

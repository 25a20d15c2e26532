"""What a rule is, and the classes of failures."""

from typing import NamedTuple

CONTRIBUTOR, MAINTAINER, OPERATOR = WHO = ("contributor", "maintainer", "operator")
UNKNOWN, LOST, TIMED_OUT = "unknown", "lost", "timed_out"
# Each class of failures, with a sentence about what its failures have in common.
CLASSES = {
    "dependency_not_installed": "A package that the recipe requires could not be installed.",
    "recipe_not_importable": "The code of the recipe could not be imported.",
    "object_missing": "A file or a recipe that the feedstock names does not exist.",
    "source_not_found": "A source file does not exist.",
    "source_unreachable": "The host of the source files did not answer, or answered with an error of the server.",
    "source_denied": "The host of the source files refused access.",
    "source_slow": "The host of the source files took too long.",
    "sources_do_not_fit": "The source files cannot be read or combined as the recipe describes.",
    "out_of_memory": "A worker had too little memory.",
    "not_picklable": "Something in the recipe could not be sent to the workers.",
    "version_mismatch": "The versions of two packages do not fit together.",
    "bakery_misconfigured": "The bakery is configured wrongly, or lacks rights or quota.",
    LOST: "The runner lost the run, or never started it.",
    TIMED_OUT: "The run took longer than it may.",
    UNKNOWN: "No rule knows the reason, or the runner gave none.",
}


class Rule(NamedTuple):
    """An error: who can do something about it, what, and the patterns by which it is recognised.

    The errors of a `general` rule have a reason elsewhere in the text, which is better than the error itself.
    """

    name: str
    failure_class: str
    who: str
    cause: str
    next_step: str
    patterns: tuple[str, ...]
    general: bool = False

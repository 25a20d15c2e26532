"""Faults in the code of recipes and in the files of feedstocks."""

from app.models.failure_rules.rule import CONTRIBUTOR, Rule

RULES = (
    Rule(
        "module-not-installed",
        "recipe_not_importable",
        CONTRIBUTOR,
        "The module {module} is not installed.",
        "Add the package that contains this module to requirements.txt.",
        (r"ModuleNotFoundError: No module named '(?P<module>[\w.]{1,100})'",),
    ),
    Rule(
        "syntax-error",
        "recipe_not_importable",
        CONTRIBUTOR,
        "The recipe is not valid Python: {reason}.",
        "Correct the line; `python -m py_compile recipe.py` shows it.",
        (r"^(?:SyntaxError|IndentationError|TabError): (?P<reason>.{1,200})",),
    ),
    Rule(
        "name-unknown-in-worker",
        "not_picklable",
        CONTRIBUTOR,
        "A function of the recipe uses {name}, which does not exist in the workers.",
        "Import or define what the function uses inside of the function: workers get the function alone.",
        (r"NameError: name '(?P<name>\w{1,100})' is not defined.{0,300}\[while running",),
    ),
    Rule(
        "name-not-defined",
        "recipe_not_importable",
        CONTRIBUTOR,
        "The recipe uses a name that is not defined: {name}.",
        "Define or import the name in the recipe.",
        (r"NameError: (?:name ')?(?P<name>\w{1,100})(?:' is not defined)?",),
    ),
    Rule(
        "recipe-unknown",
        "object_missing",
        CONTRIBUTOR,
        "The feedstock has no recipe {recipe}; it has {known}.",
        "Correct the id of the recipe in meta.yaml, or start the run with one of these ids.",
        (r"self\.recipe_id='?(?P<recipe>[^'\s]{1,200}?)'? not in \[(?P<known>.{0,300}?)\]",),
    ),
    Rule(
        "object-unknown",
        "object_missing",
        CONTRIBUTOR,
        "meta.yaml names the object {name}, which the file of the recipe does not define.",
        "Correct the name after the colon in meta.yaml, or define the object in the file.",
        (r"_import_cache\[module\]\[export\]\n(?:[ ~^]{1,200}\n)?KeyError: '(?P<name>[^'\n]{1,100})'",),
    ),
    Rule(
        "meta-invalid",
        "object_missing",
        CONTRIBUTOR,
        "meta.yaml of the feedstock does not list its recipes as it should.",
        "Each item of `recipes` in meta.yaml needs an `id` and an `object`, or a `dict_object`.",
        (
            r"TraitError: The ``recipes`` trait",
            r"TraitError: .{0,200}is not valid under any of the given schemas",
            r"MetaYaml\.__init__\(\)",
        ),
    ),
    Rule(
        "feedstock-file-missing",
        "object_missing",
        CONTRIBUTOR,
        "The feedstock has no file {file}.",
        "Add the file at the commit of the run, or correct its name in meta.yaml.",
        (
            r"FileNotFoundError: .{0,200}'(?:[^']{0,200}/)?(?P<file>meta\.yaml|[\w-]{1,100}\.py)'",
            r"(?:can't open|cannot open) file '(?:[^']{0,200}/)?(?P<file>[^'/]{1,100}\.py)'",
        ),
    ),
    Rule(
        "not-picklable",
        "not_picklable",
        CONTRIBUTOR,
        "Beam could not send {thing} to the workers.",
        "Create open files, locks, connections and local functions inside of the function that uses them.",
        (
            r"TypeError: cannot pickle (?P<thing>'?[\w.]{1,100}'?)",
            r"(?:PicklingError|AttributeError): Can't pickle (?P<thing>.{1,150}?)(?:: |$)",
            r"Can't get attribute (?P<thing>'\w{1,100}') on <module",
        ),
    ),
)

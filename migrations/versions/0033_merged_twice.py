"""ids of datasets that were merged more than once lead to the dataset that now is

A merge of feedstocks did not change the ids that led to a merged dataset. They led to that, and not to the dataset into
which it was merged.
"""

from alembic import op

revision = "0033_merged_twice"
down_revision = "0032_lists_in_order"
branch_labels = None
depends_on = None

# `led` has each merged dataset with all datasets into which it was merged, one after the other.
REPAIR = """
WITH RECURSIVE led(id, target) AS (
    SELECT id, merged_into FROM dataset WHERE merged_into IS NOT NULL
    UNION
    SELECT led.id, dataset.merged_into FROM led JOIN dataset ON dataset.id = led.target
    WHERE dataset.merged_into IS NOT NULL
)
UPDATE dataset SET merged_into = led.target
FROM led JOIN dataset AS last ON last.id = led.target AND last.merged_into IS NULL
WHERE led.id = dataset.id AND dataset.merged_into <> led.target
"""


def upgrade() -> None:
    op.execute(REPAIR)


def downgrade() -> None:
    """Change nothing: the repaired ids are also right for the release before."""
